"""Fits the pristine model of NIQE to a folder of sharp photographs: `python scripts/fit_niqe.py PHOTO...`.

The bundled one: `python scripts/fit_niqe.py ../shared/data/train/photo-*.jpg -o jsr/pretrained/niqe.safetensors`.
"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from jsr.metrics import niqe, niqe_model
from jsr.pictures import reading
from jsr.pictures.picture import rgb


def main(argv: list[str] | None = None) -> int:
    """Runs the script; returns 0, or 1 where a picture cannot be used."""
    parser = argparse.ArgumentParser(description="Fits the pristine model of NIQE to photographs.")
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    parser.add_argument("-o", "--output", type=Path, default=Path("niqe.safetensors"))
    args = parser.parse_args(argv)
    bar = tqdm(args.photos, unit="photo", disable=None)
    try:
        model = niqe.fit(rgb(reading.read(path)) for path in bar)
        about = {"pictures": len(args.photos), "block": niqe.BLOCK, "sharp": niqe.SHARP}
        niqe_model.save(args.output, model, about)
    except (ValueError, OSError) as error:
        print(f"fit_niqe: error: {error}", file=sys.stderr)
        return 1
    print(f"{args.output}: {len(args.photos)} pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
