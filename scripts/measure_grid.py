"""Measures the grid that sub-pixel layers leave in pictures: `python scripts/measure_grid.py MODEL... --data DIR`.

Each picture is reduced and enlarged again. The grid is what the places of a low-resolution pixel differ by from their
surroundings, as the median over all pixels, so that edges do not count; its root mean square is printed in grey levels.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jsr.command_line import Parser
from jsr.data import pairs, patch_layout
from jsr.pictures import folders, reading
from jsr.pictures.picture import rgb
from jsr.upscaling import tiles
from jsr.weights import zoo


def grid(luma: np.ndarray, *, scale: int) -> np.ndarray:
    """Returns the median `[scale, scale]` of what each place differs by from the mean of the period around it."""
    mean = sliding_window_view(luma, (scale + 1, scale + 1))
    # Half weights at the ends centre an even period on its pixel.
    taps = np.r_[0.5, np.ones(scale - 1), 0.5] / scale
    mean = np.einsum("hwij,i,j->hw", mean, taps, taps)
    margin = scale // 2
    rows, columns = (n // scale * scale for n in mean.shape)
    part = luma[margin : margin + rows, margin : margin + columns] - mean[:rows, :columns]
    blocks = part.reshape(rows // scale, scale, columns // scale, scale)
    return np.median(blocks, axis=(0, 2))


def main() -> None:
    parser = Parser(prog="measure_grid", description="Measures the grid of sub-pixel layers.")
    parser.add_argument("models", nargs="+", metavar="MODEL", help="as in jsr.infer --model")
    parser.add_argument("--data", required=True, metavar="DIR", help="folder of pictures")
    args = parser.parse_args()
    try:
        pictures = folders.list_pictures(args.data)
        hrs = [patch_layout.middle(rgb(reading.read(path))) for path in pictures]
        models = {name: zoo.ready(name) for name in args.models}
    except (ValueError, OSError) as error:
        parser.error(str(error))
    for name, model in models.items():
        scale = model.module.scale
        large = [tiles.upscale(model, pairs.reduce(hr, scale=scale)) for hr in hrs]
        strengths = [grid(sr.mean(axis=-1), scale=scale).std() for sr in large]
        print(f"{name}: {np.mean(strengths):.3f} grey levels over {len(hrs)} pictures")


if __name__ == "__main__":
    main()
