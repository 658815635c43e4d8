"""Floating-point operations of the networks.

Counts two operations per multiply-accumulate of the plain convolutions, whatever an algorithm saves of them,

    2 sum over layers of (pixels of the output) k^2 c_in c_out,

and in training as many again for the gradient of the input, and for the gradient of the kernel.
"""

from jsr.models.judges import discriminator, vgg
from jsr.models.judges.discriminator import Discriminator
from jsr.models.srresnet import SRResNet
from scripts.benchmark.cases import Picture, Task


def generator_flops(module: SRResNet, height: int, width: int) -> int:
    """Returns the operations of one forward pass; height and width are those of the low resolution."""
    f, pixels = module.features, height * width
    macs = pixels * (81 * 3 * f + (2 * module.blocks + 1) * 9 * f * f)
    for r in module.factors:
        macs += pixels * 9 * f * f * r * r
        pixels *= r * r
    return 2 * (macs + pixels * 81 * f * 3)


def discriminator_flops(features: int, side: int) -> int:
    """Returns the operations of one forward pass without the dense layers."""
    macs, n_in = side**2 * 9 * 3 * features, features
    for multiple, stride in discriminator.LAYERS:
        side = -(-side // stride)
        macs += side**2 * 9 * n_in * multiple * features
        n_in = multiple * features
    return 2 * macs


def vgg19_flops(side: int) -> int:
    """Returns the operations of one forward pass up to relu5_4."""
    macs, n_in = 0, 3
    for i, (convolutions, n_out) in enumerate(vgg.BLOCKS[19]):
        for _ in range(convolutions):
            macs += (side >> i) ** 2 * 9 * n_in * n_out
            n_in = n_out
    return 2 * macs


def flops(case: Picture | Task) -> int:
    """Returns the operations of a case: of one picture, or of one step."""
    if isinstance(case, Picture):
        return generator_flops(SRResNet(), case.height, case.width)
    side = case.crop // SRResNet().scale
    one = 3 * generator_flops(SRResNet(), side, side)
    if case.phase == "srgan":
        # Forward on both batches, both gradients of both, and to the input once more for the generator.
        one += 7 * discriminator_flops(Discriminator().features, case.crop)
    if case.content == "vgg54":
        one += 3 * vgg19_flops(case.crop)  # forward on both batches, to the input of one
    return case.batch * one
