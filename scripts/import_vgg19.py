"""Ports a VGG19 file of torchvision or Keras, so that `python -m jsr.train --phase srgan` finds it.

    python scripts/import_vgg19.py vgg19-dcbb9e9d.pth
    python scripts/import_vgg19.py vgg19_notop.h5 -o vgg19.safetensors

Without -o it goes to the user's cache, where training looks; else give it by --vgg19. A .pth file
is read by torch, which needs to be installed for that alone.
"""

import hashlib
import sys
import warnings
from pathlib import Path

from jsr.command_line import Parser
from jsr.weights import from_keras, from_torch
from jsr.weights import vgg19 as vgg19_weights

TORCH, KERAS = (".pth", ".pt"), (".h5", ".hdf5")


def main(arguments: list[str] | None = None) -> int:
    """Ports the file; returns 0, or 1 where that fails. Wrong arguments exit with 2."""
    parser = Parser(prog="import_vgg19", description="Ports a VGG19 file for jsr.train.")
    parser.add_argument("file", metavar="FILE", type=Path, help="of torchvision .pth, of Keras .h5")
    parser.add_argument(
        "-o",
        metavar="OUT",
        dest="out",
        type=Path,
        default=vgg19_weights.default_path(),
        help="where to write (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    file, out = options.file, options.out
    suffix = file.suffix.lower()
    if suffix not in TORCH + KERAS:
        parser.error(f"{file}: expected a file named {', '.join(TORCH + KERAS)}")
    if not file.is_file():
        parser.error(f"{file}: no such file")
    if out.is_dir():
        parser.error(f"{out}: expected the name of a file, got a folder")
    try:
        if suffix in TORCH:
            flat, metadata = from_torch.vgg19_from_torch(_read_torch(file))
        else:
            flat, metadata = from_keras.vgg19_from_keras(from_keras.read_keras(file))
    except (ValueError, OSError) as e:
        print(f"import_vgg19: error: {file}: {e}", file=sys.stderr)
        return 1
    try:
        vgg19_weights.save_vgg19(out, flat, metadata)
        with out.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
    except OSError as e:
        print(f"import_vgg19: error: {out}: {e.strerror or e}", file=sys.stderr)
        return 1
    print(f"{digest}  {out}")
    return 0


def _read_torch(path):
    try:
        import torch
    except ImportError:
        raise ValueError("reading it needs torch: pip install torch") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd pickles, which it then refuses
            state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.numpy() for name, tensor in state.items()}
    except Exception as e:  # unpickling a foreign file may raise anything
        raise ValueError("expected a state dict of torch, got a file that holds none") from e


if __name__ == "__main__":
    sys.exit(main())
