"""Times jsr against its peers: `python -m scripts.benchmark [--parts PART...] [--json FILE]`. On Linux.

    infer   SRResNet x4, bundled weights, BatchNorm folded; arrays in, arrays out
    train   a step of either phase; jsr draws its crops and averages its weights in it, the peers get crops ready-made
    start   `python -m jsr.infer` from the command line, with nothing compiled yet and with all compiled
    data    crops drawn and reduced
    scale   a training step of 1, 2 and 4 processes of one core or one GPU each
    quality scores on Set14 over the time of a picture, of our models and of other projects' in ncnn
    sizes   `jsr.infer` on pictures of many sizes, and on as many pixels in pictures of one size

README.md in this folder says how contestants are compared, and how to read the tables.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # before jax: on a GPU, the peers need memory too

import jax

from jsr.command_line import Parser
from scripts.benchmark import crops, peaks, quality, scale, sizes, start
from scripts.benchmark.cases import Task, cases, kind, on_gpu
from scripts.benchmark.comparison import compare
from scripts.benchmark.contestants import BUILDERS
from scripts.benchmark.table import table

PARTS = ("infer", "train", "start", "data", "scale", "quality", "sizes")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 1 where a contestant was disqualified. Exits with 2 on wrong arguments."""
    cores = sorted(os.sched_getaffinity(0))
    parser = Parser(prog="benchmark", description="Times jsr against its peers.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all numbers there")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="also draw the part quality there, such as a.svg")
    parser.add_argument("--repeats", type=int, default=7, help="rounds (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=len(cores), help="default: all cores")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all works")
    args = parser.parse_args(argv)
    if args.repeats < 1:
        parser.error(f"--repeats: expected 1 or more, got {args.repeats}")
    if not 1 <= args.threads <= len(cores):
        parser.error(f"--threads: expected 1 to {len(cores)}, got {args.threads}")
    for option, path in (("--json", args.json), ("--figure", args.figure)):
        if path and not path.absolute().parent.is_dir():
            parser.error(f"{option}: {path}: no such folder")
    os.sched_setaffinity(0, cores[: args.threads])  # before jax asks: XLA takes all cores that it sees
    if jax.device_count() != 1:
        parser.error(f"expected one device, got {jax.device_count()}; set CUDA_VISIBLE_DEVICES")

    machine = {
        "device": jax.local_devices()[0].device_kind,
        "threads": args.threads,
        "jax": jax.__version__,
    }
    report: dict[str, Any] = {"machine": machine}
    for part in (p for p in PARTS if p in args.parts):
        if part in BUILDERS:
            report[part] = _compared(part, args, report)
        elif part == "quality":
            report[part] = _scored(args, report)
        else:
            report[part] = _timed(part, args)
    if "start" in report:
        machine["start margin"] = start.margin(report["start"])
        print(f"\nwarm - 1.3 import jax - 0.8 s = {machine['start margin']:+.2f} s")
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n")
    wrong = [row for part in BUILDERS for row in report.get(part, []) if row["disqualified"]]
    return 1 if wrong else 0


def _timed(part: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Runs a part that has no outcomes to compare."""
    if part == "start":
        made = start.times(repeats=args.repeats)
    elif part == "sizes":
        made = sizes.times(count=3 if args.quick else 100, repeats=args.repeats)
    elif part == "scale":
        batch, crop = (1, 32) if args.quick else (16 if on_gpu() else 2, 96)
        made = scale.times(Task("srresnet", "mse", batch, crop, 20 if on_gpu() else 3), repeats=args.repeats)
    else:
        batch, crop = (2, 32) if args.quick else (16, 96)
        made = crops.times(batch=batch, crop=crop, repeats=args.repeats)
    print(f"\n{part}\n\n{table(made)}", flush=True)
    return made


def _scored(args: argparse.Namespace, report: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs the part quality, and draws its figure where that is asked for."""
    folder = quality.folder()
    if not folder:
        print(f"\nquality: left out: expected {quality.SET} in the folder JSR_DATA")
        return []
    side = 16 if args.quick else quality.SIDE
    made, left_out = quality.measure(folder, repeats=args.repeats, threads=args.threads, side=side)
    report.setdefault("left out", {})["quality"] = left_out
    print(f"\nquality\n\n{table(made)}", flush=True)
    for name, reason in left_out.items():
        print(f"left out of quality: {name}: {reason}", flush=True)
    if args.figure:
        quality.draw(made, args.figure)
    return made


def _compared(part: str, args: argparse.Namespace, report: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs a part whose contestants are compared, and adds peaks and the ones left out to the report."""
    if "peaks" not in report:
        side = 256 if args.quick else 8192 if on_gpu() else 2048
        report["peaks"] = peaks.measure(threads=args.threads, side=side)
        shown = ", ".join(f"{p} {peak / 1e12:.3f} TFLOP/s" for p, peak in report["peaks"].items())
        print(f"{report['machine']}\nmatrix products: {shown}", flush=True)
    made, missing = [], report.setdefault("left out", {})
    todo = cases(part, quick=args.quick)
    for i, case in enumerate(todo):
        is_largest = i + 1 == len(todo) or kind(todo[i + 1]) != kind(case)  # of its kind
        found, left_out = compare(
            part, case, repeats=args.repeats, threads=args.threads, peak=report["peaks"], has_memory=is_largest
        )
        made += found
        missing[f"{part} {case}"] = left_out
        print(f"\n{part}\n\n{table(found)}", flush=True)
        for name, reason in left_out.items():
            print(f"left out of {part} {case}: {name}: {reason}", flush=True)
    return made


if __name__ == "__main__":
    sys.exit(main())
