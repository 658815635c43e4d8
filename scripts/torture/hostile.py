"""Damages the pictures of `tests/corpus.py` and gives them to jsr, which may refuse a file but not fail otherwise.

The files are read in a worker process with limited memory: a file that hangs or kills it costs only that file.
"""

import contextlib
import io
import os
import re
import select
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jsr import infer, pictures
from jsr.errors import PictureError
from jsr.files import atomic
from jsr.pictures import Animation, Raster, large, raster
from jsr.pictures.codecs.png import png_writer
from tests import corpus, encoders

MAX_PIXELS = 4_000_000
MEMORY = 4 << 30  # bytes of address space; jax maps 1.3 GiB of it before any picture
PATIENCE = 30  # seconds a file
MODES = ("one frame", "all frames", "rows")  # in which a file is read, chosen by its name
OUTCOMES = ("refused", "right", "wrong", "hung", "crashed")


def files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yields names and contents of damaged pictures, of each sample in turn."""
    samples = [sample for sample in corpus.samples() if len(sample.content) > 40]
    for i in range(count):
        rng = np.random.default_rng((seed, i))
        sample, other = samples[i % len(samples)], samples[rng.integers(len(samples))]
        damage = DAMAGES[rng.integers(len(DAMAGES))]
        content = damage(bytearray(sample.content), rng, other.content)
        yield f"{i:05}-{damage.__name__.strip('_')}-{sample.name}", bytes(content)


def _cut(content, rng, other):
    return content[: rng.integers(1, len(content))]


def _flip(content, rng, other):
    for at in rng.integers(0, len(content), 2 ** rng.integers(0, 6)):
        content[at] ^= 1 << rng.integers(8)
    return content


def _flip_the_head(content, rng, other):
    """Damages the first bytes, which hold sizes and types."""
    for at in rng.integers(0, min(len(content), 80), rng.integers(1, 5)):
        content[at] ^= 1 << rng.integers(8)
    return content


def _fill(content, rng, other):
    """Overwrites a few bytes with an extreme number."""
    at, length = rng.integers(len(content)), rng.integers(1, 9)
    content[at : at + length] = bytes([rng.choice([0, 1, 127, 128, 255])]) * length
    return content


def _splice(content, rng, other):
    return content[: rng.integers(len(content))] + other[rng.integers(len(other)) :]


def _repeat(content, rng, other):
    start, stop = sorted(rng.integers(0, len(content), 2))
    return content[:stop] + content[start:stop] * rng.integers(1, 4) + content[stop:]


def _drop(content, rng, other):
    start, stop = sorted(rng.integers(0, len(content), 2))
    return content[:start] + content[stop:]


def _swap_chunks(content, rng, other):
    """Reorders the chunks of a PNG, whose checksums stay right; of other formats, parts of equal length."""
    parts, at = [], 8
    while content[:8] == png_writer.SIGNATURE and at < len(content):
        length = 12 + int.from_bytes(content[at : at + 4])
        parts.append(content[at : at + length])
        at += length
    if not parts:
        parts = [content[i : i + 64] for i in range(8, len(content), 64)]
    order = rng.permutation(len(parts)) if rng.integers(2) else rng.integers(0, len(parts), len(parts))
    return content[:8] + b"".join(parts[i] for i in order)


def _flip_and_sum(content, rng, other):
    """Flips bits of a PNG and corrects its checksums, so that the code behind the check meets them."""
    if content[:8] != png_writer.SIGNATURE:
        return _flip(content, rng, other)
    new, at = content[:8], 8
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        data = content[at + 8 : at + 8 + length]
        if data and rng.integers(2):
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        new += encoders.chunk(bytes(content[at + 4 : at + 8]), bytes(data))
        at += 12 + length
    return new


def _lie_about_a_frame(content, rng, other):
    """Overwrites the place or size of a frame; the checksums of PNG stay right."""
    frames = {b"GIF8": (b",", 1, 2), b"RIFF": (b"ANMF", 8, 3), png_writer.SIGNATURE[:4]: (b"fcTL", 8, 4)}
    tag, offset, length = frames.get(bytes(content[:4]), (b"", 0, 0))
    places = [match.start() for match in re.finditer(re.escape(tag), content)]
    if not tag or not places:
        return _fill(content, rng, other)
    at = int(rng.choice(places))
    start, order = at + offset + length * int(rng.integers(4)), "big" if length == 4 else "little"
    top = 256**length
    content[start : start + length] = int(rng.choice([0, 1, 20, top // 2, top - 1])).to_bytes(length, order)
    if tag == b"fcTL":
        content[at - 4 :] = encoders.chunk(tag, bytes(content[at + 4 : at + 30])) + content[at + 34 :]
    return content


DAMAGES = (
    _cut,
    _flip,
    _flip_the_head,
    _fill,
    _splice,
    _repeat,
    _drop,
    _swap_chunks,
    _flip_and_sum,
    _lie_about_a_frame,
)


def judge(path: Path) -> str:
    """Gives a file to the program; returns "refused", "right", or a line that says what is wrong."""
    # What only TIFF holds is refused as PNG before it is decoded as a whole.
    target = path.with_name(f"{path.stem}_x4.{'tif' if 'raster' in path.name else 'png'}")
    out, err = io.StringIO(), io.StringIO()
    mode = MODES[zlib.crc32(path.name.encode()) % len(MODES)]
    arguments = [str(path), "-o", str(target), "--model", "nearest", *["--frame", "0"] * (mode == "one frame")]
    limit = large.LARGE
    large.LARGE = 1 if mode == "rows" else limit
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = infer.main([*arguments, "--max-pixels", str(MAX_PIXELS)])
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        large.LARGE = limit
    leftovers = [name for name in os.listdir(path.parent) if atomic.TEMPORARY.fullmatch(name)]
    lines = err.getvalue().splitlines()
    if leftovers:
        return f"left {leftovers[0]}"
    if status == 0:
        return "right" if not lines and _is_right(path, target, mode) else "not what was read"
    if target.exists():
        return "a result and an error"
    expected = f"jsr.infer: error: {path}: "
    if status == 1 and len(lines) == 1 and lines[0].startswith(expected):
        return "refused" if "out of memory" not in lines[0] else lines[0]
    return f"status {status}: {lines}"


def _is_right(path, target, mode):
    """Tells whether every visible pixel appears four times four times in the result."""
    try:
        pair = [pictures.open(p, frame=0 if mode == "one frame" else None, can_stream=False) for p in (path, target)]
    except PictureError:
        return False
    target.unlink()
    if isinstance(pair[0], Raster) and not isinstance(pair[1], Raster):
        pair[0] = raster.colours(pair[0]) or pair[0]
    sources, results = (picture.frames if isinstance(picture, Animation) else [picture] for picture in pair)
    return len(sources) == len(results) and all(map(_is_enlarged, sources, results))


def _is_enlarged(source, result):
    if isinstance(source, Raster):  # the model sees levels of it; the tests have its values
        shape = (4 * source.samples.shape[0], 4 * source.samples.shape[1], source.samples.shape[2])
        return isinstance(result, Raster) and (result.samples.shape, result.samples.dtype) == (
            shape,
            source.samples.dtype,
        )
    expected = source.pixels.repeat(4, axis=0).repeat(4, axis=1)
    if expected.shape != result.pixels.shape or expected.dtype != result.pixels.dtype:
        return False
    if (source.alpha is None) != (result.alpha is None):
        return False
    is_visible = np.ones(expected.shape[:2], bool)
    if source.alpha is not None:
        is_visible = source.alpha.repeat(4, axis=0).repeat(4, axis=1) > 0
    return bool((expected == result.pixels)[is_visible].all())


def work() -> None:
    """Judges, in a worker process, each file whose path is a line of the input; answers with a line."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that the output of libraries is not read as an answer
    for line in sys.stdin:
        print(" ".join(judge(Path(line.rstrip("\n"))).split()), file=answers, flush=True)


