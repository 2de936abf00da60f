"""Residual blocks over spectrograms, for WeSpeaker's ResNet and CAM++; named like their published tensors."""

from __future__ import annotations

import torch

Stride = tuple[int, int]  #: over mels and over time


class ResidualBlock(torch.nn.Module):
    """Two convolutions and a shortcut around them: (N, before, mels, frames) to (N, after, mels', frames')."""

    def __init__(self, before: int, after: int, stride: Stride) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(after)
        self.conv2 = torch.nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(after)
        self.shortcut = torch.nn.Sequential()
        if stride != (1, 1) or before != after:
            self.shortcut.append(torch.nn.Conv2d(before, after, 1, stride, bias=False))
            self.shortcut.append(torch.nn.BatchNorm2d(after))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        inner = torch.relu(self.bn1(self.conv1(image)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.shortcut(image))


def residual_stage(before: int, after: int, blocks: int, stride: Stride) -> torch.nn.Sequential:
    """Blocks one after the other; the first has the stride."""
    others = (ResidualBlock(after, after, (1, 1)) for _ in range(blocks - 1))
    return torch.nn.Sequential(ResidualBlock(before, after, stride), *others)
