"""The generators of other projects in PyTorch, with the names of layers that their files have.

Each maps pictures `[b, 3, h, w]` as its project takes them to pictures as it returns them.
"""

import torch
from torch import nn
from torch.nn import functional as F

WIDTH = 8  # features; the published files have 64, and more blocks


class Block(nn.Module):
    """A residual block as leftthomas/SRGAN names it."""

    def __init__(self, features):
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(features)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(features)

    def forward(self, x):
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


class Upsample(nn.Module):
    """A sub-pixel layer as leftthomas/SRGAN and sgrvinod name it."""

    def __init__(self, features, r=2):
        super().__init__()
        self.conv = nn.Conv2d(features, features * r * r, 3, padding=1)
        self.shuffle = nn.PixelShuffle(r)
        self.prelu = nn.PReLU()

    def forward(self, x):
        return self.prelu(self.shuffle(self.conv(x)))


class LeftThomas(nn.Module):
    """leftthomas/SRGAN, model.py: PReLU after the body; with `norm`, kodeking-081's copy, which has BatchNorm there."""

    def __init__(self, *, blocks=2, upsamples=2, norm=False):
        super().__init__()
        self.blocks = blocks
        self.block1 = nn.Sequential(nn.Conv2d(3, WIDTH, 9, padding=4), nn.PReLU())
        for i in range(blocks):
            self.add_module(f"block{i + 2}", Block(WIDTH))
        after = nn.BatchNorm2d(WIDTH) if norm else nn.PReLU()
        self.add_module(f"block{blocks + 2}", nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), after))
        layers = [*(Upsample(WIDTH) for _ in range(upsamples)), nn.Conv2d(WIDTH, 3, 9, padding=4)]
        self.add_module(f"block{blocks + 3}", nn.Sequential(*layers))

    def forward(self, x):
        y = first = self.block1(x)
        for i in range(self.blocks + 1):
            y = self.get_submodule(f"block{i + 2}")(y)
        return (torch.tanh(self.get_submodule(f"block{self.blocks + 3}")(first + y)) + 1) / 2


class _LornatangBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.rcb = nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.PReLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH),
        )

    def forward(self, x):
        return x + self.rcb(x)


