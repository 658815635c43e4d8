"""The work that is timed: pictures to upscale, and training steps."""

from typing import Any, NamedTuple

import jax

CHECKED = 2  # steps whose losses are compared: the second depends on the gradients of the first
LOSSES = {"srresnet": ("loss",), "srgan": ("content", "adversarial", "discriminator")}
SCALE = 4


class Picture(NamedTuple):
    """A low-resolution picture to upscale."""

    width: int
    height: int

    def __str__(self):
        return f"{self.width}x{self.height}"


class Task(NamedTuple):
    """Training steps."""

    phase: str  # srresnet, srgan
    content: str  # mse, vgg54
    batch: int
    crop: int
    steps: int  # in a call

    def __str__(self):
        return f"{self.phase} {self.content}, {self.batch} crops of {self.crop}"


def on_gpu() -> bool:
    return jax.default_backend() == "gpu"


def cases(part: str, *, quick: bool) -> list[Any]:
    """Returns the cases of a part, those of one kind in a row and by size."""
    if part == "infer":
        return [Picture(24, 16)] if quick else [Picture(64, 64), Picture(256, 256), Picture(480, 320)]
    kinds = [("srresnet", "mse"), ("srgan", "mse")] + [("srgan", "vgg54")] * on_gpu()
    batches, crop = ((2,), 32) if quick else ((16, 64, 256) if on_gpu() else (16,), 96)
    count = 20 if on_gpu() else 3  # steps in a row, as in training
    return [Task(*kind, batch, crop, count) for kind in kinds for batch in batches]


def kind(case: Picture | Task) -> Any:
    """Returns what cases that differ only in size have in common."""
    return case[:2] if isinstance(case, Task) else "pictures"
