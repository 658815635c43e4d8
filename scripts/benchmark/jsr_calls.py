"""jsr as a contestant: calls that upscale, train, and multiply matrices."""

import functools
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from jsr.data.crops import at_step
from jsr.devices import compilation, parallel
from jsr.training import phases
from jsr.training.config import Config
from scripts.benchmark import crops
from scripts.benchmark.cases import LOSSES, Task


def infer(*, model, x, precision):
    module = model.module.with_precision(precision)
    upscale = compilation.jit(module.apply, onednn=precision == "bf16")
    variables, x = jax.device_put((model.variables, x))
    return lambda: upscale(variables, x).block_until_ready()


def beginning(case: Task, precision: str) -> tuple[Config, Any, jax.Array]:
    """Returns a configuration, the beginning of its training as `phases.start` makes it, and the key of both."""
    key = jax.random.key(0)
    config = Config(
        phase=cast(Any, case.phase),
        content=cast(Any, case.content),
        precision=cast(Any, precision),
        batch_size=case.batch,
        crop=case.crop,
        init="srresnet",
        vgg19="random",
    )
    return config, phases.start(config, key, is_resumed=False), key


def train(case, precision):
    _, (state, step, _), _ = beginning(case, precision)
    size = case.crop + 2 * crops.BICUBIC.margin
    draw = functools.partial(at_step, batch=case.batch, size=size)
    dispatch = parallel.make_dispatch(step, draw, most=case.steps)
    noise, state = parallel.replicate(crops.source(case.crop)), parallel.replicate(state)

    def call():
        nonlocal state
        state, pending = dispatch(state, noise, case.steps)
        losses, _ = pending.wait()
        jax.block_until_ready(state)
        return np.stack([losses[name] for name in LOSSES[case.phase]], axis=1)

    return call


def product(side, precision):
    a = jnp.ones((side, side), compilation.DTYPES[precision])
    multiply = compilation.jit(jnp.matmul, onednn=precision == "bf16")
    return lambda: multiply(a, a).block_until_ready()
