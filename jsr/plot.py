"""Draws what a run did, and what it learns from.

    python -m jsr.plot RUN                            losses and validation scores of a run, to RUN/loss.png
    python -m jsr.plot --degradation photo PHOTO...   photographs and what training makes of them, to degradation.png

An SRResNet run has one loss; an SRGAN run has three: content, generator, discriminator. Both have PSNR and SSIM of the
validation, and LPIPS after `jsr fetch lpips`. Curves need matplotlib: `pip install 'jax-srgan[plot]'`.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

from jsr import command_line
from jsr.command_line import Parser, reason
from jsr.errors import DataError, Error, PictureError

CURVES = {
    "loss": "loss (mean squared error)",
    "content": "content",
    "generator": "generator (content and adversarial)",
    "discriminator": "discriminator",
    "psnr": "validation PSNR (dB)",
    "ssim": "validation SSIM",
    "lpips": "validation LPIPS (lower is better)",
}
LOGARITHMIC = ("loss", "content")  # they fall by orders of magnitude; the others do not
SHOWN = 192  # pixels of a side of a photograph's middle
DRAWS = 6  # low-resolution pictures beside it
SMOOTH_FROM = 100  # points; a curve of fewer is readable as it is


def read(path: Path) -> list[dict[str, Any]]:
    """Reads a run's record, oldest line first.

    A killed run resumes from its last checkpoint, which is older than the last line that it wrote: the lines written
    after that replace earlier ones of the same and of later steps. The last line may be truncated and is then ignored.

    Raises:
      DataError: another line is no JSON object with a step.
      OSError: the file cannot be read.
    """
    rows: list[dict[str, Any]] = []
    lines = path.read_text("utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            step = row["step"]
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines):
                break
            raise DataError(f"{path}, line {number}: expected a JSON object with a step, got {line[:40]!r}") from error
        while rows and rows[-1]["step"] > step:
            rows.pop()
        rows.append(row)
    return rows


def curves(rows: list[dict[str, Any]]) -> dict[str, tuple[list[int], list[float]]]:
    """Returns steps and finite values of each curve that the run has."""
    found = {}
    for name in CURVES:
        points = [(row["step"], row[name]) for row in rows if name in row]
        # A value that is not finite may be null in the record.
        points = [(step, y) for step, y in points if y is not None and math.isfinite(y)]
        if points:
            steps, values = zip(*points, strict=True)
            found[name] = (list(steps), list(values))
    return found


def smooth(values: list[float], *, width: int) -> list[float]:
    """Returns the running mean over `width` points centred on each, over fewer at the ends."""
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    half, n = width // 2, len(values)
    windows = [(max(0, i - half), min(n, i + half + 1)) for i in range(n)]
    return [(sums[end] - sums[start]) / (end - start) for start, end in windows]


def title(run: Path, rows: list[dict[str, Any]]) -> str:
    """Returns the run's name, its length and its best validation score."""
    text = f"{run.resolve().name}, {max(row['step'] for row in rows):,} steps"
    scored = [row for row in rows if row.get("psnr") is not None]
    if scored:
        best = max(scored, key=lambda row: row["psnr"])
        text += f", best validation {best['psnr']:.2f} dB at {best['step']:,}"
    return text


def draw(run: Path, picture: Path) -> None:
    """Draws the curves of a run's folder, one panel each, because their units differ.

    Raises:
      DataError: the record is damaged or holds no curve.
      PictureError: matplotlib does not write such a file.
      OSError: it cannot be read, or the picture cannot be written.
      ModuleNotFoundError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    rows = read(run / "metrics.jsonl")
    found = curves(rows)
    if not found:
        raise DataError(f"{run / 'metrics.jsonl'}: no curve yet; expected {', '.join(CURVES)}")
    figure = Figure(figsize=(8, 1 + 2.4 * len(found)))
    formats = figure.canvas.get_supported_filetypes()
    if picture.suffix[1:].lower() not in formats:
        raise PictureError(f"{picture}: expected a file named .{', .'.join(sorted(formats))}")
    axes = figure.subplots(len(found), 1, sharex=True, squeeze=False)
    for axis, (name, (steps, values)) in zip(axes[:, 0], found.items(), strict=True):
        if len(values) >= SMOOTH_FROM:
            axis.plot(steps, values, color="C0", alpha=0.25, linewidth=0.8)
            values = smooth(values, width=max(3, len(values) // 50))
        axis.plot(steps, values, color="C0", linewidth=1.5, marker="." if len(values) < SMOOTH_FROM else "")
        axis.set_ylabel(CURVES[name], fontsize="small")
        if name in LOGARITHMIC and min(values) > 0:
            axis.set_yscale("log")
        axis.grid(alpha=0.3)
    axes[0, 0].set_title(title(run, rows))
    axes[-1, 0].set_xlabel("step")
    figure.tight_layout()
    figure.savefig(picture, dpi=120)


def draw_degradations(photographs: list[Path], picture: Path) -> None:
    """Draws a row for each photograph: its middle, and low-resolution pictures that training might make of it.

    Raises:
      DataError: a photograph is too small.
      PictureError: one cannot be read, or the picture cannot be written.
    """
    import jax
    import numpy as np

    from jsr import pictures
    from jsr.degradation import Photo

    degrade = Photo(scale=4)
    compiled, rows = jax.jit(degrade), []
    side = SHOWN + 2 * degrade.margin
    for number, path in enumerate(photographs):
        pixels = pictures.rgb(pictures.read(path))
        height, width = pixels.shape[:2]
        if min(height, width) < side:
            raise DataError(f"{path}: expected {side}x{side} pixels or more, got {width}x{height}")
        y, x = (height - side) // 2, (width - side) // 2
        middle = pixels[y : y + side, x : x + side]
        keys = jax.random.split(jax.random.key(number), DRAWS)
        small = np.asarray(compiled(keys, np.broadcast_to(middle, (DRAWS, *middle.shape))))
        drawn = np.round(255 * small).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)
        inside = slice(degrade.margin, -degrade.margin)
        rows.append(np.concatenate([middle[inside, inside], *drawn], axis=1))
    pictures.write(picture, pictures.Picture(np.concatenate(rows)))


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 where nothing can be drawn. Exits with 2 on wrong arguments."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if not args.degradation and len(args.paths) > 1:
        parser.error(f"expected one run, got {len(args.paths)} paths; photographs need --degradation photo")
    default = Path("degradation.png") if args.degradation else args.paths[0] / "loss.png"
    picture = args.output or default
    try:
        if args.degradation:
            draw_degradations(args.paths, picture)
        else:
            draw(args.paths[0], picture)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("matplotlib"):
            raise
        print("jsr.plot: error: needs matplotlib: pip install 'jax-srgan[plot]'", file=sys.stderr)
        return 1
    except (Error, OSError) as error:
        print(f"jsr.plot: error: {reason(error, path=picture)}", file=sys.stderr)
        return 1
    print(picture)
    return 0


def make_parser() -> Parser:
    """Returns the parser of the command line."""
    parser = Parser(
        prog="jsr.plot", description="Draws a run's losses and scores, or what training makes of photographs."
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="RUN|PHOTO",
        type=command_line.path,
        help="a run's folder, or with --degradation photographs",
    )
    parser.add_argument("--degradation", choices=["photo"], help="show this degradation of jsr.train")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PICTURE",
        type=command_line.path,
        help="the picture to write (default: RUN/loss.png or degradation.png)",
    )
    return parser


if __name__ == "__main__":
    command_line.run(main)
