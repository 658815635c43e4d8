"""How programs are compiled: the platform's options, and a cache of what was compiled before."""

import functools
import hashlib
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp

# Of the computation; parameters and statistics are float32 in either.
Precision = Literal["fp32", "bf16"]
DTYPES = {"fp32": jnp.float32, "bf16": jnp.bfloat16}

# On the CPU, XLA's convolutions by YNNPACK are slower at our shapes than those by Eigen. oneDNN is faster at gradients,
# and alone computes in bfloat16, but programs that call it cannot be kept (experiments/LOG.md).
CPU_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": ""}
ONEDNN = {"xla_cpu_experimental_onednn_custom_call": True}


def jit(function: Callable[..., Any], *, onednn: bool, **how: Any) -> Any:
    """`jax.jit` with the platform's options. No decorator, since it wakes the backend up."""
    return jax.jit(function, compiler_options=_options(onednn), **how)


@functools.cache
def _options(onednn):
    if jax.default_backend() != "cpu":
        return {}
    chosen = CPU_OPTIONS | ONEDNN if onednn else CPU_OPTIONS
    try:
        jax.jit(lambda: 0, compiler_options=chosen).lower().compile()
    except jax.errors.JaxRuntimeError:  # they are experimental: another XLA may not know them
        return {}
    return chosen


def keep(root: Path, *, onednn: bool) -> None:
    """Keeps what is compiled below a folder, and takes from there what was compiled before.

    What lies there is run as it is, so the folder must be the user's alone; where it is not, nothing is kept. It is one
    for each kind of processor, for code is compiled for the instructions of its own. An explicit
    `JAX_COMPILATION_CACHE_DIR` stays as it is. Programs that call oneDNN, which they do on a CPU only, cannot be kept.
    """
    calls_onednn = onednn and jax.default_backend() == "cpu"
    if jax.config.values["jax_compilation_cache_dir"] is not None or calls_onednn:
        return
    folder = root / _processor()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
    except OSError:
        return
    if hasattr(os, "getuid") and (about.st_uid != os.getuid() or about.st_mode & 0o022):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Everything: a picture takes small programs beside the large one.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _processor() -> str:
    """A name for the instructions that this machine's processor has."""
    about = platform.machine() + platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        about += next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):  # not Linux, where JAX knows fewer of them
        pass
    return hashlib.sha256(about.encode()).hexdigest()[:16]
