"""The light network, an EDSR x4 of 8 blocks (Lim et al. 2017): `python -m experiments.light_x4`.

The recipe of `srresnet_x4`. The learning rate is constant, so the run can be stopped at any step and resumed.
"""

import dataclasses

from experiments import srresnet_x4
from jsr import train

CONFIG = dataclasses.replace(
    srresnet_x4.CONFIG,
    model="edsr",
    workdir="runs/light_x4",
    statistics="batch",
    save_every=1_000,
    sample_every=1_000,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
