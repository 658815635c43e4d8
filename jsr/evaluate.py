"""Scores models on benchmark sets: `python -m jsr.evaluate --model NAME... --data SET_DIR...`.

PSNR, SSIM (Wang's and daala's) and NIQE are measured on BT.601 luma with 4 pixels shaved, per picture, and averaged.
NIQE needs no original; that of the originals is in the first row, as the value to come close to. LPIPS (0.1, AlexNet;
lower is better) is measured on the whole RGB picture, by custom, so nothing is shaved; it needs `jsr fetch lpips` once.
"""

import argparse
import contextlib
import functools
import itertools
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from jsr import command_line
from jsr.command_line import Parser
from jsr.data import pairs
from jsr.data.pairs import Pair
from jsr.errors import DataError, Error, WeightsError
from jsr.metrics import fidelity, grid, lpips, lpips_model, niqe, niqe_model, scores
from jsr.metrics.lpips import Reference
from jsr.metrics.niqe import Pristine
from jsr.metrics.scores import Result, Score
from jsr.models import Model
from jsr.ops.observation import MAX_BLUR, MAX_NOISE, Observation
from jsr.upscaling import tiles
from jsr.weights import zoo

TIMED = 256  # pixels of a side of the picture that is timed
SHAVE = 4  # pixels, the custom at x4; the same at other scales


class TestSet(NamedTuple):
    """A column of the table: a folder, with its own low-resolution pictures or with pictures made by an observation."""

    label: str
    folder: Path
    observation: Observation | None = None


class Contestant(NamedTuple):
    """A row of the table: a model, or the originals."""

    name: str
    scale: int
    score: Callable[[Pair, Observation | None], Score]
    model: Model | None = None


def score(
    model: Model,
    pair: Pair,
    observation: Observation | None,
    pristine: Pristine,
    *,
    perceptual: Reference | None = None,
    tile: int | None = None,
    has_grid: bool = False,
) -> Score:
    """Scores a model on one picture.

    Args:
      model: upscales the low-resolution picture.
      pair: the files of the picture.
      observation: makes the low-resolution picture, if there is one; methods that take it as known are told.
      pristine: the model that NIQE compares with.
      perceptual: the network of LPIPS; without it, LPIPS is not measured.
      tile: low-resolution pixels of a tile's side; chosen by the free memory by default.
      has_grid: whether the sub-pixel grid is measured too.

    Raises:
      DataError: the sizes do not fit the scale, or the picture is too small to be scored.
      PictureError: a picture cannot be read.
    """
    scale = model.scale
    lr, hr = pairs.read(pair, scale=scale, observation=observation)
    if observation:
        with contextlib.suppress(WeightsError):
            model = model.with_observation(observation)
    sr = tiles.upscale(model, lr, tile=tile)
    try:
        return Score(
            pair.name,
            psnr=fidelity.psnr(hr, sr, shave=SHAVE),
            ssim=fidelity.ssim(hr, sr, shave=SHAVE),
            ssim_daala=fidelity.ssim_daala(hr, sr, shave=SHAVE),
            niqe=niqe.distance(sr, pristine, shave=SHAVE),
            lpips=lpips.distance(hr, sr, perceptual) if perceptual else None,
            grid=grid.strength(sr, scale=scale) if has_grid else None,
        )
    except DataError as error:
        raise DataError(f"{pair.hr}: {error}") from error


def score_original(
    pair: Pair,
    observation: Observation | None,
    pristine: Pristine,
    *,
    scale: int,
    has_lpips: bool = False,
    has_grid: bool = False,
) -> Score:
    """Scores an original by the metrics that need no other picture, NIQE and the grid.

    Args:
      observation: without influence here.
      has_lpips: whether models are scored by LPIPS too, which then has a place in the row, although it is undefined.

    Raises:
      DataError: the sizes do not fit the scale.
      PictureError: a picture cannot be read.
    """
    _, hr = pairs.read(pair, scale=scale)
    return Score(
        pair.name,
        niqe=niqe.distance(hr, pristine, shave=SHAVE),
        lpips=math.nan if has_lpips else None,
        grid=grid.strength(hr, scale=scale) if has_grid else None,
    )


def score_set(contestant: Contestant, test_set: TestSet) -> list[Score]:
    """Scores each picture of a set. A picture that fails ends it, because a mean over the others would mislead.

    Raises:
      DataError, PictureError: as `score`; the message names the picture.
    """
    found = pairs.find(test_set.folder, scale=contestant.scale)
    bar = tqdm(found, desc=f"{contestant.name}, {test_set.label}", leave=False, disable=None)
    return [contestant.score(pair, test_set.observation) for pair in bar]


