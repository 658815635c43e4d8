"""The bundled `light-photo`, the light network for photographs as they are: `python -m experiments.light_photo_x4`.

Goes on from `light_x4` as `srresnet_photo_x4` does from `srresnet_x4_anneal`, without a teacher.
"""

import dataclasses

from experiments import light_x4, srresnet_x4
from jsr import train

CONFIG = dataclasses.replace(
    light_x4.CONFIG,
    data=srresnet_x4.CONFIG.data,
    lr="",
    workdir="runs/light_photo_x4",
    init="runs/light_x4",
    steps=4_000,
    batch_size=8,
    crop=128,
    degradation="photo",
    learning_rate=1e-3,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
