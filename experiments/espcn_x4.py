"""The bundled ESPCN (Shi et al. 2016), a baseline: `python -m experiments.espcn_x4`.

The recipe of `srresnet_x4` in one part: Muon, mean squared error, and a learning rate that falls to zero.
"""

import dataclasses

from experiments import srresnet_x4
from jsr import train

CONFIG = dataclasses.replace(
    srresnet_x4.CONFIG,
    model="espcn",
    workdir="runs/espcn_x4",
    steps=6_000,
    schedule="cosine",
    statistics="batch",
    precision="fp32",
    save_every=1_000,
    sample_every=1_000,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
