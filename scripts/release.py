"""Makes a released weights file of a run: `python -m scripts.release RUN NAME`, such as runs/srgan_x4 and srgan.

Writes jsr/pretrained/NAME_x4.safetensors in float16, which halves the file, and enters its SHA-256 into SHA256SUMS. The
card, jsr/pretrained/NAME_x4.md, is written by hand. What the rounding costs, `jsr.evaluate --model RUN NAME` shows.
"""

import argparse
from pathlib import Path

from jsr.files import atomic, checksums
from jsr.training.config import FACTORS
from jsr.weights import file as weights_file


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes a released weights file of a run.")
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    args = parser.parse_args()

    model = weights_file.read(args.run / weights_file.RUN_FILE)
    folder, name = weights_file.PRETRAINED, f"{args.name}_x4.safetensors"
    fields = {"factors": FACTORS[model.scale]}
    network = model.metadata["training"]["model"]
    weights_file.save(folder / name, network, fields, model.variables, model.metadata, dtype="float16")
    lines = [f"{checksums.sha256(path)}  {path.name}\n" for path in sorted(folder.glob("*.safetensors"))]
    atomic.write_text(folder / checksums.NAME, "".join(lines))
    print(folder / name)


if __name__ == "__main__":
    main()
