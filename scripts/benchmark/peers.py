"""The same networks and train steps in PyTorch, to compare with and to test against. Layout `[b, c, h, w]`.

Written from the papers. Layers have the names that they have in jsr, so that one function copies the weights. The steps
are those of `jsr/training/steps.py` without the moving average and the gradients' norms, which do not affect training.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from flax import traverse_util
from torch import nn
from torch._functorch import config as functorch_config

from jsr.models.judges import vgg

# Two backward passes go through one forward pass of the discriminator, which torch.compile does not expect.
functorch_config.donated_buffer = False  # pyright: ignore[reportAttributeAccessIssue]

KINDS = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "negative_slope": "weight",
    "mean": "running_mean",
    "var": "running_var",
}


class Block(nn.Module):
    def __init__(self, features: int, norm: bool):
        super().__init__()
        make_norm = nn.BatchNorm2d if norm else nn.Identity
        self.conv1 = nn.Conv2d(features, features, 3, padding=1, bias=not norm)
        self.bn1 = make_norm(features)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(features, features, 3, padding=1, bias=not norm)
        self.bn2 = make_norm(features)

    def forward(self, x):
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


class Upsample(nn.Module):
    def __init__(self, features: int, r: int):
        super().__init__()
        self.conv = nn.Conv2d(features, features * r * r, 3, padding=1)
        self.shuffle = nn.PixelShuffle(r)
        self.prelu = nn.PReLU()

    def forward(self, x):
        return self.prelu(self.shuffle(self.conv(x)))


class SRResNet(nn.Module):
    """Pictures `[b, 3, h, w]` in [0, 1] to `[b, 3, s h, s w]` in [-1, 1] (Ledig et al. 2017, Figure 4)."""

    def __init__(self, *, factors=(2, 2), features=64, blocks=16, norm=True):
        super().__init__()
        self.blocks = [f"block{i + 1}" for i in range(blocks)]
        self.upsamples = [f"upsample{i + 1}" for i in range(len(factors))]
        self.head = nn.Conv2d(3, features, 9, padding=4)
        self.head_prelu = nn.PReLU()
        for name in self.blocks:
            self.add_module(name, Block(features, norm))
        self.body = nn.Conv2d(features, features, 3, padding=1, bias=not norm)
        self.body_bn = nn.BatchNorm2d(features) if norm else nn.Identity()
        for name, r in zip(self.upsamples, factors, strict=True):
            self.add_module(name, Upsample(features, r))
        self.tail = nn.Conv2d(features, 3, 9, padding=4)

    def forward(self, x):
        x = first = self.head_prelu(self.head(x))
        for name in self.blocks:
            x = self.get_submodule(name)(x)
        x = first + self.body_bn(self.body(x))
        for name in self.upsamples:
            x = self.get_submodule(name)(x)
        return torch.tanh(self.tail(x))


class Discriminator(nn.Module):
    """Pictures `[b, 3, h, w]` in [-1, 1] to logits `[b]` (Ledig et al. 2017, Figure 4)."""

    def __init__(self, *, features=64):
        super().__init__()
        widths = [features * n for n in (1, 1, 2, 2, 4, 4, 8, 8)]
        for i, (n_in, n_out) in enumerate(zip([3, *widths], widths, strict=False)):
            # Strides 1, 2, 1, 2 ...; the first layer has no BatchNorm, so it alone has a bias.
            conv = nn.Conv2d(n_in, n_out, 3, stride=1 + i % 2, padding=1, bias=i == 0)
            self.add_module(f"conv{i + 1}", conv)
            if i:
                self.add_module(f"bn{i + 1}", nn.BatchNorm2d(n_out))
        self.pool = nn.AdaptiveAvgPool2d((6, 6))
        self.dense1 = nn.Linear(widths[-1] * 36, 16 * features)
        self.dense2 = nn.Linear(16 * features, 1)
        self.leaky = nn.LeakyReLU(0.2)

    def forward(self, x):
        x = self.leaky(self.get_submodule("conv1")(x))
        for i in range(2, 9):
            x = self.get_submodule(f"bn{i}")(self.get_submodule(f"conv{i}")(x))
            x = self.leaky(x)
        x = self.pool(x).permute(0, 2, 3, 1).flatten(1)
        return self.dense2(self.leaky(self.dense1(x)))[:, 0]


class VGG19(nn.Module):
    """Pictures `[b, 3, h, w]` in [-1, 1] to the features `relu5_4` (Simonyan and Zisserman 2015)."""

    def __init__(self):
        super().__init__()
        n_in = 3
        for i, (convolutions, n_out) in enumerate(vgg.BLOCKS[19], 1):
            for j in range(1, convolutions + 1):
                self.add_module(f"conv{i}_{j}", nn.Conv2d(n_in, n_out, 3, padding=1))
                n_in = n_out
        mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (vgg.MEAN, vgg.STD))
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def forward(self, x):
        x = ((x + 1) / 2 - self.mean) / self.std
        for name in vgg.places(19):
            if name.endswith("_1") and name != "1_1":
                x = F.max_pool2d(x, 2)
            x = torch.relu(self.get_submodule(f"conv{name}")(x))
        return x


def copy(variables: Mapping[str, Any], twin: nn.Module, *, subpixel: Iterable[tuple[str, int]] = ()) -> nn.Module:
    """Copies the variables of one of our networks to its twin, which it returns.

    Args:
      subpixel: names and factors of the convolutions before a PixelShuffle; torch orders their channels otherwise.
    """
    factors = dict(subpixel)
    state = {name: torch.zeros_like(value) for name, value in twin.state_dict().items()}
    remaining = set(state)
    for collection in variables.values():
        leaves: dict[str, Any] = traverse_util.flatten_dict(collection, sep=".")
        for path, leaf in leaves.items():
            layer, _, kind = path.rpartition(".")
            name, value = f"{layer}.{KINDS[kind]}", np.array(leaf)
            if layer in factors:  # from channels (i, j, c) to (c, i, j)
                value = value.reshape(*leaf.shape[:-1], factors[layer] ** 2, -1)
                value = value.swapaxes(-1, -2).reshape(leaf.shape)
            if kind == "kernel":
                value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
            if kind == "negative_slope":
                value = np.atleast_1d(value)
            if state[name].shape != value.shape:
                raise ValueError(f"{path}: expected {tuple(state[name].shape)}, got {tuple(value.shape)}")
            state[name] = torch.tensor(value)
            remaining.remove(name)
    remaining = {name for name in remaining if not name.endswith("num_batches_tracked")}
    if remaining:
        raise ValueError(f"copy: expected values for {', '.join(sorted(remaining))}, got none")
    twin.load_state_dict(state)
    return twin


def srresnet(module: Any, variables: Mapping[str, Any]) -> nn.Module:
    """Returns the twin of an SRResNet, with its variables."""
    fields = {name: getattr(module, name) for name in ("factors", "features", "blocks", "norm")}
    subpixel = [(f"upsample{i + 1}.conv", r) for i, r in enumerate(module.factors)]
    return copy(variables, SRResNet(**fields), subpixel=subpixel)


def adam(network: nn.Module, *, rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), lr=rate, fused=True)


def make_pretrain_step(
    *, generator: nn.Module, optimizer: torch.optim.Optimizer, autocast: Callable[[], Any]
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Makes the step of the SRResNet phase, `(lr, hr) -> losses [1]`: the mean squared error."""

    def step(lr, hr):
        with autocast():
            sr = generator(lr)
        loss = F.mse_loss(sr.float(), hr)
        loss.backward()
        _update(optimizer)
        return loss.detach()[None]

    return step


