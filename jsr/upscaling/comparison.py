"""One labelled picture of what several models make of another, side by side."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jsr.devices.compilation import Precision
from jsr.models import Model
from jsr.models.interpolation import Interpolation
from jsr.pictures import Picture
from jsr.pictures.picture import flatten, to_8_bits
from jsr.upscaling import tiles
from jsr.weights import zoo

SIDE = 1024  # pixels of a column's side; of what comes out larger, the centre is shown
LABEL_SIZE = 20  # pixels
COLUMNS = {"nearest": "input", "bicubic": "bicubic", "srresnet": "SRResNet", "srgan": "SRGAN"}


def models(name: str, *, precision: Precision) -> dict[str, Model]:
    """Returns the models of a comparison by their labels, all of one scale."""
    names = dict.fromkeys([*COLUMNS, name])
    ready = {other: zoo.ready(other, precision=precision) for other in names}
    scale = ready[name].module.scale
    found = {}
    for other, model in ready.items():
        if isinstance(model.module, Interpolation):
            model = model._replace(module=model.module.clone(factors=(scale,)))
        if model.module.scale == scale:
            found[COLUMNS.get(other) or Path(other).name or other] = model
    return found


def draw(models: dict[str, Model], picture: Picture, *, tile: int | None = None) -> Picture:
    """Returns a labelled picture of what each model makes of one; of a large one, of its centre."""
    picture = to_8_bits(flatten(picture))
    scale = next(iter(models.values())).module.scale
    height, width = picture.pixels.shape[:2]
    rows, columns = min(height, SIDE // scale), min(width, SIDE // scale)
    y, x = (height - rows) // 2, (width - columns) // 2
    centre = picture.pixels[y : y + rows, x : x + columns]
    if centre.shape != picture.pixels.shape:
        note = f"the comparison shows the central {columns}x{rows} of {width}x{height} pixels"
        picture = picture.noted(note)

    font = ImageFont.load_default(LABEL_SIZE)
    # Small pictures need room for their labels.
    column = max([scale * columns, *(int(font.getlength(name)) + LABEL_SIZE for name in models)])
    band = 2 * LABEL_SIZE
    sheet = Image.new("RGB", (len(models) * column, band + scale * rows), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (name, model) in enumerate(models.items()):
        large = Image.fromarray(tiles.upscale(model, centre, tile=tile)).convert("RGB")
        middle = i * column + column // 2
        draw.text((middle, band // 2), name, fill="black", font=font, anchor="mm")
        sheet.paste(large, (middle - large.width // 2, band))
    icc = picture.metadata.icc if picture.pixels.ndim == 3 else None  # the sheet is RGB
    return Picture(np.asarray(sheet), metadata=picture.metadata._replace(icc=icc, exif=None))
