"""The user's cache folder."""

import os
from pathlib import Path


def default_cache() -> Path:
    """Returns the folder of this package in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jsr"
