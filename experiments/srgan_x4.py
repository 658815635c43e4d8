"""SRGAN x4, fourth edition: `python -m experiments.srgan_x4`, after `srresnet_x4_anneal` and `jsr fetch vgg16`.

Content and judgement come from VGG16. The content loss is LPIPS on its features, because one layer alone leaves dots or
weave; the discriminator has small heads on the same features instead of a network of its own, because those learn in
minutes. A mean squared error keeps colours, a loss on the sub-pixel grid keeps flat areas flat. The generator's
BatchNorm keeps its statistics, because those of a batch cause artefacts (Wang et al. 2018, "ESRGAN", section 3.1).
`srgan_losses` shows what each part is worth.
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
    steps=2_500,
    batch_size=8,
    crop=96,
    content="lpips",
    discriminator="features",
    pixel_weight=10.0,
    grid_weight=1000.0,
    adversarial_weight=0.02,
    optimizer="muon",
    learning_rate=1e-3,
    schedule="cosine",
    warmup=100,
    statistics="running",
    precision="bf16",
    log_every=25,
    save_every=500,
    sample_every=500,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
