"""SRResNet x4, second edition, first part: `python -m experiments.srresnet_x4`; then `srresnet_x4_anneal`.

The network, the loss and the crops of Ledig et al. (2017, section 3.2). The optimiser is Muon instead of Adam, and
BatchNorm keeps to its initial statistics, which makes it a scale and a shift: what each of the two gains is in LOG.md.
The rate is constant, so that a run which is ended early can be annealed all the same, and goes on later by the same
command. The pictures are those of the folder `train` in `JSR_DATA`.
"""

import dataclasses
import os

from jsr import train
from jsr.training import config

CONFIG = dataclasses.replace(
    config.PHASES["srresnet"],
    data=os.path.join(os.environ.get("JSR_DATA", "../shared/data"), "train"),
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
