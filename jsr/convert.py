"""Converts weights of other projects to files that jsr reads: `python -m jsr.convert FILE [-o FILE]`.

    python -m jsr.convert vgg19-dcbb9e9d.pth                       VGG19 of torchvision
    python -m jsr.convert vgg19_notop.h5 -o vgg19.safetensors      VGG19 of Keras

Without -o, VGG19 goes into the user's cache, where `jsr.train` looks for it; another file is given to `jsr.train` by
--vgg19. PyTorch is not needed, and nothing in the file is run.
"""

import sys

from jsr import command_line
from jsr.command_line import Parser
from jsr.errors import Error

TORCH, KERAS = (".pth", ".pt"), (".h5", ".hdf5")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 where it fails. Exits with 2 on wrong arguments."""
    parser = Parser(prog="jsr.convert", description="Converts VGG19 of torchvision or Keras for jsr.train.")
    parser.add_argument("file", metavar="FILE", type=command_line.path, help="of torchvision .pth, of Keras .h5")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=command_line.path,
        help="the file to write (default: vgg19.safetensors in the user's cache)",
    )
    args = parser.parse_args(argv)
    suffix = args.file.suffix.lower()
    if suffix not in TORCH + KERAS:
        parser.error(f"{args.file}: expected a file named {', '.join(TORCH + KERAS)}")
    if not args.file.is_file():
        parser.error(f"{args.file}: no such file")
    if args.output and args.output.is_dir():
        parser.error(f"{args.output}: expected the name of a file, got a folder")

    from jsr.files import checksums
    from jsr.weights import feature_file, from_keras, from_torch, torch_file, vgg

    output = args.output or vgg.default_path(19)
    try:
        if suffix in TORCH:
            tensors, metadata = from_torch.vgg19_from_torch(torch_file.read(args.file))
        else:
            tensors, metadata = from_keras.vgg19_from_keras(from_keras.read_keras(args.file))
    except (Error, OSError) as error:
        reason = str(error).removeprefix(f"{args.file}: ")
        print(f"jsr.convert: error: {args.file}: {reason}", file=sys.stderr)
        return 1
    try:
        feature_file.save(output, "vgg19", tensors, metadata)
        digest = checksums.sha256(output)
    except OSError as error:
        reason = error.strerror or str(error).removeprefix(f"{output}: ")
        print(f"jsr.convert: error: {output}: {reason}", file=sys.stderr)
        return 1
    print(f"{digest}  {output}")
    return 0


if __name__ == "__main__":
    command_line.run(main)
