"""The bundled `light`, a SPAN x4 of 48 channels (Wan et al. 2024): `python -m experiments.light_x4`.

The recipe of `srresnet_x4`, with fewer crops in each of more steps. The averaged weights need no annealing: they are
as good at a constant rate as at one that falls (LOG.md). The run can be stopped at any step and resumed.
"""

import dataclasses

from experiments import srresnet_x4
from jsr import train

CONFIG = dataclasses.replace(
    srresnet_x4.CONFIG,
    model="span",
    workdir="runs/light_x4",
    statistics="batch",
    steps=400_000,
    batch_size=4,
    learning_rate=1e-3,
    log_every=200,
    save_every=4_000,
    sample_every=4_000,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
