"""Pairs for a small network to learn from a large one: low-resolution photographs and what the large one makes of them.

A network that is to give the photographs themselves sees in its loss mostly what none can know, which is noise in its
gradients; what a better network gives can be learnt (Hinton et al. 2015, "Distilling the knowledge in a neural
network", arXiv 1503.02531).
"""

from pathlib import Path

from PIL import Image
from tqdm import tqdm

from jsr.data import patch_layout
from jsr.data.sets import pairs
from jsr.files import atomic
from jsr.pictures import folders, reading
from jsr.pictures.picture import flatten, rgb
from jsr.upscaling import tiles
from jsr.weights import zoo

HELD_OUT = 8  # photographs that `jsr.train` validates on, as many as without a teacher: these stay as they are


def make_pairs(photographs: str, folder: Path, *, teacher: str) -> None:
    """Writes `folder/lr` and `folder/hr`, with the teacher's results, unless they are there."""
    if folder.exists():
        return
    model = zoo.ready(teacher).with_precision("bf16")
    found = folders.list_pictures(photographs)
    held_out = patch_layout.spaced(HELD_OUT, len(found))
    with atomic.building(folder) as unfinished:
        for part in ("lr", "hr"):
            (unfinished / part).mkdir()
        for number, path in enumerate(tqdm(found, desc=f"{teacher} teaches")):
            hr = rgb(flatten(reading.read(path)))
            height, width = (n - n % model.scale for n in hr.shape[:2])
            hr = hr[:height, :width]
            lr = pairs.reduce(hr, scale=model.scale)
            for part, picture in (("lr", lr), ("hr", hr if number in held_out else tiles.upscale(model, lr))):
                Image.fromarray(picture).save(unfinished / part / f"{path.stem}.png", compress_level=1)
