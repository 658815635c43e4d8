"""One process of test_hosts.py: `python -m tests.devices.hosts_process SETTINGS`, JSON with

commands    command lines of jsr.train, run one after the other in this process
patience    seconds of silence after which a process is gone
visible     seconds for which a file of the first process is waited for
version     of jsr, as this process has it
pause       seconds before each dispatch
mode        "crops" writes those of three steps, "shared" looks at the folder `run`, "sum" adds up ones
"""

import contextlib
import functools
import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jsr import command_line, train
from jsr.data import crops, placement, streaming
from jsr.data.patch_files import PatchSet
from jsr.devices import compilation, hosts, parallel, watchdog
from jsr.models import MODELS, SRResNet
from jsr.models.judges import discriminator
from jsr.training import loop, phases


class Small(SRResNet):
    """A network with BatchNorm that compiles in little time."""

    features: int = 8
    blocks: int = 1


class Counter(NamedTuple):
    """The smallest state."""

    step: jax.Array


class Numbered:
    """The client of the key-value service, for one of several runs: names are used once in a run."""

    def __init__(self, client, number):
        self.client, self.number = client, number

    def __getattr__(self, method):
        function = getattr(self.client, method)
        return lambda name, *args, **options: function(f"{self.number}/{name}", *args, **options)


def collect(state, images):
    """A step whose metric is the crops of all devices."""
    return Counter(state.step + 1), {"images": lax.all_gather(images, parallel.AXIS)}


def write_crops():
    """Writes the crops of three steps, of each kind of source."""
    rng = np.random.default_rng(0)
    pictures = PatchSet(rng.integers(0, 256, (7, 40, 40, 3), np.uint8), np.full((7, 2), 40, np.int32), [], "")
    key, batch, size = jax.random.key(7), 8, 16
    sources = {
        "replicated": lambda: placement.replicated(pictures, key),
        "sharded": lambda: placement.sharded(pictures, key),
        "streamed": lambda: next(streaming.streamed(pictures, key, first=0, end=3, chunk=3, batch=batch, size=size)),
    }
    for kind, source in sources.items():
        draw = functools.partial(crops.at_step, batch=batch, size=size)
        dispatch = parallel.make_dispatch(collect, draw, most=3, axes=placement.AXES[kind])
        _, pending = dispatch(parallel.replicate(Counter(jnp.int32(0))), source(), 3)
        images = pending.wait()[0]["images"]
        if hosts.is_first():
            np.save(f"{kind}.npy", images.reshape(3, batch, size, size, 3))


def main():
    settings = json.loads(sys.argv[1])
    watchdog.BEAT, watchdog.PATIENCE = 0.5, settings.get("patience", 30)
    hosts.VISIBLE = settings.get("visible", 30)
    loop.__version__ = settings.get("version", loop.__version__)
    compilation.options = lambda onednn: compilation.CPU_OPTIONS  # as in ../training/conftest.py
    make_dispatch, choose = parallel.make_dispatch, placement.choose
    MODELS["srresnet"] = Small
    discriminator.LAYERS = ((1, 2), (2, 2))
    phases.Discriminator = functools.partial(discriminator.Discriminator, features=4)

    def make_slow(*args, **options):
        dispatch = make_dispatch(*args, **options)

        def slow(*args):
            time.sleep(settings.get("pause", 0))
            return dispatch(*args)

        return slow

    parallel.make_dispatch = make_slow
    with hosts.joined("test"):
        if settings.get("mode") == "crops":
            write_crops()
        if settings.get("mode") == "shared":
            hosts.check_shared(Path("run"))
        if settings.get("mode") == "sum":
            total = jax.pmap(lambda x: lax.psum(x, "d"), axis_name="d")(np.ones(jax.local_device_count()))
            print(f"the sum of ones is {total[0]:g}")
        once, joined, client = contextlib.nullcontext(), hosts.joined, hosts._client
        hosts.joined = lambda program: once  # for all commands
        for number, (kind, arguments) in enumerate(settings.get("commands", [])):
            placement.choose = (lambda _, kind=kind: (kind, "tested")) if kind else choose
            hosts._client = lambda number=number: Numbered(client(), number)
            train.main(arguments)
        hosts.joined, hosts._client = joined, client


if __name__ == "__main__":
    command_line.run(main)
