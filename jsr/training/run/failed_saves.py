"""What is left of a save that failed: one error, without all that the libraries beneath report of it."""

import contextlib
import logging
import os
import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps a failed save to its one error, without the tracebacks that Orbax's threads print beside it.

    These threads report late, so this covers the whole life of the manager. Loggers and warning filters are the
    process's, and are restored at the end.
    """
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]  # Orbax's
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def without_late_reports(hook: Callable[[Any], object]) -> Callable[[Any], None]:
    """Returns a hook for unraisable exceptions that ignores what TensorStore reports of a failed save.

    TensorStore's threads hand the result of each write to Orbax's event loop, which Orbax closes at the first failure.

    Args:
      hook: for all other exceptions.
    """

    def unraisable(event: Any) -> None:
        if str(event.exc_value) != "Event loop is closed":
            hook(event)

    return unraisable


def clear_frames(error: BaseException | None) -> None:
    """Drops the local variables of the functions that an error and its causes passed through."""
    while error:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def reason(error: Exception) -> str:
    """Returns the operating system's message, if TensorStore quotes it, else the first line of the error's."""
    text = getattr(error, "strerror", None) or str(error).strip()
    if code := re.search(r"os_error_code='(\d+)'", text):
        return os.strerror(int(code[1]))
    return text.splitlines()[0] if text else type(error).__name__
