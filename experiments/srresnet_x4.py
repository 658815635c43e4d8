"""SRResNet x4, first part: `python -m experiments.srresnet_x4`; then `srresnet_x4_anneal`.

The network, the loss and the crops are those of Ledig et al. (2017, section 3.2). The optimizer is Muon instead of
Adam, and BatchNorm keeps its initial statistics, which makes it a scale and a shift; LOG.md gives the gain of each. The
learning rate is constant, so a run can be stopped at any step, annealed from there, and resumed later by the same
command. The photographs are those of the folder `train` in `JSR_DATA`.
"""

import dataclasses

from experiments import photographs
from jsr import train
from jsr.training import config

CONFIG = dataclasses.replace(
    config.PHASES["srresnet"],
    data=photographs(),
    workdir="runs/srresnet_x4",
    steps=100_000,
    optimizer="muon",
    learning_rate=2e-3,
    warmup=100,
    statistics="running",
    precision="bf16",
    log_every=50,
    save_every=500,
    sample_every=500,
)

if __name__ == "__main__":
    train.experiment(CONFIG)
