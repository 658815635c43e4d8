"""AlexNet and LPIPS 0.1 in PyTorch, written from the papers and the authors' layout, with layers of torch.nn."""

import torch
from torch import nn


def alexnet() -> nn.ModuleList:
    """Returns torchvision's `alexnet().features`, cut after each ReLU."""
    relu = nn.ReLU()
    return nn.ModuleList(
        [
            nn.Sequential(nn.Conv2d(3, 64, 11, stride=4, padding=2), relu),
            nn.Sequential(nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), relu),
            nn.Sequential(nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1), relu),
            nn.Sequential(nn.Conv2d(384, 256, 3, padding=1), relu),
            nn.Sequential(nn.Conv2d(256, 256, 3, padding=1), relu),
        ]
    )


@torch.no_grad()
def features(network: nn.ModuleList, x: torch.Tensor) -> list[torch.Tensor]:
    """Returns the five features of pictures `[b, 3, h, w]` in [-1, 1], normalised as the authors' ScalingLayer does."""
    x = (x - torch.tensor([-0.030, -0.088, -0.188]).reshape(1, 3, 1, 1)) / torch.tensor([0.458, 0.448, 0.450]).reshape(
        1, 3, 1, 1
    )
    results = []
    for part in network:
        x = part(x)
        results.append(x)
    return results


@torch.no_grad()
def distances(network: nn.ModuleList, heads: list[torch.Tensor], a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Returns equation 1 of Zhang et al. 2018 for each pair `[b, 3, h, w]`: the heads are 1x1 convolutions to one."""
    total = torch.zeros(len(a))
    for head, x, y in zip(heads, features(network, a), features(network, b), strict=True):
        x, y = (z / (z.norm(dim=1, keepdim=True) + 1e-10) for z in (x, y))
        total += nn.functional.conv2d((x - y) ** 2, head.reshape(1, -1, 1, 1)).mean((1, 2, 3))
    return total
