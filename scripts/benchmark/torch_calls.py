"""PyTorch as a contestant: eager, compiled and, on a GPU, by CUDA graphs.

Memory is in channels_last order, the faster one for convolutions. torch is imported by the calls' builders, so that a
machine without it has the other contestants.
"""

import functools
from typing import Any, NamedTuple, cast

import jax
import numpy as np

from jsr.devices import compilation
from jsr.training import phases, steps
from jsr.weights import vgg
from scripts.benchmark import crops, jsr_calls
from scripts.benchmark.cases import CHECKED, on_gpu

COMPILERS = {  # options of torch.compile
    "torch eager": None,
    "torch compile": {"dynamic": False},
    "torch graphs": {"dynamic": False, "mode": "reduce-overhead"},  # CUDA graphs
}


class Setup(NamedTuple):
    """The settings that torch computes with."""

    precision: str
    options: dict[str, Any] | None  # of torch.compile; None, not compiled
    threads: int

    @property
    def device(self):
        return "cuda" if on_gpu() else "cpu"

    def begin(self):
        """Sets the process up and returns a maker of the context that forward passes run in."""
        import torch

        torch.set_num_threads(self.threads)
        torch.backends.cuda.matmul.allow_tf32 = True  # as jax does, and cuDNN's convolutions
        enabled = self.precision == "bf16"
        return functools.partial(torch.autocast, self.device, torch.bfloat16, enabled=enabled)

    def place(self, x):
        """Puts a network on the device, or pictures `[b, h, w, c]` as `[b, c, h, w]`."""
        import torch

        if not isinstance(x, torch.nn.Module):
            x = torch.from_numpy(np.array(x.transpose(0, 3, 1, 2)))
        return cast(Any, x).to(device=self.device, memory_format=torch.channels_last)

    def compile(self, network):
        import torch

        return network if self.options is None else torch.compile(network, **self.options)

    def wait(self, y):
        import torch

        if on_gpu():
            torch.cuda.synchronize()
        return y


def setups(threads: int) -> dict[str, Setup]:
    """Returns the settings of each contestant, by its name."""
    return {
        f"{name} {precision}": Setup(precision, options, threads)
        for name, options in COMPILERS.items()
        for precision in compilation.DTYPES
        if on_gpu() or name != "torch graphs"
    }


def infer(model, x, setup):
    autocast = setup.begin()
    import torch

    from scripts.benchmark import peers

    network = peers.srresnet(model.module, model.variables).eval()
    network, x = setup.compile(setup.place(network)), setup.place(x)

    def call():
        with torch.inference_mode(), autocast():
            return setup.wait(network(x).float())

    return call


def train(case, setup):
    autocast = setup.begin()
    import torch

    from scripts.benchmark import peers

    config, (state, _, _), key = jsr_calls.beginning(case, "fp32")
    draw = jax.jit(functools.partial(crops.pair, crops.source(case.crop), batch=case.batch, crop=case.crop))
    batches = [[setup.place(np.asarray(x)) for x in draw(step)] for step in range(CHECKED)]
    network = setup.place(peers.srresnet(phases.network(config), steps.averaged(state.generator)))
    generator, optimizer = setup.compile(network), peers.adam(network, rate=config.learning_rate)
    if case.phase == "srresnet":
        step = peers.make_pretrain_step(generator=generator, optimizer=optimizer, autocast=autocast)
    else:
        variables = steps.averaged(state.discriminator)
        discriminator = setup.place(peers.copy(variables, peers.Discriminator()))
        features, weight = None, 1.0
        if case.content != "mse":
            _, _, vgg_key = jax.random.split(key, 3)  # as in jsr/training/phases.py
            depth, layer = phases.CONTENT_LAYERS[case.content]
            _, variables, weight = vgg.load_vgg(depth, "random", layer=layer, key=vgg_key)
            features = peers.copy(variables, peers.VGG19()).requires_grad_(False)
            features = setup.compile(setup.place(features))
        step = peers.make_gan_step(
            generator=generator,
            discriminator=setup.compile(discriminator),
            features=features,
            content_weight=weight,
            adversarial_weight=config.adversarial_weight,
            generator_optimizer=optimizer,
            discriminator_optimizer=peers.adam(discriminator, rate=config.learning_rate),
            autocast=autocast,
        )
    count = 0

    def call():
        nonlocal count
        losses = []
        for _ in range(case.steps):
            if on_gpu():  # on a CPU, the call would only import the compiler, eager or not
                torch.compiler.cudagraph_mark_step_begin()
            losses.append(step(*batches[count % CHECKED]))
            count += 1
        return setup.wait(torch.stack(losses)).cpu().numpy()

    return call


def product(side, setup):
    setup.begin()
    import torch

    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[setup.precision]
    a = torch.ones(side, side, dtype=dtype, device=setup.device)
    return lambda: setup.wait(a @ a)
