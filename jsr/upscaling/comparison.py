"""One sheet that shows a picture upscaled by several models, side by side and labelled."""

import contextlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jsr.devices.compilation import Precision
from jsr.errors import WeightsError
from jsr.models import Model
from jsr.pictures import Metadata, Picture
from jsr.pictures.picture import flatten, to_8_bits
from jsr.upscaling import tiles
from jsr.weights import zoo

SIDE = 1024  # pixels; of a result that is larger, the centre is shown
LABEL_SIZE = 20  # pixels
# Of every comparison: model, label. The chosen model comes last, unless it is one of these.
COLUMNS = {"nearest": "input", "bicubic": "bicubic", "srresnet": "SRResNet", zoo.DEFAULT: "the default"}


def models(name: str, chosen: Model, *, precision: Precision) -> dict[str, Model]:
    """Returns the models of a comparison by their labels: a chosen one and the others that have its scale.

    Args:
      name: of the chosen model.

    Raises:
      WeightsError: another model cannot be loaded.
    """
    columns = {}
    for other, label in COLUMNS.items():
        model = chosen if other == name else zoo.ready(other, precision=precision)
        with contextlib.suppress(WeightsError):
            columns[label] = model.with_scale(chosen.scale)
    return columns if name in COLUMNS else columns | {Path(name).name or name: chosen}


def draw(models: dict[str, Model], picture: Picture, *, tile: int | None = None) -> Picture:
    """Upscales a picture, or the centre of a large one, with each model, and returns the sheet of all results."""
    picture = to_8_bits(flatten(picture))
    scale = next(iter(models.values())).scale
    height, width = picture.pixels.shape[:2]
    rows, columns = min(height, SIDE // scale), min(width, SIDE // scale)
    y, x = (height - rows) // 2, (width - columns) // 2
    centre = picture.pixels[y : y + rows, x : x + columns]
    if centre.shape != picture.pixels.shape:
        note = f"the comparison shows the central {columns}x{rows} of {width}x{height} pixels"
        picture = picture.noted(note)

    font = ImageFont.load_default(LABEL_SIZE)
    # A small picture is narrower than its label.
    column = max([scale * columns, *(int(font.getlength(name)) + LABEL_SIZE for name in models)])
    band = 2 * LABEL_SIZE
    sheet = Image.new("RGB", (len(models) * column, band + scale * rows), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (name, model) in enumerate(models.items()):
        large = Image.fromarray(tiles.upscale(model, centre, tile=tile)).convert("RGB")
        middle = i * column + column // 2
        pen.text((middle, band // 2), name, fill="black", font=font, anchor="mm")
        sheet.paste(large, (middle - large.width // 2, band))
    icc = picture.metadata.icc if picture.pixels.ndim == 3 else None  # the sheet is RGB
    return Picture(np.asarray(sheet), metadata=Metadata(icc, notes=picture.metadata.notes))