def seconds(model: Model) -> float:
    """Returns the time that a picture of `TIMED` by `TIMED` pixels takes: the median of three runs after the first."""
    picture = np.random.default_rng(0).integers(0, 256, (TIMED, TIMED, 3), np.uint8)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        tiles.upscale(model, picture)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 where a picture cannot be scored. Exits with 2 on wrong arguments."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.tile is not None and args.tile < 1:
        parser.error(f"--tile: expected 1 or more pixels, got {args.tile}")
    if args.json and not args.json.absolute().parent.is_dir():
        parser.error(f"--json: {args.json.parent} is not a folder")
    # All arguments are checked before the first minute is spent.
    try:
        models = {name: zoo.ready(name, precision=args.precision, scale=args.scale) for name in args.model}
        if args.ensemble:
            models = {name: model.ensemble() for name, model in models.items()}
        pristine, perceptual = niqe_model.load(args.niqe_model), lpips_model.load()
        for folder in args.data:
            for model in models.values():
                pairs.find(folder, scale=model.scale)
    except (Error, OSError) as error:
        parser.error(str(error))

    test_sets = _test_sets(args.data, args.degrade)
    results: list[list[Result]] = []  # of each contestant, on each set
    times = []
    for contestant in _contestants(models, pristine, perceptual, args):
        results.append([])
        for test_set in test_sets:
            try:
                singles = score_set(contestant, test_set)
            except (Error, OSError) as error:
                return _fail(f"{contestant.name}: {error}")
            label, folder, _ = test_set
            result = Result(contestant.name, label, folder, contestant.scale, singles, scores.mean(singles))
            results[-1].append(result)
        if args.time:
            times.append(f"{seconds(contestant.model):.2f} s" if contestant.model else "-")

    flat = list(itertools.chain(*results))
    if args.verbose:
        for result in flat:
            print(_pictures(result), end="\n\n")
    print(_summary(results, times))
    if not perceptual:
        print(f"LPIPS: not measured; {lpips_model.COMMAND}", file=sys.stderr)
    if args.json:
        document = {
            "shave": SHAVE,
            "luma": "BT.601",
            "ssim": "Wang 2004",
            "results": [scores.result_as_json(result) for result in flat],
            "niqe": str(args.niqe_model or "bundled"),
            "lpips": "0.1, AlexNet" if perceptual else None,
        }
        try:
            args.json.write_text(json.dumps(document, indent=1) + "\n")
        except OSError as error:
            return _fail(f"{args.json}: {error.strerror}")
    return 0


def _contestants(
    models: dict[str, Model], pristine: Pristine, perceptual: Reference | None, args: argparse.Namespace
) -> list[Contestant]:
    """Returns the rows of the table; the originals are cut to the scale of the first model."""
    scale = next(iter(models.values())).scale
    has_lpips = perceptual is not None
    original = functools.partial(
        score_original, pristine=pristine, scale=scale, has_lpips=has_lpips, has_grid=args.grid
    )
    rows = [Contestant("original", scale, original)]
    for name, model in models.items():
        by_model = functools.partial(
            score, model, pristine=pristine, perceptual=perceptual, tile=args.tile, has_grid=args.grid
        )
        rows.append(Contestant(name, model.scale, by_model, model))
    return rows


def _test_sets(folders: list[Path], observations: list[Observation]) -> list[TestSet]:
    """Returns the columns of the table, named as the sets, or by their paths where two have one name."""
    labels = [pairs.label(folder) for folder in folders]
    labels = labels if len(set(labels)) == len(labels) else [str(folder) for folder in folders]
    test_sets = [TestSet(label, folder) for label, folder in zip(labels, folders, strict=True)]
    if not observations:
        return test_sets
    return [TestSet(f"{label} {seen}", folder, seen) for label, folder, _ in test_sets for seen in observations]


def _observation(text: str) -> Observation:
    limits = {"sigma": MAX_BLUR, "noise": MAX_NOISE}
    found = command_line.numbers(text, limits)
    return Observation(blur=found.get("sigma", 0.0), noise=found.get("noise", 0.0))


def _pictures(result: Result) -> str:
    """Returns the table of a result: a row for each picture, and one for the mean."""
    rows = [[single.name, scores.as_text(single)] for single in [*result.scores, result.mean]]
    return scores.table([[f"{result.model}, {result.set}", scores.heading(result.mean)], *rows])


def _summary(results: list[list[Result]], times: list[str]) -> str:
    """Returns the table of means: a row for each contestant, a column for each set, and one for the times if any."""
    rows = [[scores.heading(results[0][0].mean), *(result.set for result in results[0])]]
    rows += [[sets[0].model, *(scores.as_text(result.mean) for result in sets)] for sets in results]
    if times:
        rows = [[*row, cell] for row, cell in zip(rows, [f"{TIMED}x{TIMED}", *times], strict=True)]
    return scores.table(rows)


def _fail(message: str) -> int:
    print(f"jsr.evaluate: error: {message}", file=sys.stderr)
    return 1


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
        type=command_line.path,
        metavar="SET_DIR",
        help="folders with hr and, optionally, lr",
    )
    command_line.add_scale(parser)
    parser.add_argument(
        "--degrade",
        nargs="+",
        type=_observation,
        default=[],
        metavar="sigma=S,noise=N",
        help="score each set once for each of these: the low-resolution pictures are made from hr by a Gaussian blur of"
        " S pixels, the bicubic reduction, and noise of N levels, and ibp, pocs and map are told S and N",
    )
    parser.add_argument("--tile", type=command_line.whole, metavar="N", help="low-resolution pixels of a tile's side")
    parser.add_argument("--ensemble", action="store_true", help="score the mean over eight flips and turns")
    command_line.add_precision(parser)
    parser.add_argument(
        "--niqe-model",
        type=command_line.path,
        metavar="FILE",
        help="the pristine model of NIQE: modelparameters.mat of its authors, or a file of jsr.fit_niqe (default: ours,"
        " fitted to 56 photographs; values of two models cannot be compared)",
    )
    parser.add_argument("--grid", action="store_true", help="measure the grid of sub-pixel layers too, in grey levels")
    parser.add_argument("--time", action="store_true", help=f"measure the time for {TIMED}x{TIMED} pixels too")
    parser.add_argument("--verbose", action="store_true", help="print the scores of each picture")
    parser.add_argument("--json", type=command_line.path, metavar="FILE", help="write all scores to a file as well")
    return parser


if __name__ == "__main__":
    command_line.run(main)
