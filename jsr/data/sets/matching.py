"""Pictures of one original under the names that programs give them: baby_HR.png, babyx4.png, baby_x4_out.png."""

import re
from collections.abc import Sequence
from pathlib import PurePath

from jsr.errors import DataError

# The end of an original's name in SelfExSR, RNAN, BasicSR and RealSR.
ORIGINAL = re.compile(r"(?i)(?<=.)[_-](SRF_\d_)?(HR|GT|original)([_-]?x?\d)?$")
# What may follow the name of the original: x4 or, after a separator, a scale or a word. A number or a letter alone is a
# part of the name: neither bird_2 nor bird_b is bird.
ENDING = re.compile(r"(?i)x\d.*|[ _.([@-].*([a-z]{2}|x\d|\dx).*")
# Scales in it: x4, 4x, SRF_4, LR4; not that of waifu2x.
SCALES = re.compile(r"(?i)(?<![a-z])x(\d)(?!\d)|(?<![a-z0-9])(\d)x(?![a-z0-9])|SRF_(\d)|(?:LR|HR|bic|BI)x?(\d)(?!\d)")


def match(originals: Sequence[PurePath], candidates: Sequence[PurePath], *, scale: int) -> list[list[PurePath]]:
    """Finds the candidates that belong to each original.

    Both have one path, but for the suffix of the file and for what is after the name. Where the names of several
    originals begin a candidate's, as img and img_b do img_b_x4, the longest counts. A name with another scale in it,
    such as 0801x2 at 4, belongs to none.

    Args:
      originals: relative paths of files.
      candidates: the same.

    Returns:
      the candidates of each original, in their order.

    Raises:
      DataError: two originals have one name, as baby_HR.png and baby.png.
    """
    keys: dict[PurePath, int] = {}
    for index, original in enumerate(originals):
        key = original.with_name(ORIGINAL.sub("", original.stem))
        if key in keys:
            raise DataError(f"{original}: expected one original of the name {key}, got {originals[keys[key]]} too")
        keys[key] = index
    found: list[list[PurePath]] = [[] for _ in originals]
    for candidate in candidates:
        stem = candidate.stem
        for end in range(len(stem), 0, -1):
            index = keys.get(candidate.with_name(stem[:end]))
            if index is not None and (end == len(stem) or _is_ending(stem[end:], scale)):
                found[index].append(candidate)
                break
    return found


def _is_ending(text: str, scale: int) -> bool:
    scales = {digit for match in SCALES.finditer(text) for digit in match.groups() if digit}
    return ENDING.fullmatch(text) is not None and scales <= {str(scale)}