class _LornatangUpsample(nn.Module):
    def __init__(self):
        super().__init__()
        self.upsample_block = nn.Sequential(nn.Conv2d(WIDTH, 4 * WIDTH, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())

    def forward(self, x):
        return self.upsample_block(x)


class Lornatang(nn.Module):
    """Lornatang/SRGAN-PyTorch, model.py: no biases before BatchNorm, and clamp at the end."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, WIDTH, 9, padding=4), nn.PReLU())
        self.trunk = nn.Sequential(_LornatangBlock(), _LornatangBlock(), _LornatangBlock())
        self.conv2 = nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(WIDTH))
        self.upsampling = nn.Sequential(_LornatangUpsample(), _LornatangUpsample())
        self.conv3 = nn.Conv2d(WIDTH, 3, 9, padding=4)

    def forward(self, x):
        first = self.conv1(x)
        return torch.clamp(self.conv3(self.upsampling(first + self.conv2(self.trunk(first)))), 0, 1)


class _Convolution(nn.Module):
    def __init__(self, n_in, n_out, size, *, norm=False, activation=None):
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(n_in, n_out, size, padding=size // 2)]
        layers += [nn.BatchNorm2d(n_out)] if norm else []
        layers += [activation] if activation else []
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x):
        return self.conv_block(x)


class _SgrvinodBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_block1 = _Convolution(WIDTH, WIDTH, 3, norm=True, activation=nn.PReLU())
        self.conv_block2 = _Convolution(WIDTH, WIDTH, 3, norm=True)

    def forward(self, x):
        return x + self.conv_block2(self.conv_block1(x))


class Sgrvinod(nn.Module):
    """sgrvinod/a-PyTorch-Tutorial-to-Super-Resolution, models.py: ImageNet's normalisation before the network."""

    def __init__(self):
        super().__init__()
        self.conv_block1 = _Convolution(3, WIDTH, 9, activation=nn.PReLU())
        self.residual_blocks = nn.Sequential(_SgrvinodBlock(), _SgrvinodBlock())
        self.conv_block2 = _Convolution(WIDTH, WIDTH, 3, norm=True)
        self.subpixel_convolutional_blocks = nn.Sequential(Upsample(WIDTH), Upsample(WIDTH))
        self.conv_block3 = _Convolution(WIDTH, 3, 9, activation=nn.Tanh())

    def forward(self, x):
        mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
        first = self.conv_block1((x - mean) / std)
        y = first + self.conv_block2(self.residual_blocks(first))
        return (self.conv_block3(self.subpixel_convolutional_blocks(y)) + 1) / 2


class Numbered(nn.Module):
    """SRResNet with a slope for each channel, as the files of Keras and MXNet have it, whose layers are numbered."""

    def __init__(self, *, blocks=2, upsamples=2, epsilon=1e-3, tanh=True):
        super().__init__()
        self.blocks, self.upsamples, self.tanh = blocks, upsamples, tanh
        widths = [(3, WIDTH, 9), *[(WIDTH, WIDTH, 3)] * (2 * blocks + 1), *[(WIDTH, 4 * WIDTH, 3)] * upsamples]
        sizes = [*widths, (WIDTH, 3, 9)]
        self.convolutions = nn.ModuleList(nn.Conv2d(n, m, size, padding=size // 2) for n, m, size in sizes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(WIDTH, eps=epsilon) for _ in range(2 * blocks + 1))
        self.prelus = nn.ModuleList(nn.PReLU(WIDTH) for _ in range(1 + blocks + upsamples))

    def forward(self, x):
        convolutions, norms, prelus = iter(self.convolutions), iter(self.norms), iter(self.prelus)
        y = first = next(prelus)(next(convolutions)(x))
        for _ in range(self.blocks):
            inner = next(prelus)(next(norms)(next(convolutions)(y)))
            y = y + next(norms)(next(convolutions)(inner))
        y = first + next(norms)(next(convolutions)(y))
        for _ in range(self.upsamples):
            y = next(prelus)(F.pixel_shuffle(next(convolutions)(y), 2))
        y = next(convolutions)(y)
        return ((torch.tanh(y) if self.tanh else torch.clamp(y, -1, 1)) + 1) / 2


class SRVGGNetCompact(nn.Module):
    """xinntao/Real-ESRGAN, realesrgan/archs/srvgg_arch.py."""

    def __init__(self, *, convolutions=3, scale=4):
        super().__init__()
        self.scale = scale
        self.body = nn.ModuleList([nn.Conv2d(3, WIDTH, 3, 1, 1), nn.PReLU(WIDTH)])
        for _ in range(convolutions):
            self.body.append(nn.Conv2d(WIDTH, WIDTH, 3, 1, 1))
            self.body.append(nn.PReLU(WIDTH))
        self.body.append(nn.Conv2d(WIDTH, 3 * scale * scale, 3, 1, 1))
        self.upsampler = nn.PixelShuffle(scale)

    def forward(self, x):
        out = x
        for layer in self.body:
            out = layer(out)
        return self.upsampler(out) + F.interpolate(x, scale_factor=self.scale, mode="nearest")


def drawn(twin, *, gain=0.7):
    """Draws every parameter and statistic of a twin, so that none is without effect; returns it in evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    state = twin.state_dict()
    for name, value in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        if value.ndim == 4:
            scale = gain / value[0].numel() ** 0.5
            state[name] = scale * torch.randn(value.shape, generator=generator)
        elif name.endswith("bias") or name.endswith("mean"):
            state[name] = 0.2 * torch.randn(value.shape, generator=generator)
        else:  # variances, scales and slopes
            state[name] = 0.2 + torch.rand(value.shape, generator=generator)
    if isinstance(twin, Lornatang):
        state["conv3.bias"] += 0.5  # the middle of what it does not clamp
    twin.load_state_dict(state)
    return twin.eval()
