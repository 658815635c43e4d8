"""The bundled SRGAN weights, first edition: `python experiments/srgan_x4.py`, after `srresnet_x4.py`.

Ledig et al. (2017, section 3.2) shortened to what four CPU cores do in an hour: 8 crops of 64 pixels a step, 4,500
steps at one learning rate. Without ImageNet weights at hand the content loss is the mean squared error (the paper's
SRGAN-MSE).
"""

import dataclasses
import os

from jsr import config, train

CONFIG = dataclasses.replace(
    config.PHASES["srgan"],
    data=os.path.join(os.environ.get("JSR_DATA", "../shared/data"), "train"),
    workdir="runs/srgan_x4",
    init="runs/srresnet_x4",
    steps=4_500,
    batch_size=8,
    crop=64,
    content="mse",
    schedule="constant",
    warmup=200,
    log_every=25,
    save_every=500,
    sample_every=500,
)

if __name__ == "__main__":
    train.run(CONFIG)
