"""The bundled SRResNet weights, first edition: `python experiments/srresnet_x4.py`.

The recipe of Ledig et al. (2017, section 3.2), shortened to what four CPU cores do in an hour and a half: batches of 8
instead of 16, a learning rate ten times theirs with a warm-up and a cosine to zero, 7,000 steps instead of a million.
The pictures are those of the folder `train` in `JSR_DATA`.
"""

import dataclasses
import os

from jsr import config, train

CONFIG = dataclasses.replace(
    config.PHASES["srresnet"],
    data=os.path.join(os.environ.get("JSR_DATA", "../shared/data"), "train"),
    workdir="runs/srresnet_x4",
    steps=7_000,
    batch_size=8,
    learning_rate=1e-3,
    schedule="cosine",
    warmup=200,
    log_every=50,
    save_every=500,
    sample_every=500,
)

if __name__ == "__main__":
    train.run(CONFIG)
