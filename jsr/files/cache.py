"""The folder of this package in the user's cache."""

import os
from pathlib import Path


def default_cache() -> Path:
    """Returns the folder: `jsr` in `XDG_CACHE_HOME`, which is `~/.cache` where that is not set."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jsr"
