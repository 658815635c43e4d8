"""Pairs for a small network to learn from a large one: low-resolution photographs and what the large one makes of them.

A network that is to give the photographs themselves sees in its loss mostly what none can know, which is noise in its
gradients; what a better network gives can be learnt (Hinton et al. 2015, "Distilling the knowledge in a neural
network", arXiv 1503.02531).
"""

from pathlib import Path

from PIL import Image
from tqdm import tqdm

from jsr.data import patch_layout, patches
from jsr.data.sets import pairs
from jsr.files import atomic
from jsr.upscaling import tiles
from jsr.weights import zoo


def make_pairs(photographs: str, folder: Path, *, teacher: str) -> None:
    """Writes `folder/lr` and `folder/hr`, with the teacher's results, unless they are there.

    The photographs that `jsr.train` holds out for validation stay as they are.
    """
    if folder.exists():
        return
    model = zoo.ready(teacher).with_precision("bf16")
    found = pairs.find(Path(photographs), scale=model.scale)
    held_out = patch_layout.spaced(patches.HOLDOUT, len(found))
    with atomic.building(folder) as unfinished:
        for part in ("lr", "hr"):
            (unfinished / part).mkdir()
        for number, pair in enumerate(tqdm(found, desc=f"{teacher} teaches")):
            lr, hr = pairs.read(pair, scale=model.scale)
            for part, picture in (("lr", lr), ("hr", hr if number in held_out else tiles.upscale(model, lr))):
                Image.fromarray(picture).save(unfinished / part / f"{pair.hr.stem}.png", compress_level=1)
