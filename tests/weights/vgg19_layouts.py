"""VGG19's tensors by the names of torchvision and of Keras, all zero."""

import numpy as np

# torchvision's numbers of the convolutions in `features`, in order, and their widths, the input's first.
TORCH = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
WIDTHS = (3, 64, 64, 128, 128, *[256] * 4, *[512] * 8)


def empty(*shape: int) -> np.ndarray:
    """Returns zeros that take no memory."""
    return np.broadcast_to(np.float32(0), shape)


def torch_state() -> dict[str, np.ndarray]:
    state = {}
    for i, index in enumerate(TORCH):
        state[f"features.{index}.weight"] = empty(WIDTHS[i + 1], WIDTHS[i], 3, 3)
        state[f"features.{index}.bias"] = empty(WIDTHS[i + 1])
    return state


def keras_weights() -> dict[str, np.ndarray]:
    weights = {}
    for i, (block, j) in enumerate((b, j) for b in range(5) for j in range((2, 2, 4, 4, 4)[b])):
        weights[f"block{block + 1}_conv{j + 1}/kernel"] = empty(3, 3, WIDTHS[i], WIDTHS[i + 1])
        weights[f"block{block + 1}_conv{j + 1}/bias"] = empty(WIDTHS[i + 1])
    return weights
