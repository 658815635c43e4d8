"""The bundled SRGAN, last part: `python -m experiments.srgan_x4_settle`, after `srgan_x4`.

Goes on with the same two networks at a quarter of the adversarial weight: what the discriminator has taught stays,
and lines along edges that it does not ask for go.
"""

import dataclasses

from experiments import srgan_x4
from jsr import train

CONFIG = dataclasses.replace(
    srgan_x4.CONFIG, steps=11_000, adversarial_weight=2.5e-4, overwrite_config=True
)

if __name__ == "__main__":
    train.experiment(CONFIG)
