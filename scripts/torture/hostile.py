"""Damages the pictures of `corpus.py` and gives them to jsr, which may refuse a file, but never fail otherwise.

Workers read the files, each a process with a limit of memory: what hangs or kills one costs that file only.
"""

import contextlib
import io
import os
import select
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jsr import infer
from jsr.errors import PictureError
from jsr.files import atomic
from jsr.pictures import animation, reading
from jsr.pictures import large as large_pictures
from jsr.pictures.picture import rgb
from tests import corpus

MAX_PIXELS = 4_000_000
MEMORY = 4 << 30  # bytes of address space; jax maps 1.3 GiB of it before any picture
PATIENCE = 30  # seconds a file
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
    """Where sizes and kinds stand."""
    for at in rng.integers(0, min(len(content), 80), rng.integers(1, 5)):
        content[at] ^= 1 << rng.integers(8)
    return content


def _fill(content, rng, other):
    """Numbers at their extremes."""
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
    """Of PNG, with their sums as they should be; of others, equal parts."""
    parts, at = [], 8
    while content[:8] == reading.PNG_HEAD and at < len(content):
        length = 12 + int.from_bytes(content[at : at + 4])
        parts.append(content[at : at + length])
        at += length
    if not parts:
        parts = [content[i : i + 64] for i in range(8, len(content), 64)]
    order = rng.permutation(len(parts)) if rng.integers(2) else rng.integers(0, len(parts), len(parts))
    return content[:8] + b"".join(parts[i] for i in order)


def _flip_and_sum(content, rng, other):
    """A bit of a chunk of PNG whose sum is made right again, so that what is behind the sum is met."""
    if content[:8] != reading.PNG_HEAD:
        return _flip(content, rng, other)
    new, at = content[:8], 8
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        data = content[at + 8 : at + 8 + length]
        if data and rng.integers(2):
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        new += corpus.chunk(bytes(content[at + 4 : at + 8]), bytes(data))
        at += 12 + length
    return new


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
)


def judge(path: Path) -> str:
    """Gives a file to the program; returns "refused" or "right", or what was wrong in a line."""
    target = path.with_name(f"{path.stem}_x4.png")
    out, err = io.StringIO(), io.StringIO()
    # In turn: one frame; every frame; and by rows, as if it were large.
    way = zlib.crc32(path.name.encode()) % 3
    arguments = [str(path), "-o", str(target), "--model", "nearest", *["--frame", "0"] * (way == 0)]
    large = large_pictures.LARGE
    large_pictures.LARGE = 1 if way == 2 else large
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = infer.main([*arguments, "--max-pixels", str(MAX_PIXELS)])
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        large_pictures.LARGE = large
    left = [name for name in os.listdir(path.parent) if atomic.TEMPORARY.fullmatch(name)]
    lines = err.getvalue().splitlines()
    if left:
        return f"left {left[0]}"
    if status == 0:
        return "right" if not lines and _is_right(path, target, way) else "not what was read"
    if target.exists():
        return "a result and an error"
    expected = f"jsr.infer: error: {path}: "
    if status == 1 and len(lines) == 1 and lines[0].startswith(expected):
        return "refused" if "out of memory" not in lines[0] else lines[0]
    return f"status {status}: {lines}"


def _is_right(path, target, way):
    """Says whether every pixel stands four by four times in the result, transparent ones aside."""
    try:
        small, large = (reading.read(p, frame=0) for p in (path, target))
        # Then it is in RGB, and with alpha where one of its frames has it.
        is_moving = way != 0 and animation.read(path) is not None
    except PictureError:
        return False
    target.unlink()
    if small.alpha is not None and large.alpha is None:
        return False
    if not is_moving and (small.alpha is None) != (large.alpha is None):
        return False
    expected = (rgb(small) if is_moving and large.pixels.ndim == 3 else small.pixels).repeat(4, 0).repeat(4, 1)
    if expected.shape != large.pixels.shape or expected.dtype != large.pixels.dtype:
        return False
    seen = np.ones(expected.shape[:2], bool)
    if small.alpha is not None:
        seen = small.alpha.repeat(4, axis=0).repeat(4, axis=1) > 0
    return bool((expected == large.pixels)[seen].all())


def work() -> None:
    """A worker: judges each file that it is told of, in a line each."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
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
    """Tries damaged files; returns a line of counts. What went wrong is printed, and its file kept."""
    tally = Counter(dict.fromkeys(OUTCOMES, 0))
    kept = Path(tempfile.mkdtemp(prefix="jsr-hostile-"))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name.replace("\n", " ")) for name, _ in files(count, seed)]
        for path, (_, content) in zip(paths, files(count, seed), strict=True):
            path.write_bytes(content)
        command = [sys.executable, "-m", "scripts.torture.hostile"]
        for path, line in zip(paths, outcomes(paths, command, patience=PATIENCE), strict=True):
            outcome = line if line in OUTCOMES else "wrong"
            tally[outcome] += 1
            if outcome not in ("refused", "right"):
                path.rename(kept / path.name)
                print(f"{kept / path.name}: {line}", file=sys.stderr)
    with contextlib.suppress(OSError):  # not empty
        kept.rmdir()
    counts = ", ".join(f"{tally[outcome]} {outcome}" for outcome in OUTCOMES)
    return f"pictures: {count} tried, {counts}"


if __name__ == "__main__":
    work()
