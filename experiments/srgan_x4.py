"""The bundled SRGAN, third edition, first part: `python -m experiments.srgan_x4`, after `srresnet_x4_anneal`.

The recipe of Ledig et al. (2017, section 3.2), shortened to an hour on two CPU cores: 8 crops of 64 pixels a step, and
one learning rate. The content loss is the mean squared error (the paper's SRGAN-MSE), because ImageNet weights of VGG19
were not at hand. The generator's BatchNorm keeps its statistics, because those of a batch cause artefacts (Wang et al.
2018, "ESRGAN", section 3.1).
"""

import dataclasses

from experiments import srresnet_x4
from jsr import train
from jsr.training import config

CONFIG = dataclasses.replace(
    config.PHASES["srgan"],
    data=srresnet_x4.CONFIG.data,
    workdir="runs/srgan_x4",
    init="runs/srresnet_x4_anneal",
    steps=8_000,
    batch_size=8,
    crop=64,
    content="mse",
    schedule="constant",
    warmup=200,
    statistics="running",
    precision="bf16",
    log_every=25,
    save_every=500,
    sample_every=500,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
