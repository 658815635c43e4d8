"""The bundled SRCNN (Dong et al. 2014), a baseline: `python -m experiments.srcnn_x4`.

The recipe of `srresnet_x4` in one part: Muon, mean squared error, and a learning rate that falls to zero.
"""

import dataclasses

from experiments import srresnet_x4
from jsr import train

CONFIG = dataclasses.replace(
    srresnet_x4.CONFIG,
    model="srcnn",
    workdir="runs/srcnn_x4",
    steps=10_000,
    crop=64,
    schedule="cosine",
    statistics="batch",
    save_every=500,
    sample_every=2_500,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
