"""Times jsr against its peers: `python -m scripts.benchmark [--parts infer train start data] [--json FILE]`. On Linux.

Same networks, weights and inputs, all in one run: the contestants take turns in every round, so that what else the
machine does meets all alike, and medians count. Between turns there is a pause, for libraries let their threads spin a
while after a call. Every peer that is missing (`pip install 'jsr[bench]'`) or fails is named and left out. Outputs and
first losses are compared with those of jsr in fp32; a contestant that differs is disqualified, and the status is 1.
On a GPU, fp32 means TF32 for all. One device; choose it by CUDA_VISIBLE_DEVICES.

    infer   SRResNet x4, bundled weights, BatchNorm folded; arrays in, arrays out
    train   a step of either phase; jsr draws its crops and averages its weights in it, the peers get crops ready-made
    start   `python -m jsr.infer` from the command line, with nothing compiled yet and with all compiled
    data    crops drawn and reduced

Work is counted as `flops.py` says, whatever an algorithm saves of it; its share is of the fastest large matrix product
that jax or torch manages here. Memory is what building and running a contestant once adds to the peak of a fresh
process: resident on a CPU, its library and compiler with it; allocated on a GPU.
"""

import functools
import gc
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the peers need room beside jax

import jax
import numpy as np
from PIL import Image
from tqdm import tqdm

from jsr.command_line import Parser
from jsr.devices import compilation
from jsr.training import steps
from scripts.benchmark import contestants
from scripts.benchmark.contestants import CHECKED, Call, Picture, Task, on_gpu
from scripts.benchmark.flops import flops

PARTS = ("infer", "train", "start", "data")
PAUSE = 0.3  # seconds; OpenMP's threads spin for 0.2 by default
# Differences allowed, of the range of pictures, and relative to a loss.
LIMITS = {
    "infer": {"fp32": 1e-4, "tf32": 1e-2, "bf16": 0.05},
    "train": {"fp32": 1e-3, "tf32": 1e-2, "bf16": 0.1},
}
SCALE = 4
FORMATS = {
    "ms": ".1f",
    "per second": ".1f",
    "jsr/peer": ".2f",
    "TFLOP/s": ".3f",
    "of peak": ".0%",
    "MB": ".0f",
    "difference": ".1e",
}


def alternate(
    calls: dict[str, Call],
    *,
    repeats: int,
    pause: float = PAUSE,
    report: Callable[[], Any] = lambda: None,
) -> dict[str, list[float]]:
    """Times calls in rounds, each in another order, and returns the seconds of each; reports every round."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = random.Random(0)
    for _ in range(repeats):
        for name in order.sample(sorted(calls), len(calls)):
            time.sleep(pause)
            began = time.perf_counter()
            calls[name]()
            times[name].append(time.perf_counter() - began)
        report()
    return times


def peaks(*, threads: int, side: int) -> dict[str, float]:
    """Measures the fastest matrix product of either precision, in operations per second."""
    found = {}
    for precision in compilation.DTYPES:
        calls = {}
        for name, build in contestants.product(side, precision, threads=threads).items():
            try:
                calls[name] = build()
                calls[name]()
            except Exception:  # the parts tell how a peer fails
                calls.pop(name, None)
        seconds = min(min(values) for values in alternate(calls, repeats=5).values())
        found[precision] = 2 * side**3 / seconds
    return found


def infer_outcome(call: Call) -> np.ndarray:
    """Runs a contestant twice and returns its pictures as `[b, h, w, 3]`."""
    call()
    y = call()
    y = np.asarray(y.cpu() if hasattr(y, "cpu") else y)
    return y if y.shape[-1] == 3 else y.transpose(0, 2, 3, 1)


def train_outcome(call: Call) -> np.ndarray:
    """Runs a contestant twice and returns its first losses `[CHECKED, losses]`."""
    return np.concatenate([call(), call()])[:CHECKED]


def infer_difference(y: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of pictures in [-1, 1], of their range."""
    return float(np.abs(y - expected).max()) / 2


def train_difference(y: np.ndarray, expected: np.ndarray) -> float:
    """The largest relative difference of losses."""
    return float(np.max(np.abs(y - expected) / np.abs(expected)))


class Part(NamedTuple):
    """What to compare, and how."""

    contestants: Callable[..., dict[str, Callable[[], Call]]]
    outcome: Callable[[Call], np.ndarray]
    difference: Callable[[np.ndarray, np.ndarray], float]


COMPARED = {
    "infer": Part(contestants.infer, infer_outcome, infer_difference),
    "train": Part(contestants.train, train_outcome, train_difference),
}


