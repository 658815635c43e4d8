"""Where the originals and the low-resolution pictures of a benchmark set lie.

jsr                 hr/baby.png               lr/baby.png or lr/babyx4.png
EDSR, DIV2K         HR/baby.png               LR_bicubic/X4/babyx4.png, also DIV2K_valid_HR and so on
BasicSR             GTmod12/baby.png          LRbicx4/baby.png
SelfExSR, RealSR    baby_SRF_4_HR.png         baby_SRF_4_LR.png in the same folder
originals alone     baby.png                  none
"""

import re
from pathlib import Path
from typing import NamedTuple

from jsr.errors import DataError
from jsr.pictures import folders

HR = r"(.*_)?(hr|gt(mod\d+)?|originals?)([_-]?x?{scale})?"  # names of folders, in any case
LR = r"(.*_)?lr[_-]?(bicubic|bic|bi)?([_-]?x?{scale})?"
HR_FILE, LR_FILE = re.compile(r"(?i).*[_-]HR[_-]?\d?"), re.compile(r"(?i).*[_-]LR[_-]?\d?")


class Listing(NamedTuple):
    """The pictures of one resolution."""

    folder: Path
    pictures: list[Path]  # in the folder and below it


class SetLayout(NamedTuple):
    """The pictures of a benchmark set."""

    hr: Listing
    lr: Listing | None  # None: made from hr


def locate(folder: Path, *, scale: int) -> SetLayout:
    """Finds the pictures of a benchmark set.

    Raises:
      DataError: no folder, no originals in it, or two sub-folders that may hold them; the message names the set that
        may be meant.
    """
    hr = _child(folder, HR, scale)
    if hr is None:
        return _locate_in_one_folder(folder, scale)
    pictures = folders.list_pictures(hr)
    if not pictures:
        raise DataError(f"{hr}: no pictures")
    lr = _child(folder, LR, scale)
    return SetLayout(Listing(hr, pictures), Listing(lr, folders.list_pictures(lr)) if lr else None)


def _child(folder: Path, pattern: str, scale: int) -> Path | None:
    """Returns the sub-folder of a name, and of that the one of the scale."""
    expected = re.compile(pattern.format(scale=scale), re.IGNORECASE)
    children = [path for path in _children(folder) if expected.fullmatch(path.name)]
    if len(children) > 1:
        raise DataError(f"{folder}: expected one sub-folder like 'hr' or 'lr', got {children[0]} and {children[1]}")
    if not children:
        return None
    return next((path for path in _children(children[0]) if path.name.lower() == f"x{scale}"), children[0])


def _children(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _locate_in_one_folder(folder: Path, scale: int) -> SetLayout:
    # Not those below, which may be results that were made from these.
    pictures = [path for path in folders.list_pictures(folder) if path.parent == folder] if folder.is_dir() else []
    hint = _hint(folder, scale)
    if hint or not pictures:
        reason = "has no sub-folder 'hr'" if folder.is_dir() else "is not a folder"
        raise DataError(f"{folder} {reason}; expected SET_DIR/hr and, optionally, SET_DIR/lr{hint}")
    hrs, lrs = ([path for path in pictures if name.fullmatch(path.stem)] for name in (HR_FILE, LR_FILE))
    if hrs and lrs:
        return SetLayout(Listing(folder, hrs), Listing(folder, lrs))
    return SetLayout(Listing(folder, pictures), None)


def _hint(folder: Path, scale: int) -> str:
    """Names the set that may be meant: the one of the scale in a folder of several, or the one that a folder is of."""
    is_part = any(re.fullmatch(name.format(scale=r"\d"), folder.name, re.IGNORECASE) for name in (HR, LR))
    places = [folder / f"x{scale}", *([folder.parent] if is_part else [])]
    return next((f", perhaps {place}" for place in places if _child(place, HR, scale)), "")
