"""The cache of compiled programs, which is off in tests (conftest.py), on for a while."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache


@contextlib.contextmanager
def cached(folder: Path | None) -> Iterator[None]:
    """Switches the cache on: every program is stored in the folder; with None, once another folder is configured."""
    options = {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": folder and str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: jax.config.values[name] for name in options}
    try:
        _configure(options)
        yield
    finally:
        _configure(before)


def _configure(options):
    for name, value in options.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()  # JAX looks at the options once