def outcomes(paths: list[Path], command: list[str], *, patience: float) -> Iterator[str]:
    """Yields, for each file, the line of a worker that runs as `command`, or "hung" or "crashed"."""
    worker = None
    for path in paths:
        if worker is None:
            worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert worker.stdin and worker.stdout
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.write(os.fsencode(path) + b"\n")
            worker.stdin.flush()
        is_answered = bool(select.select([worker.stdout], [], [], patience)[0])
        line = worker.stdout.readline().decode().strip() if is_answered else ""
        yield line or ("crashed" if is_answered else "hung")
        if not line:
            _end(worker)
            worker = None
    if worker:
        _end(worker)


def _end(worker):
    worker.kill()
    worker.communicate()


def run(count: int, seed: int) -> str:
    """Tries `count` damaged files; returns a line of counts. Failures are printed and their files kept."""
    tally = Counter(dict.fromkeys(OUTCOMES, 0))
    failures = Path(tempfile.mkdtemp(prefix="jsr-hostile-"))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name.replace("\n", " ")) for name, _ in files(count, seed)]
        for path, (_, content) in zip(paths, files(count, seed), strict=True):
            path.write_bytes(content)
        command = [sys.executable, "-m", "scripts.torture.hostile"]
        for path, line in zip(paths, outcomes(paths, command, patience=PATIENCE), strict=True):
            outcome = line if line in OUTCOMES else "wrong"
            tally[outcome] += 1
            if outcome not in ("refused", "right"):
                path.rename(failures / path.name)
                print(f"{failures / path.name}: {line}", file=sys.stderr)
    with contextlib.suppress(OSError):  # not empty
        failures.rmdir()
    counts = ", ".join(f"{tally[outcome]} {outcome}" for outcome in OUTCOMES)
    return f"pictures: {count} tried, {counts}"


if __name__ == "__main__":
    work()
