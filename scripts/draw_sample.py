"""Draws the README's pictures: `python -m scripts.draw_sample`.

Writes `experiments/sample.png`, a photograph reduced to 150x100 pixels, and `experiments/sample_crops.jpg`, which shows
crops of pictures at true size: reduced, with each pixel repeated 4x4 times; enlarged by bicubic interpolation and by
two models; and the original. The first two were saved as JPEG of quality 50 after the reduction, as small pictures from
the web are. The photographs come with scikit-image, and both are CC0: `coffee` by Rachel Michetti and `chelsea` by
Stefan van der Walt. The last picture is a printed note drawn here, which the models get wrong.
`experiments/methods.jpg` shows one crop of `chelsea` by all methods.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

import jsr
from jsr.data.sets import pairs

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
SCALE = 4
HEIGHT, WIDTH = 160, 164  # pixels, of a crop
CAPTION = 20  # pixels, above the columns
GAP = 2  # pixels, between crops
FONT = ImageFont.load_default(13)


def note() -> np.ndarray:
    """Draws a printed note, in type of 24 to 16 pixels before it is reduced; returns uint8 `[h, w, 3]`."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), (250, 248, 240))
    draw = ImageDraw.Draw(picture)
    top = 8
    for text, size in (("Receipt 3806", 24), ("Total 1,369.80", 22), ("due 28 August", 20), ("No. 5368-0983", 16)):
        draw.text((8, top), text, fill=(30, 30, 40), font=ImageFont.load_default(size))
        top += size + 14
    return np.asarray(picture)


def compressed(picture: np.ndarray) -> np.ndarray:
    """Returns a picture as JPEG of quality 50 leaves it."""
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "JPEG", quality=50)
    return np.asarray(Image.open(stored))


# Each picture, the top left corner of its crop, and whether it is saved as JPEG after the reduction.
PICTURES: list[tuple[Callable[[], np.ndarray], tuple[int, int], bool]] = [
    (data.coffee, (155, 262), True),
    (data.chelsea, (70, 110), True),
    (data.chelsea, (70, 110), False),
    (note, (0, 0), False),
]
COLUMNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "input, 4x4 larger": lambda lr: lr.repeat(SCALE, 0).repeat(SCALE, 1),
    "bicubic": lambda lr: jsr.upscale(lr, model="bicubic"),
    "srresnet": lambda lr: jsr.upscale(lr, model="srresnet"),
    "the default": lambda lr: jsr.upscale(lr),
}
METHODS = (
    *("nearest", "bilinear", "bicubic", "lanczos", "ibp", "pocs", "map"),
    *("ne", "sparse", "aplus", "srcnn", "espcn", "srresnet", "srgan"),
)
METHODS_IN_A_ROW = 5


def sheet() -> Image.Image:
    """Returns the crops: a row for each picture, a column for each method, and the original last."""
    names = [*COLUMNS, "the original"]
    size = len(names) * (WIDTH + GAP) - GAP, CAPTION + len(PICTURES) * (HEIGHT + GAP) - GAP
    result = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(result)
    for column, name in enumerate(names):
        left = column * (WIDTH + GAP)
        draw.text((left + WIDTH // 2, CAPTION // 2), name, fill="black", font=FONT, anchor="mm")
    for row, (read, (y, x), is_compressed) in enumerate(PICTURES):
        original = read()
        low = reduced(original)
        low = compressed(low) if is_compressed else low
        enlarged = [enlarge(low) for enlarge in COLUMNS.values()] + [original]
        for column, picture in enumerate(enlarged):
            crop = Image.fromarray(picture[y : y + HEIGHT, x : x + WIDTH])
            result.paste(crop, (column * (WIDTH + GAP), CAPTION + row * (HEIGHT + GAP)))
    return result


def methods() -> Image.Image:
    """Returns one crop, enlarged by each method in the order of the models' README, and the original."""
    original = data.chelsea()
    low = reduced(original)
    results = {name: jsr.upscale(low, model=name) for name in METHODS} | {"the original": original}
    rows = -(-len(results) // METHODS_IN_A_ROW)
    size = METHODS_IN_A_ROW * (WIDTH + GAP) - GAP, rows * (CAPTION + HEIGHT)
    result = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(result)
    y, x = 70, 110
    for i, (name, picture) in enumerate(results.items()):
        left, top = i % METHODS_IN_A_ROW * (WIDTH + GAP), i // METHODS_IN_A_ROW * (CAPTION + HEIGHT)
        draw.text((left + WIDTH // 2, top + CAPTION // 2), name, fill="black", font=FONT, anchor="mm")
        result.paste(Image.fromarray(picture[y : y + HEIGHT, x : x + WIDTH]), (left, top + CAPTION))
    return result


def reduced(picture: np.ndarray) -> np.ndarray:
    """Cuts a picture to a multiple of the scale and reduces it as training does."""
    height, width = (side // SCALE * SCALE for side in picture.shape[:2])
    return pairs.reduce(picture[:height, :width], scale=SCALE)


def main() -> None:
    Image.fromarray(reduced(data.coffee())).save(EXPERIMENTS / "sample.png", optimize=True)
    methods().save(EXPERIMENTS / "methods.jpg", quality=93, subsampling=0)
    sheet().save(EXPERIMENTS / "sample_crops.jpg", quality=93, subsampling=0)


if __name__ == "__main__":
    main()
