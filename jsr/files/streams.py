"""Standard input and output, and named pipes, in the place of files.

Decoders go back and forth in a file, and a result is renamed when it is complete. A stream allows neither, so files in
a temporary folder stand for streams.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

STANDARD = "-"  # standard input, or standard output


class Files(NamedTuple):
    """The inputs and the output of a command, each of them a file or a folder."""

    inputs: list[Path]
    output: str | None
    streams: dict[Path, str]  # the stream that a file stands for

    def name(self, path: Path) -> str:
        """Returns the name by which the user knows a file."""
        return self.streams.get(path) or str(path)


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Tells whether a path is `-`, a named pipe or a device."""
    name = os.fspath(path)
    # /dev/stdin may be a file, but there is no place beside it for a result.
    return name == STANDARD or name.startswith("/dev/") or (os.path.exists(name) and not _is_stored(name))


def is_stdout(path: str | os.PathLike[str]) -> bool:
    """Tells whether a path is standard output."""
    return os.fspath(path) in (STANDARD, "/dev/stdout", "/dev/fd/1")


@contextlib.contextmanager
def as_files(inputs: list[Path], output: str | None, *, suffix: str) -> Iterator[Files]:
    """Copies inputs that are streams into files, and at the end of the block a file into an output that is a stream.

    Args:
      suffix: of the file that stands for the output.

    Raises:
      OSError: a stream cannot be read or written.
    """
    if not any(is_stream(path) for path in (*inputs, *([output] if output else []))):
        yield Files(inputs, output, {})
        return
    with tempfile.TemporaryDirectory(prefix="jsr-") as folder:
        files = Files([], output, {})
        for number, path in enumerate(inputs):
            if is_stream(path):
                stored = Path(folder, str(number), "stdin" if str(path) == STANDARD else path.name)
                stored.parent.mkdir()
                with reader(path) as source, open(stored, "wb") as target:
                    shutil.copyfileobj(source, target)
                files.streams[stored] = str(path)
                path = stored
            files.inputs.append(path)
        if output is None or not is_stream(output):
            yield files
            return
        result = Path(folder, f"result{suffix}")
        files.streams[result] = output
        yield files._replace(output=str(result))
        if result.exists():
            with open(result, "rb") as source, writer(output) as target:
                shutil.copyfileobj(source, target)


def _is_stored(name: str) -> bool:
    return os.path.isfile(name) or os.path.isdir(name)


def reader(path: Path) -> contextlib.AbstractContextManager[BinaryIO]:
    """Opens a stream, or a file, to read.

    Raises:
      OSError: it cannot be read.
    """
    return contextlib.nullcontext(sys.stdin.buffer) if str(path) == STANDARD else open(path, "rb")


@contextlib.contextmanager
def writer(path: str) -> Iterator[BinaryIO]:
    """Opens a stream, or a file, to write.

    Raises:
      OSError: it cannot be written.
    """
    if is_stdout(path):
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    with open(path, "wb") as file:
        yield file
