"""Scores models on benchmark sets: `python -m jsr.evaluate --model NAME... --results FOLDER... --data SET_DIR...`.

PSNR, SSIM (Wang's and daala's) and NIQE are measured per picture on BT.601 luma without a border as wide as the scale,
and averaged. `--results` scores the pictures of another program in the same way. NIQE needs no original; that of the
originals is in the last row, as the value to come close to. LPIPS (0.1, AlexNet; lower is better) is measured on the
whole RGB picture, by custom, so nothing is shaved; it needs `jsr fetch lpips` once.
"""

import argparse
import contextlib
import functools
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from jsr import command_line
from jsr.data.sets import benchmarks, pairs
from jsr.data.sets.benchmarks import Benchmark
from jsr.data.sets.pairs import Pair
from jsr.errors import DataError, Error, WeightsError
from jsr.metrics import lpips_model, niqe_model, options, scores
from jsr.metrics.options import TIMED
from jsr.metrics.protocol import Protocol, undefined
from jsr.metrics.scores import Result, Score
from jsr.models import Model
from jsr.ops.observation import Observation
from jsr.upscaling import tiles
from jsr.weights import zoo

SCALE = 4  # of pictures of other programs, where neither --scale nor a model says another


class Contestant(NamedTuple):
    """A row of the table: a model, the pictures of another program, or the originals."""

    name: str
    scale: int
    find: Callable[[Path], list[Pair]]  # the pictures of a set
    score: Callable[[Pair, Observation | None], Score]
    model: Model | None = None


def score(
    model: Model, pair: Pair, observation: Observation | None, protocol: Protocol, *, tile: int | None = None
) -> Score:
    """Scores a model on one picture.

    Args:
      model: upscales the low-resolution picture.
      pair: the files of the picture.
      observation: makes the low-resolution picture, if there is one; methods that take it as known are told.
      protocol: what is measured.
      tile: low-resolution pixels of a tile's side; chosen by the free memory by default.

    Raises:
      DataError: the sizes do not fit the scale, or the picture is too small to be scored.
      PictureError: a picture cannot be read.
    """
    lr, hr = pairs.read(pair, scale=model.scale, observation=observation)
    if observation:
        with contextlib.suppress(WeightsError):
            model = model.with_observation(observation)
    sr = tiles.upscale(model, lr, tile=tile)
    return _compare(pair, hr, sr, protocol, scale=model.scale)


def score_result(pair: Pair, observation: Observation | None, protocol: Protocol, *, scale: int) -> Score:
    """Scores the picture of another program.

    Args:
      observation: without influence here, because the picture is there already.

    Raises:
      DataError: its size is not that of the original, or it is too small to be scored.
      PictureError: a picture cannot be read.
    """
    sr, hr = pairs.read_result(pair, scale=scale)
    return _compare(pair, hr, sr, protocol, scale=scale)


def score_original(pair: Pair, observation: Observation | None, protocol: Protocol, *, scale: int) -> Score:
    """Scores an original by the metrics that need no other picture, NIQE and the grid.

    Args:
      observation: without influence here.

    Raises:
      DataError: the sizes do not fit the scale.
      PictureError: a picture cannot be read.
    """
    _, hr = pairs.read(pair, scale=scale)
    return protocol.describe(pair.name, hr, scale=scale)


def _compare(pair: Pair, hr: np.ndarray, sr: np.ndarray, protocol: Protocol, *, scale: int) -> Score:
    try:
        return protocol.compare(pair.name, hr, sr, scale=scale)
    except DataError as error:
        raise DataError(f"{pair.hr}: {error}") from error


def score_set(contestant: Contestant, benchmark: Benchmark) -> list[Score]:
    """Scores each picture of a set. A picture that fails ends it, because a mean over the others would mislead.

    Raises:
      DataError, PictureError: as `score`; the message names the picture.
    """
    found = contestant.find(benchmark.folder)
    bar = tqdm(found, desc=f"{contestant.name}, {benchmark.label}", leave=False, disable=None)
    return [contestant.score(pair, benchmark.observation) for pair in bar]


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
    parser, args = options.parse(argv)
    # All arguments are checked before the first minute is spent.
    try:
        models = {name: zoo.ready(name, precision=args.precision, scale=args.scale) for name in args.model}
        if args.ensemble:
            models = {name: model.ensemble() for name, model in models.items()}
        pristine, perceptual = niqe_model.load(args.niqe_model), lpips_model.load()
        measured = Protocol(pristine, perceptual, args.channel, args.shave, args.grid)
        contestants = _contestants(models, measured, args)
        for folder, contestant in itertools.product(args.data, contestants):
            contestant.find(folder)
    except (Error, OSError) as error:
        parser.error(command_line.reason(error, path=args.data[0]))

    results: list[list[Result]] = []  # of each contestant, on each set
    times = []
    for contestant in contestants:
        results.append([])
        for benchmark in benchmarks.benchmarks(args.data, args.degrade):
            try:
                singles = score_set(contestant, benchmark)
            except (Error, OSError) as error:
                return _fail(command_line.reason(error, path=benchmark.folder))
            label, folder, _ = benchmark
            result = Result(contestant.name, label, folder, contestant.scale, singles, scores.mean(singles))
            results[-1].append(result)
        if args.time:
            times.append(f"{seconds(contestant.model):.2f} s" if contestant.model else "-")

    flat = list(itertools.chain(*results))
    if args.verbose:
        for result in flat:
            print(_pictures(result), end="\n\n")
    print(measured.caption(contestant.scale for contestant in contestants))
    print(_summary(results, times))
    for line in undefined(results[0]):
        print(line, file=sys.stderr)
    if not perceptual:
        print(f"LPIPS: not measured; {lpips_model.COMMAND}", file=sys.stderr)
    if args.json:
        document = {
            "channel": args.channel,
            "shave": "scale" if args.shave is None else args.shave,
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


def _contestants(models: dict[str, Model], measured: Protocol, args: argparse.Namespace) -> list[Contestant]:
    """Returns the rows of the table; results and originals are cut to the scale of the first model."""
    rows = []
    for name, model in models.items():
        by_model = functools.partial(score, model, protocol=measured, tile=args.tile)
        rows.append(Contestant(name, model.scale, functools.partial(pairs.find, scale=model.scale), by_model, model))
    scale = rows[0].scale if rows else args.scale or SCALE
    by_result = functools.partial(score_result, protocol=measured, scale=scale)
    for name, folder in zip(benchmarks.labels(args.results), args.results, strict=True):
        find = functools.partial(_find_results, folder, scale=scale)
        rows.append(Contestant(str(folder) if name in models else name, scale, find, by_result))
    by_original = functools.partial(score_original, protocol=measured, scale=scale)
    return [*rows, Contestant("original", scale, functools.partial(pairs.find, scale=scale), by_original)]


def _find_results(results: Path, folder: Path, *, scale: int) -> list[Pair]:
    return pairs.find_results(folder, benchmarks.results_folder(results, folder), scale=scale)


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


if __name__ == "__main__":
    command_line.run(main)
