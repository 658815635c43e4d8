"""Convolutions to test with: shapes for each way of computing, random arrays, and PyTorch's results."""

import numpy as np

# Batch, height, width, inputs, outputs, kernel, stride; heights of every remainder of Winograd's four.
SHAPES = [
    (2, 8, 7, 16, 16, 3, 1),  # Winograd
    (1, 9, 5, 16, 24, 3, 1),
    (1, 10, 4, 24, 16, 3, 1),
    (2, 11, 6, 16, 32, 3, 1),
    (1, 1, 1, 16, 16, 3, 1),
    (2, 2, 3, 16, 17, 3, 1),
    (2, 7, 6, 3, 16, 3, 1),  # few inputs
    (2, 7, 6, 16, 3, 9, 1),  # few outputs
    (1, 6, 5, 3, 5, 5, 1),
    (2, 6, 7, 3, 16, 9, 1),
    (2, 8, 6, 16, 24, 3, 2),  # strides, of even and odd sizes
    (1, 7, 9, 16, 8, 3, 2),
    (2, 1, 2, 4, 4, 3, 2),
]


def draw(rng, shape):
    """Returns an input, a kernel and a gradient of the output, float32, and the stride."""
    b, h, w, i, o, k, stride = shape
    x = rng.normal(size=(b, h, w, i)).astype(np.float32)
    kernel = (rng.normal(size=(k, k, i, o)) / np.sqrt(k * k * i)).astype(np.float32)
    dy = rng.normal(size=(b, -(-h // stride), -(-w // stride), o)).astype(np.float32)
    return x, kernel, dy, stride


def by_torch(torch, x, kernel, dy, stride):
    """Returns the output and the gradients of the input and the kernel that PyTorch computes."""
    tensors = [torch.tensor(x.transpose(0, 3, 1, 2)), torch.tensor(kernel.transpose(3, 2, 0, 1))]
    for tensor in tensors:
        tensor.requires_grad_()
    y = torch.nn.functional.conv2d(*tensors, stride=stride, padding=kernel.shape[0] // 2)
    y.backward(torch.tensor(dy.transpose(0, 3, 1, 2)))
    y, dx = (tensor.detach().numpy().transpose(0, 2, 3, 1) for tensor in (y, tensors[0].grad))
    return y, dx, tensors[1].grad.numpy().transpose(2, 3, 1, 0)