def compare(
    name: str, case: Any, *, repeats: int, threads: int, peak: dict[str, float], memory: bool
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Lets the contestants of a part compete; returns the rows of its table, and who was left out, with the reason."""
    part, calls, outcomes, left_out = COMPARED[name], {}, {}, {}
    builders = part.contestants(case, threads=threads)
    total = (1 + memory) * len(builders) + repeats
    bar = tqdm(total=total, desc=f"{name} {case}", leave=False, disable=None)
    for contestant, build in builders.items():
        bar.update()
        try:
            calls[contestant] = build()
            outcomes[contestant] = part.outcome(calls[contestant])
        except Exception as error:  # a peer may fail in any way, and the others still compete
            if contestant.startswith("jsr"):
                raise
            calls.pop(contestant, None)
            left_out[contestant] = (str(error).splitlines() or [type(error).__name__])[0]
    times = alternate(calls, repeats=repeats, report=bar.update)
    count = case.count if isinstance(case, Task) else 1
    seconds = {who: statistics.median(values) / count for who, values in times.items()}
    differences = {who: part.difference(outcome, outcomes["jsr fp32"]) for who, outcome in outcomes.items()}
    limits = dict(LIMITS[name])
    limits["fp32"] = limits["tf32" if on_gpu() else "fp32"]
    made = rows(seconds, differences, work=flops(case), peak=peak, limits=limits)
    for row in made:
        row["MB"] = peak_memory(name, case, row["contestant"], threads) if memory else None
        bar.update(memory)
    bar.close()
    del calls
    gc.collect()
    if on_gpu() and "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()
    return [{"case": str(case)} | row for row in made], left_out


def rows(
    seconds: dict[str, float],
    differences: dict[str, float],
    *,
    work: int,
    peak: dict[str, float],
    limits: dict[str, float],
) -> list[dict[str, Any]]:
    """Makes the rows of a table: a peer's time goes against that of jsr in the same precision."""
    made = []
    for name, second in seconds.items():
        precision = name.split()[-1]
        ours = seconds[f"jsr {precision}"]
        made.append(
            {
                "contestant": name,
                "ms": 1e3 * second,
                "per second": 1 / second,
                "jsr/peer": None if name.startswith("jsr") else ours / second,
                "TFLOP/s": work / second / 1e12,
                "of peak": work / second / peak[precision],
                "difference": differences[name],
                "disqualified": not differences[name] <= limits[precision],  # nor may it be NaN
            }
        )
    return made


def peak_memory(part: str, case: Any, contestant: str, threads: int) -> float:
    """Measures in a process of its own what a contestant needs, in MB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure_memory, (part, case, contestant, threads))


def _measure_memory(part, case, contestant, threads):
    build = COMPARED[part].contestants(case, threads=threads)[contestant]
    before = 0 if on_gpu() else _peak_resident()
    build()()
    if not on_gpu():
        return (_peak_resident() - before) / 1e6
    if contestant.startswith("jsr"):
        return (jax.local_devices()[0].memory_stats() or {})["peak_bytes_in_use"] / 1e6
    return sys.modules["torch"].cuda.max_memory_allocated() / 1e6


def _peak_resident():
    # Not getrusage: its ru_maxrss begins with that of the process which started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


# What is not compared by outcome


def start(*, repeats: int) -> list[dict[str, Any]]:
    """Times the command, its programs uncompiled and compiled, and how long jax alone takes to import."""
    taken: dict[str, list[float]] = {"import jax": [], "cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "a.png"
        pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(picture)
        for i in range(repeats):
            environment = {**os.environ, "XDG_CACHE_HOME": str(Path(folder) / f"cache{i}")}
            environment.pop("JAX_COMPILATION_CACHE_DIR", None)
            infer = ["-m", "jsr.infer", str(picture)]
            for name, command in (
                ("import jax", ["-c", "import jax"]),
                ("cold", infer),
                ("warm", infer),
            ):
                began = time.perf_counter()
                subprocess.run([sys.executable, *command], env=environment, check=True, stdout=subprocess.PIPE)
                taken[name].append(time.perf_counter() - began)
    return [{"what": name, "ms": 1e3 * statistics.median(t)} for name, t in taken.items()]


def margin(made: list[dict[str, Any]]) -> float:
    """Seconds that a warm start takes beyond 1.3 imports of jax and one second; below 0 it is quick enough."""
    ms = {row["what"]: row["ms"] for row in made}
    return (ms["warm"] - 1.3 * ms["import jax"]) / 1e3 - 1


def crops(*, batch: int, crop: int, repeats: int) -> list[dict[str, Any]]:
    """Times drawing crops and reducing them, on the device and by Pillow on one core."""
    noise, rng = contestants.source(crop), np.random.default_rng(0)
    patches, size = np.asarray(noise.patches), crop + 2 * steps.margin(SCALE)
    draw = jax.jit(functools.partial(contestants.pair, noise, batch=batch, crop=crop))

    def by_pillow():
        pairs = []
        for _ in range(batch):
            y, x = rng.integers(0, patches.shape[1] - size + 1, 2)
            image = patches[rng.integers(len(patches)), y : y + size, x : x + size]
            image = np.rot90(image, int(rng.integers(4)))
            image = np.ascontiguousarray(image[::-1] if rng.integers(2) else image)
            small = Image.fromarray(image).resize((size // SCALE, size // SCALE), Image.Resampling.BICUBIC)
            pairs.append((_cut(np.asarray(small), steps.LR_MARGIN), _cut(image, SCALE * steps.LR_MARGIN)))
        lr, hr = (np.stack(images).astype(np.float32) / 255 for images in zip(*pairs, strict=True))
        return lr, 2 * hr - 1

    calls = {"jsr": lambda: jax.block_until_ready(draw(0)), "Pillow": by_pillow}
    for call in calls.values():
        call()
    times = alternate(calls, repeats=repeats)
    seconds = {name: statistics.median(values) for name, values in times.items()}
    return [
        {"contestant": name, "ms": 1e3 * s, "per second": batch / s, "jsr/peer": seconds["jsr"] / s}
        for name, s in seconds.items()
    ]


def _cut(image, margin):
    return image[margin:-margin, margin:-margin]


# The command


def table(made: list[dict[str, Any]]) -> str:
    """Lays rows out as a Markdown table; a disqualified contestant's difference has a mark."""
    names = [name for name in made[0] if name != "disqualified"]
    lines = [names]
    for row in made:
        cells = [_cell(name, row[name]) for name in names]
        if row.get("disqualified"):
            cells[names.index("difference")] += " DISQUALIFIED"
        lines.append(cells)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    padded = ([cell.ljust(n) for cell, n in zip(line, widths, strict=True)] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def _cell(name, value):
    if value is None:
        return "-"
    return format(value, FORMATS[name]) if name in FORMATS else str(value)


def cases(part: str, *, quick: bool) -> list[Any]:
    """What a part computes; memory is measured at the largest, the last of each kind."""
    if part == "infer":
        return [Picture(24, 16)] if quick else [Picture(64, 64), Picture(256, 256), Picture(480, 320)]
    kinds = [("srresnet", "mse"), ("srgan", "mse")] + [("srgan", "vgg54")] * on_gpu()
    batches, crop = ((2,), 32) if quick else ((16, 64, 256) if on_gpu() else (16,), 96)
    count = 20 if on_gpu() else 3  # steps in a row, as in training
    return [Task(*kind, batch, crop, count) for kind in kinds for batch in batches]


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 1 where a contestant was disqualified. Wrong arguments exit with 2."""
    cores = sorted(os.sched_getaffinity(0))
    parser = Parser(prog="benchmark", description="Times jsr against its peers.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all numbers there")
    parser.add_argument("--repeats", type=int, default=7, help="rounds (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=len(cores), help="default: all cores")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all works")
    args = parser.parse_args(argv)
    if args.repeats < 1:
        parser.error(f"--repeats: expected 1 or more, got {args.repeats}")
    if not 1 <= args.threads <= len(cores):
        parser.error(f"--threads: expected 1 to {len(cores)}, got {args.threads}")
    if args.json and not args.json.absolute().parent.is_dir():
        parser.error(f"--json: {args.json}: no such folder")
    os.sched_setaffinity(0, cores[: args.threads])  # XLA takes all that it sees when it wakes up
    if jax.device_count() != 1:
        parser.error(f"expected one device, got {jax.device_count()}; set CUDA_VISIBLE_DEVICES")

    machine = {
        "device": jax.local_devices()[0].device_kind,
        "threads": args.threads,
        "jax": jax.__version__,
    }
    report: dict[str, Any] = {"machine": machine}
    for part in (p for p in PARTS if p in args.parts):
        report[part] = _run(part, args, report)
    if "start" in report:
        machine["start margin"] = margin(report["start"])
        print(f"\nwarm - 1.3 import jax - 1 s = {machine['start margin']:+.2f} s")
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n")
    wrong = [row for part in COMPARED for row in report.get(part, []) if row["disqualified"]]
    return 1 if wrong else 0


def _run(part, args, report):
    if part in ("start", "data"):
        batch, crop = (2, 32) if args.quick else (16, 96)
        if part == "start":
            made = start(repeats=args.repeats)
        else:
            made = crops(batch=batch, crop=crop, repeats=args.repeats)
        print(f"\n{part}\n\n{table(made)}", flush=True)
        return made
    if "peaks" not in report:
        side = 256 if args.quick else 8192 if on_gpu() else 2048
        report["peaks"] = peaks(threads=args.threads, side=side)
        shown = ", ".join(f"{p} {peak / 1e12:.3f} TFLOP/s" for p, peak in report["peaks"].items())
        print(f"{report['machine']}\nmatrix products: {shown}", flush=True)
    made, out = [], report.setdefault("left out", {})
    todo = cases(part, quick=args.quick)
    for i, case in enumerate(todo):
        last = i + 1 == len(todo) or _kind(todo[i + 1]) != _kind(case)
        options = {"repeats": args.repeats, "threads": args.threads, "peak": report["peaks"]}
        found, left_out = compare(part, case, memory=last, **options)
        made += found
        out[f"{part} {case}"] = left_out
        print(f"\n{part}\n\n{table(found)}", flush=True)
        for name, reason in left_out.items():
            print(f"left out of {part} {case}: {name}: {reason}", flush=True)
    return made


def _kind(case):
    return case[:2] if isinstance(case, Task) else "pictures"


if __name__ == "__main__":
    sys.exit(main())
