"""The bundled `light-photo`, the light network for photographs as they are: `python -m experiments.light_photo_x4`.

Continues from `light_x4` as `srresnet_photo_x4` does from `srresnet_x4_anneal`.
"""

import dataclasses

from experiments import light_x4
from jsr import train

CONFIG = dataclasses.replace(
    light_x4.CONFIG,
    workdir="runs/light_photo_x4",
    init="runs/light_x4",
    degradation="photo",
    crop=128,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
