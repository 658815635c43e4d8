"""Imports weights of other projects: `jsr import FILE [-o FILE]`.

    jsr import netG_epoch_4_100.pth                     a generator of PyTorch (.pth, .pt, .safetensors)
    jsr import pre_generator.h5 -o krasserm.safetensors a generator of Keras (.h5)
    jsr import SRResNet_4x-0000.params                  a generator of MXNet
    jsr import vgg19-dcbb9e9d.pth                       VGG19 of torchvision, for `jsr train`
    jsr import vgg19_notop.h5                           VGG19 of Keras

The names and shapes of the tensors tell which network it is. A generator becomes a weights file, which every `--model`
takes; VGG19 goes into the user's cache, where `jsr train` looks for it. Neither PyTorch nor Keras nor MXNet is needed,
and nothing in the file is run.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jsr import command_line
from jsr.command_line import Parser
from jsr.errors import Error

if TYPE_CHECKING:
    from jsr.weights.foreign.conversion import Converted
    from jsr.weights.foreign.generators import Generator

TORCH, SAFETENSORS, KERAS, MXNET = (".pth", ".pt"), (".safetensors",), (".h5", ".hdf5"), (".params",)
SUFFIXES = TORCH + SAFETENSORS + KERAS + MXNET


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, or 1 where it fails. Exits with 2 on wrong arguments."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.file.suffix.lower() not in SUFFIXES:
        parser.error(f"{args.file}: expected a file named {', '.join(SUFFIXES)}")
    if not args.file.is_file():
        parser.error(f"{args.file}: no such file")
    if args.output and args.output.is_dir():
        parser.error(f"{args.output}: expected the name of a file, got a folder")

    from jsr.files import checksums
    from jsr.weights import feature_file, vgg
    from jsr.weights import file as weights_file
    from jsr.weights.foreign.generators import Generator

    try:
        network = _read(args.file)
    except (Error, OSError) as error:
        reason = str(error).removeprefix(f"{args.file}: ")
        print(f"jsr.import: error: {args.file}: {reason}", file=sys.stderr)
        return 1
    output = args.output
    if output is None and isinstance(network, Generator):
        output = Path(f"{args.file.stem}.safetensors")
        if output.exists():
            parser.error(f"{output}: exists already; -o FILE replaces it, or names another")
    elif output is None:
        output = vgg.default_path(19)
    try:
        if isinstance(network, Generator):
            weights_file.save(output, *network)
        else:
            feature_file.save(output, "vgg19", *network)
        digest = checksums.sha256(output)
    except OSError as error:
        reason = error.strerror or str(error).removeprefix(f"{output}: ")
        print(f"jsr.import: error: {output}: {reason}", file=sys.stderr)
        return 1
    print(f"{digest}  {output}")
    return 0


def make_parser() -> Parser:
    """Returns the parser of the command line."""
    parser = Parser(
        prog="jsr.import",
        description="Makes weights files of other projects' SRResNets, SRGANs and Real-ESRGAN's small network, and"
        " of VGG19 for jsr train.",
    )
    parser.add_argument("file", metavar="FILE", type=command_line.path, help=", ".join(SUFFIXES))
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=command_line.path,
        help="the file to write (default: a generator goes into the current folder, with FILE's name and .safetensors;"
        " VGG19 into the user's cache)",
    )
    return parser


def _read(path: Path) -> "Generator | Converted":
    """Reads a network of another project.

    Raises:
      WeightsError: the file is damaged, or holds none that is known.
      OSError: it cannot be read.
    """
    from jsr.files import tensors
    from jsr.weights.foreign import from_keras, from_mxnet, from_torch, torch_file

    suffix = path.suffix.lower()
    if suffix in MXNET:
        return from_mxnet.generator_from_mxnet(from_mxnet.read(path))
    if suffix in KERAS:
        weights = from_keras.read_keras(path)
        if weights:
            return from_keras.vgg19_from_keras(weights)
        return from_keras.generator_from_keras(from_keras.read_layers(path))
    state = torch_file.read(path) if suffix in TORCH else tensors.read(path)
    if any(name.startswith("features.") for name in state):
        return from_torch.vgg19_from_torch(state)
    return from_torch.generator_from_torch(state)


if __name__ == "__main__":
    command_line.run(main)