def make_gan_step(
    *,
    generator: nn.Module,
    discriminator: nn.Module,
    features: nn.Module | None,
    content_weight: float,
    adversarial_weight: float,
    generator_optimizer: torch.optim.Optimizer,
    discriminator_optimizer: torch.optim.Optimizer,
    autocast: Callable[[], Any],
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Makes the step of the SRGAN phase, `(lr, hr) -> losses [3]`: content, adversarial, discriminator.

    As in jsr, both updates use the same generated pictures, and both losses the same forward pass of the discriminator.
    The content loss compares pixels where `features` is None.
    """
    weights = list(discriminator.parameters())

    def step(lr, hr):
        with autocast():
            sr = generator(lr)
        pictures = sr.detach().float().requires_grad_()
        with autocast():
            fake, real = discriminator(pictures), discriminator(hr)
            actual = features(pictures) if features else pictures
            with torch.no_grad():
                expected = features(hr) if features else hr
        content = F.mse_loss(actual.float(), expected.float())
        adversarial = F.softplus(-fake.float()).mean()
        loss = F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()
        total = content_weight * content + adversarial_weight * adversarial
        (pull,) = torch.autograd.grad(total, pictures, retain_graph=True)
        gradients = torch.autograd.grad(loss, weights)
        sr.backward(pull.to(sr.dtype))
        for parameter, gradient in zip(weights, gradients, strict=True):
            parameter.grad = gradient
        _update(generator_optimizer)
        _update(discriminator_optimizer)
        return torch.stack([content, adversarial, loss]).detach()

    return step


def _update(optimizer):
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
