"""Compilation: XLA's options for the platform, and a cache of compiled programs on disk."""

import functools
import hashlib
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp

# Of the arithmetic; parameters and statistics are float32 in either.
Precision = Literal["fp32", "bf16"]
DTYPES = {"fp32": jnp.float32, "bf16": jnp.bfloat16}

# On the CPU, XLA's convolutions by YNNPACK are slower at our shapes than those by Eigen. oneDNN is faster at gradients,
# and it alone computes in bfloat16, but XLA cannot store programs that call it (experiments/LOG.md).
CPU_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": ""}
ONEDNN = {"xla_cpu_experimental_onednn_custom_call": True}


def jit(
    function: Callable[..., Any],
    *,
    onednn: bool,
    static_argnames: str | None = None,
    donate_argnums: int | None = None,
) -> Any:
    """Compiles a function as `jax.jit` does, with the platform's options.

    It is not meant as a decorator: it initialises the backend, which importing a module must not do.

    Args:
      onednn: whether XLA may call oneDNN on a CPU.
      static_argnames, donate_argnums: as `jax.jit` takes them.

    Returns:
      the compiled function, with the methods of `jax.jit`'s results.
    """
    return jax.jit(
        function,
        compiler_options=options(onednn),
        static_argnames=static_argnames,
        donate_argnums=donate_argnums,
    )


@functools.cache
def options(onednn: bool) -> dict[str, Any]:
    """Returns the compiler's options for the platform; none where the installed XLA does not know them."""
    if jax.default_backend() != "cpu":
        return {}
    selected = CPU_OPTIONS | ONEDNN if onednn else CPU_OPTIONS
    try:
        jax.jit(lambda: 0, compiler_options=selected).lower().compile()
    except jax.errors.JaxRuntimeError:  # they are experimental, so another version of XLA may not know them
        return {}
    return selected


def keep(root: Path, *, onednn: bool) -> None:
    """Keeps compiled programs in a cache below a folder, for the whole process.

    JAX executes whatever is in the cache, so the folder must belong to the user and be writable by nobody else;
    otherwise there is no cache. Each CPU type gets its own sub-folder, because compiled code uses its instruction set.
    An explicit `JAX_COMPILATION_CACHE_DIR` takes precedence, and so does `JAX_ENABLE_COMPILATION_CACHE=false`. Programs
    that call oneDNN, as they do on a CPU only, cannot be stored.

    Args:
      root: the folder; made if it does not exist. Where it cannot be made, there is no cache.
      onednn: whether the process compiles with oneDNN.
    """
    calls_onednn = onednn and jax.default_backend() == "cpu"
    has_folder = jax.config.values["jax_compilation_cache_dir"] is not None
    if not jax.config.values["jax_enable_compilation_cache"] or has_folder or calls_onednn:
        return
    folder = root / _processor()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stat = folder.stat()
    except OSError:
        return
    if hasattr(os, "getuid") and (stat.st_uid != os.getuid() or stat.st_mode & 0o022):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Without these, JAX would not store programs that are small or quickly compiled, of which a picture needs several.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _processor() -> str:
    """Returns a name for the instruction set of this machine's processor."""
    description = platform.machine() + platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        description += next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):  # not Linux, where the names of machine and processor have to do
        pass
    return hashlib.sha256(description.encode()).hexdigest()[:16]
