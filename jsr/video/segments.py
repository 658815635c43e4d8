"""The finished parts of a video that is being made, in a folder beside it, by which a killed run resumes.

A segment has `LENGTH` frames and an encoder of its own, so what it holds does not depend on whether the run was
stopped before it. A resumed run decodes the source from the beginning and counts, because decoding takes a thousandth
of the time of a network, and seeking in a file is not exact to the frame.
"""

import json
import shutil
from pathlib import Path

from jsr.errors import VideoError
from jsr.files import atomic

LENGTH = 96  # frames, 4 s of a film: what a kill costs, and how far apart key frames are
ENDING = ".jsr"  # of the folder, after the name of the video
DESCRIPTION = "run.json"


def folder(target: Path) -> Path:
    """Returns the folder of a result's segments."""
    return target.with_name(target.name + ENDING)


def path(place: Path, number: int) -> Path:
    """Returns the file of a segment, numbered from 0."""
    return place / f"{number:06}.nut"


def finished(place: Path) -> set[int]:
    """Returns the numbers of the segments that are finished."""
    return {int(file.stem) for file in place.glob("*.nut")}


def prepare(place: Path, description: dict[str, str]) -> None:
    """Makes the folder, or checks that the one which is there belongs to this run.

    Args:
      description: all that decides what the segments hold, by the words that an error calls it by.

    Raises:
      VideoError: it belongs to a run of another description.
      OSError: it cannot be made.
    """
    place.mkdir(exist_ok=True)
    atomic.sweep(place)
    file = place / DESCRIPTION
    try:
        found = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        found = None
    except ValueError:
        found = {}
    if found is None or not finished(place):
        atomic.write_text(file, json.dumps(description, indent=1) + "\n")
    elif found != description:
        names = [name for name, value in description.items() if found.get(name) != value]
        raise VideoError(
            f"{place} holds parts of a run with another {' and '.join(names) or 'description'}: repeat that command to"
            " finish it, or remove the folder to begin anew"
        )


def remove(place: Path) -> None:
    """Removes the folder, after its segments were joined."""
    shutil.rmtree(place, ignore_errors=True)
