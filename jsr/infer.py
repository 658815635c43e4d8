"""Enlarges picture files: `python -m jsr.infer PICTURE_OR_FOLDER... [-o PATH] [--model NAME|FILE|RUN]`.

Writes `picture_x4.png` beside each picture. With `-o FOLDER` the results go there under the pictures' own names,
sub-folders kept; with one picture, `-o FILE` names the result, and its suffix the format.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from jsr import data, images, tiles, weights
from jsr.models import Interpolation, Model

COMPARED = {"nearest": "input", "bicubic": "bicubic", "srresnet": "SRResNet", "srgan": "SRGAN"}
COMPARED_SIDE = 256  # pixels of the input that a comparison shows, at the most, from its middle
GAP = 8  # pixels between the columns of a comparison


class Job(NamedTuple):
    source: Path
    target: Path


class ArgumentError(ValueError):
    """Arguments that would lose something, in one line."""


def plan(
    sources: list[Path], output: Path | None, *, ending: str
) -> tuple[list[Job], list[tuple[Path, str]]]:
    """Finds the pictures and where each result goes, before anything is computed.

    Args:
      sources: files and folders.
      output: a file or a folder; None puts the results beside the pictures.
      ending: what a result is called after its picture there, such as "_x4".

    Returns:
      the jobs, and the sources that hold no picture, each with the reason.

    Raises:
      ArgumentError: a result would replace a picture or another result, or has no possible name.
    """
    found: list[tuple[Path, Path]] = []  # a picture, and its name below the folder that was given
    failures = []
    for source in sources:
        if source.is_dir():
            inside = data.list_pictures(source)
            names = {path.with_suffix("") for path in inside}
            # Results of an earlier run are no pictures of this one.
            fresh = [p for p in inside if not _is_result(p, names, ending)]
            found += [(path, path.relative_to(source)) for path in fresh]
            if not fresh:
                failures.append((source, f"no pictures ({', '.join(data.SUFFIXES)})"))
        elif source.exists():
            found.append((source, Path(source.name)))
        else:
            failures.append((source, "no such file or folder"))

    if output is None:
        jobs = [Job(path, path.with_name(f"{path.stem}{ending}.png")) for path, _ in found]
    elif output.suffix and not output.is_dir():
        if len(sources) > 1 or any(source.is_dir() for source in sources):
            raise ArgumentError(f"-o: expected a folder for several pictures, got {output}")
        if output.suffix.lower() not in images.SUFFIXES:
            known = ", ".join(images.SUFFIXES)
            raise ArgumentError(f"-o: expected a folder or a name ending in {known}, got {output}")
        jobs = [Job(path, output) for path, _ in found]
    else:
        jobs = [Job(path, output / name.with_suffix(".png")) for path, name in found]

    inputs = {job.source.resolve() for job in jobs}
    targets = Counter(job.target.resolve() for job in jobs)
    for job in jobs:
        if job.target.resolve() in inputs:
            raise ArgumentError(f"{job.source}: its result would replace the picture {job.target}")
        if targets[job.target.resolve()] > 1:
            raise ArgumentError(f"{job.source}: another picture's result is {job.target} too")
    return jobs, failures


def _is_result(path: Path, names: set[Path], ending: str) -> bool:
    plain = path.with_suffix("")
    return path.stem.endswith(ending) and plain.with_name(path.stem.removesuffix(ending)) in names


def enlarge(
    model: Model,
    picture: images.Picture,
    *,
    tile: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> images.Picture:
    """Enlarges a picture with all that belongs to it; transparency by bicubic interpolation."""
    pixels = tiles.upscale(model, picture.pixels, tile=tile, report=report)
    alpha = picture.alpha
    if alpha is not None:
        bicubic = Model(Interpolation(factors=(model.module.scale,)), {}, {})
        alpha = tiles.upscale(bicubic, alpha, tile=tile)
    return picture._replace(pixels=pixels, alpha=alpha, notes=())


def compare(models: dict[str, Model], picture: images.Picture, *, tile: int | None) -> np.ndarray:
    """Draws what several models make of a picture side by side, under their names: uint8 `[h, w, 3]`."""
    pixels = picture.pixels
    if pixels.dtype == np.uint16:
        pixels = np.round(pixels / 257).astype(np.uint8)
    pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
    height, width = (min(n, COMPARED_SIDE) for n in pixels.shape[:2])
    y, x = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    pixels = pixels[y : y + height, x : x + width]

    font = ImageFont.load_default(size=24)
    columns = []
    for label, model in models.items():
        large = Image.fromarray(tiles.upscale(model, pixels, tile=tile))
        room = int(font.getlength(label)) + 1
        column = Image.new("RGB", (max(large.width, room) + GAP, large.height + 40), "white")
        ImageDraw.Draw(column).text((0, 4), label, fill="black", font=font)
        column.paste(large, (0, 40))
        columns.append(np.asarray(column))
    high = max(column.shape[0] for column in columns)  # models of several scales
    padded = [
        np.pad(c, ((0, high - c.shape[0]), (0, 0), (0, 0)), constant_values=255) for c in columns
    ]
    return np.concatenate(padded, axis=1)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Says what is wrong in one line, without the usage."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="jsr.infer", description="Enlarges picture files.")
    parser.add_argument(
        "pictures", nargs="+", type=Path, metavar="PICTURE_OR_FOLDER",
        help="folders are searched with their sub-folders",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, metavar="PATH",
        help="folder for the results, or with one picture the result's name; else PICTURE_x4.png",
    )  # fmt: skip
    parser.add_argument(
        "--model", metavar="NAME",
        help=f"one of {', '.join(weights.NAMES)}, a weights file, or a run's folder; default srgan",
    )  # fmt: skip
    parser.add_argument(
        "--tile", type=int, metavar="N", help="pixels upscaled at a time, fewer need less memory"
    )
    parser.add_argument(
        "--compare", action="store_true",
        help="write PICTURE_compare.png instead: the picture's middle enlarged by"
        " repetition, bicubic interpolation, SRResNet, SRGAN, and --model where given",
    )  # fmt: skip
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 where a picture failed. Wrong arguments exit with 2."""
    parser = _parser()
    args = parser.parse_intermixed_args(argv)  # pictures may follow the options
    if args.tile is not None and args.tile < 1:
        parser.error(f"--tile: expected 1 or more pixels, got {args.tile}")
    chosen = args.model or "srgan"
    wanted = [*COMPARED, *([args.model] if args.model else [])] if args.compare else [chosen]
    try:
        models = {
            COMPARED.get(name, Path(name).name) if args.compare else name: weights.inference(
                weights.load(name)
            )
            for name in dict.fromkeys(wanted)
        }
        scale = next(iter(models.values())).module.scale
        ending = "_compare" if args.compare else f"_x{scale}"
        jobs, failures = plan(args.pictures, args.output, ending=ending)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    for source, reason in failures:
        print(f"jsr.infer: error: {source}: {reason}", file=sys.stderr)
    failed = len(failures)
    bar = tqdm(jobs, unit="picture", disable=None if len(jobs) > 1 else True)
    try:
        for job in bar:
            began = time.perf_counter()
            try:
                result, notes = _run(job, models, args)
            except Exception as error:  # memory, a full disk, a broken file: the others go on
                reason = " ".join(str(error).split()) or type(error).__name__
                named = reason if str(job.source) in reason else f"{job.source}: {reason}"
                bar.write(f"jsr.infer: error: {named}", file=sys.stderr)
                failed += 1
                continue
            size = f"{result.pixels.shape[1]}x{result.pixels.shape[0]}"
            seconds = time.perf_counter() - began
            said = "".join(f"; {note}" for note in notes)
            bar.write(f"{job.source} -> {job.target} ({size}, {seconds:.1f} s{said})")
    except KeyboardInterrupt:
        return 130
    return 1 if failed else 0


def _run(job: Job, models: dict[str, Model], args: Any) -> tuple[images.Picture, tuple[str, ...]]:
    """Reads, enlarges and writes one picture; returns the result and notes of what was not kept."""
    picture = images.read(job.source)
    if args.compare:
        result = images.Picture(compare(models, picture, tile=args.tile))
    else:
        (model,) = models.values()
        with tqdm(unit="tile", disable=None, leave=False) as bar:

            def report(done, total):
                bar.total = total
                bar.update(done - bar.n)

            result = enlarge(model, picture, tile=args.tile, report=report)
    job.target.parent.mkdir(parents=True, exist_ok=True)
    return result, (*picture.notes, *images.write(job.target, result))


if __name__ == "__main__":
    sys.exit(main())
