"""Draws the loss curves of a training run.

`python scripts/plot_run.py RUN [-o PICTURE]` writes RUN/loss.png.

An SRResNet run has one curve, its loss; an SRGAN run has three: content, generator, discriminator.
Needs matplotlib: `pip install 'jsr[plot]'`.
"""

import json
import math
import sys
from pathlib import Path

from jsr.command_line import Parser

CURVES = {
    "loss": "loss (mean squared error)",
    "content": "content",
    "generator": "generator (content and adversarial)",
    "discriminator": "discriminator",
}
LOGARITHMIC = ("loss", "content")  # they fall by orders of magnitude; the others hover
SMOOTH_FROM = 100  # points; below that, the curve itself is readable


def read(path: Path) -> list[dict]:
    """Reads a run's record, oldest line first.

    A run that was killed went on from its last checkpoint, before the last line it wrote: what it
    then wrote again replaces the lines of the same and of later steps. The last line may be half
    written.

    Raises:
      ValueError: naming the file and the line that is not a JSON object with a step.
    """
    rows = []
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            step = row["step"]
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines):
                break
            raise ValueError(f"{path}, line {number}: expected a JSON object with a step, got {line[:40]!r}") from error
        while rows and rows[-1]["step"] > step:
            rows.pop()
        rows.append(row)
    return rows


def curves(rows: list[dict]) -> dict[str, tuple[list[int], list[float]]]:
    """Returns steps and values of each curve that the run has, finite values only."""
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
    """Running mean over `width` points centred on each, over fewer at the ends."""
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    half, n = width // 2, len(values)
    spans = [(max(0, i - half), min(n, i + half + 1)) for i in range(n)]
    return [(sums[end] - sums[start]) / (end - start) for start, end in spans]


def title(run: Path, rows: list[dict]) -> str:
    text = f"{run.resolve().name}, {max(row['step'] for row in rows):,} steps"
    scored = [row for row in rows if row.get("psnr") is not None]
    if scored:
        best = max(scored, key=lambda row: row["psnr"])
        text += f", best validation {best['psnr']:.2f} dB at {best['step']:,}"
    return text


def draw(run: Path, picture: Path) -> None:
    """Draws the curves of `run`, one panel each, for their units differ.

    Raises:
      ValueError: the record holds no loss.
    """
    import matplotlib

    matplotlib.use("Agg")  # no screen needed
    from matplotlib import pyplot

    rows = read(run / "metrics.jsonl")
    found = curves(rows)
    if not found:
        raise ValueError(f"{run / 'metrics.jsonl'}: no losses yet; expected {', '.join(CURVES)}")
    figure, axes = pyplot.subplots(len(found), 1, sharex=True, squeeze=False, figsize=(8, 1 + 3 * len(found)))
    for axis, (name, (steps, values)) in zip(axes[:, 0], found.items(), strict=True):
        if len(values) >= SMOOTH_FROM:
            axis.plot(steps, values, color="C0", alpha=0.25, linewidth=0.8)
            values = smooth(values, width=max(3, len(values) // 50))
        axis.plot(steps, values, color="C0", linewidth=1.5, label=name)
        axis.set_ylabel(CURVES[name])
        if name in LOGARITHMIC and min(values) > 0:
            axis.set_yscale("log")
        axis.grid(alpha=0.3)
    axes[0, 0].set_title(title(run, rows))
    axes[-1, 0].set_xlabel("step")
    figure.tight_layout()
    figure.savefig(picture, dpi=120)
    pyplot.close(figure)


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="plot_run", description="Draws a run's loss curves.")
    parser.add_argument("run", type=Path, help="a run's folder, with metrics.jsonl")
    parser.add_argument("-o", "--output", type=Path, help="the picture; RUN/loss.png unless given")
    args = parser.parse_args(argv)
    picture = args.output or args.run / "loss.png"
    try:
        draw(args.run, picture)
    except ImportError:
        print("plot_run: error: needs matplotlib: pip install 'jsr[plot]'", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"plot_run: error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"plot_run: error: {error}", file=sys.stderr)
        return 1
    print(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
