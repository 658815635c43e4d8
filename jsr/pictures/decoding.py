"""The conditions under which decoders run: any error becomes one line that names the file, and nothing else is printed.

Pillow and tifffile have settings that belong to the whole process. They are changed only while a file is decoded.
"""

import contextlib
import logging
import os
import threading
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image

from jsr.errors import PictureError

LOGGERS = ("PIL", "tifffile", "imagecodecs", "pydicom")


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Names the file in errors raised while it is read.

    Raises:
      PictureError: in the place of an `OSError` or another `PictureError`.
    """
    try:
        yield
    except OSError as error:
        raise PictureError(f"{path}: {error.strerror}") from error
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from error


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Turns anything that decoders raise at broken content, except for a lack of memory, into one line.

    Raises:
      PictureError: the content is no picture, broken, or of a kind that is not supported.
    """
    try:
        with _settings:
            yield
    except (MemoryError, PictureError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(f"broken or not supported: {reason}") from error


def guarded_rows(path: str | os.PathLike[str], blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields blocks of rows of a file that is decoded as they are asked for.

    Raises:
      PictureError: the file is broken.
    """
    while True:
        with naming(path), guarded():  # not around the yield: the caller's work would run under it
            rows = next(blocks, None)
        if rows is None:
            return
        yield rows


@contextlib.contextmanager
def _changed_settings() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd metadata
        Image.MAX_IMAGE_PIXELS = None  # Pillow's fixed limit; ours is the argument `max_pixels`
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)  # they also raise the errors that they log
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


class _Settings:
    """The changed settings, which the first of several threads makes and the last one undoes.

    Without counting, a thread would restore the settings under another that still decodes, and the other would then
    restore the changed ones for good.
    """

    def __init__(self) -> None:
        self.lock, self.threads, self.stack = threading.Lock(), 0, contextlib.ExitStack()

    def __enter__(self) -> None:
        with self.lock:
            if not self.threads:
                self.stack.enter_context(_changed_settings())
            self.threads += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.threads -= 1
            if not self.threads:
                self.stack.close()


_settings = _Settings()
