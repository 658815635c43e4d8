"""Scores models on benchmark sets: `python -m jsr.evaluate --model NAME... --data SET_DIR...`.

PSNR, SSIM (Wang's and daala's) and NIQE are on BT.601 luma with 4 pixels shaved, per picture, and averaged. NIQE needs
no original; that of the originals stands beside, as what to come close to.
"""

import argparse
import functools
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from jsr import command_line
from jsr.command_line import Parser
from jsr.data import pairs
from jsr.data.pairs import Pair
from jsr.errors import DataError
from jsr.metrics import fidelity, niqe, niqe_model
from jsr.metrics.niqe import Pristine
from jsr.metrics.scores import HEADING, Score, as_json, as_text, mean, table
from jsr.models import Model
from jsr.upscaling import tiles
from jsr.weights import zoo

TIMED = 256  # pixels of a side of the picture that is timed
SHAVE = 4  # pixels, the custom at x4; the same at other scales


def score(model: Model, pair: Pair, reference: Pristine, *, tile: int | None = None) -> Score:
    """Scores what a model makes of one picture.

    Args:
      reference: what NIQE compares with.

    Raises:
      ValueError: a picture cannot be read, does not fit the scale, or is too small to be scored.
    """
    lr, hr = pairs.read(pair, scale=model.module.scale)
    sr = tiles.upscale(model, lr, tile=tile)
    return Score(
        pair.name,
        fidelity.psnr(hr, sr, shave=SHAVE),
        fidelity.ssim(hr, sr, shave=SHAVE),
        fidelity.ssim_daala(hr, sr, shave=SHAVE),
        niqe.niqe(sr, reference, shave=SHAVE),
    )


def score_original(pair: Pair, reference: Pristine, *, scale: int) -> Score:
    """Scores an original, which can have a NIQE only.

    Raises:
      ValueError: a picture cannot be read, or does not fit the scale.
    """
    _, hr = pairs.read(pair, scale=scale)
    own = niqe.niqe(hr, reference, shave=SHAVE)
    return Score(pair.name, psnr=math.nan, ssim=math.nan, ssim_daala=math.nan, niqe=own)


def evaluate(score_pair: Callable[[Pair], Score], folder: Path, *, scale: int) -> list[Score]:
    """Scores every picture of a set.

    A picture that fails ends it, for a mean over the rest would lie.

    Raises:
      DataError: naming the picture and the reason.
    """
    scores = []
    for pair in tqdm(pairs.find(folder, scale=scale), desc=pairs.label(folder), leave=False, disable=None):
        try:
            scores.append(score_pair(pair))
        except (ValueError, OSError) as error:
            raise DataError(f"{pair.hr}: {error}") from error
    return scores


def seconds(model: Model) -> float:
    """Returns how long a picture of `TIMED` pixels a side takes: the median of three, after the first."""
    picture = np.random.default_rng(0).integers(0, 256, (TIMED, TIMED, 3), np.uint8)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        tiles.upscale(model, picture)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="jsr.evaluate", description="Scores models on benchmark sets.")
    parser.add_argument(
        "--model",
        nargs="+",
        required=True,
        metavar="NAME",
        help=f"one of {', '.join(zoo.NAMES)}, a weights file, or a run's folder",
    )
    parser.add_argument(
        "--data",
        nargs="+",
        required=True,
        type=Path,
        metavar="SET_DIR",
        help="folders with hr and, optionally, lr",
    )
    parser.add_argument("--tile", type=int, metavar="N", help="pixels of lr upscaled at a time")
    parser.add_argument("--ensemble", action="store_true", help="score the mean over eight flips and turns")
    command_line.add_precision(parser)
    parser.add_argument(
        "--niqe-model",
        type=Path,
        metavar="FILE",
        help="what NIQE compares with: modelparameters.mat of its authors, or what jsr.fit_niqe makes (default:"
        " ours, fitted to 56 photographs; values of two models cannot be compared)",
    )
    parser.add_argument("--time", action="store_true", help=f"print how long {TIMED}x{TIMED} pixels take, too")
    parser.add_argument("--verbose", action="store_true", help="print every picture's scores")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all scores here as well")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 where a set fails. Wrong arguments exit with 2."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.tile is not None and args.tile < 1:
        parser.error(f"--tile: expected 1 or more pixels, got {args.tile}")
    if args.json and not args.json.absolute().parent.is_dir():
        parser.error(f"--json: {args.json.parent} is not a folder")
    # Everything that can be wrong with the arguments is found before the first minute is spent.
    try:
        models = {name: zoo.ready(name, precision=args.precision) for name in args.model}
        if args.ensemble:
            models = {name: model.ensemble() for name, model in models.items()}
        reference = niqe_model.load(args.niqe_model)
        for folder in args.data:
            for model in models.values():
                pairs.find(folder, scale=model.module.scale)
    except (ValueError, OSError) as error:
        parser.error(str(error))

    labels = [pairs.label(folder) for folder in args.data]
    if len(set(labels)) < len(labels):
        labels = [str(folder) for folder in args.data]
    scale = next(iter(models.values())).module.scale
    original = functools.partial(score_original, reference=reference, scale=scale)
    rows = [[HEADING, *labels, *[f"{TIMED}x{TIMED}"] * args.time]]
    record = []
    for name, model in {"original": None, **models}.items():
        scorer, scale = original, scale
        if model:
            scorer = functools.partial(score, model, reference=reference, tile=args.tile)
            scale = model.module.scale
        means = []
        for folder, title in zip(args.data, labels, strict=True):
            try:
                scores = evaluate(scorer, folder, scale=scale)
            except DataError as error:
                print(f"jsr.evaluate: error: {name}: {error}", file=sys.stderr)
                return 1
            means.append(mean(scores))
            if args.verbose:
                lines = [[s.name, as_text(s)] for s in [*scores, means[-1]]]
                print(table([[f"{name}, {title}", HEADING], *lines]), end="\n\n")
            pictures = [{"name": s.name, **as_json(s)} for s in scores]
            record.append(
                {"model": name, "set": title, "data": str(folder), "scale": scale}
                | {"mean": as_json(means[-1]), "images": pictures}
            )
        timed = [f"{seconds(model):.2f} s" if model else "-"] if args.time else []
        rows.append([name, *map(as_text, means), *timed])
    print(table(rows))
    if args.json:
        document = {"shave": SHAVE, "luma": "BT.601", "ssim": "Wang 2004", "results": record}
        document["niqe"] = str(args.niqe_model or "bundled")
        try:
            args.json.write_text(json.dumps(document, indent=1) + "\n")
        except OSError as error:
            print(f"jsr.evaluate: error: {args.json}: {error.strerror}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
