"""The bundled SRGAN, third edition, second part: `python -m experiments.srgan_x4_settle`, after `srgan_x4`.

Continues in the same folder, with the same two networks, at a quarter of the adversarial weight. The texture stays, and
most artefacts to which the discriminator is blind fade, such as a second line along edges.
"""

import dataclasses

from experiments import srgan_x4
from jsr import train

CONFIG = dataclasses.replace(srgan_x4.CONFIG, steps=11_000, adversarial_weight=2.5e-4, overwrite_config=True)

if __name__ == "__main__":
    train.experiment(CONFIG)
