"""SpeechBrain's ECAPA-TDNN for clips without padding: the same numbers with less work."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional


class Unpadded(torch.nn.Module):
    """Mel spectrograms (N, frames, mels) to embeddings (N, dim), not normalised, by the layers of an ECAPA_TDNN.

    Without masks for padding and Python numbers made of shapes, so that it can be traced for any N and frames.
    """

    def __init__(self, network: Any) -> None:
        """Take an ECAPA_TDNN's layers, with whatever normalisation they have."""
        super().__init__()
        first, *others = network.blocks
        self.begin = _Begin(first, others[0])
        self.rest = _Rest(others[1:], _Pooled(network))

    @property
    def stages(self) -> list[torch.nn.Module]:
        """The parts to run one after the other, of which the last can do with reduced precision.

        It has 85 % of the multiplications. In bf16 it alone left every embedding a cosine of 0.99996 to fp32; all in
        bf16, 0.9968 was measured (random weights, 548 acted lines of 0.3 to 4 s, bf16 emulated). Presumably because the
        spectrogram's decibels are large beside their changes, and the normalisation that follows enlarges those.
        """
        return [self.begin, self.rest]

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = self.rest(self.begin(mels))
        return embeddings


class _Begin(torch.nn.Module):
    """Mel spectrograms (N, frames, mels) to what the first residual block makes of them: (N, 1024, frames)."""

    def __init__(self, first: torch.nn.Module, block: torch.nn.Module) -> None:
        super().__init__()
        self.first = first
        self.block = block

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.block(self.first(mels.transpose(1, 2)))
        return hidden


class _Rest(torch.nn.Module):
    """The first residual block's output to embeddings (N, dim), by the other blocks and the pooling."""

    def __init__(self, blocks: list[torch.nn.Module], pooled: torch.nn.Module) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList(blocks)
        self.pooled = pooled

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        outputs = [hidden]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        embeddings: torch.Tensor = self.pooled(*outputs)
        return embeddings


class _Pooled(torch.nn.Module):
    """The blocks' outputs to embeddings (N, dim).

    Two steps are done another way than SpeechBrain's, equal but for rounding:

    - The first layer multiplies 3,072 channels by 3,072 x 3,072 weights. Here each block's 1,024 are multiplied by
      themselves and the products added: OpenVINO's kernel for AVX2 takes up to four times as long for the one product
      (342 and 92 ms for 4 s), torch gains a tenth, and nothing has to be copied together.
    - The attention sees every frame beside the mean and spread of all frames, which SpeechBrain repeats for every
      frame. Their share of the product is the same for each, so it is worked out once.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.aggregate = network.mfa
        self.pooling = network.asp
        self.norm = network.asp_bn
        self.last = network.fc

    def forward(self, *blocks: torch.Tensor) -> torch.Tensor:
        conv = self.aggregate.conv.conv  # of one frame, as all here
        first, *others = zip(blocks, conv.weight.chunk(len(blocks), dim=1), strict=True)
        total = functional.conv1d(*first, conv.bias)
        for block, weight in others:
            total = total + functional.conv1d(block, weight)
        frames = self.aggregate.norm(self.aggregate.activation(total))  # (N, 3072, frames)
        embeddings: torch.Tensor = self.last(self.norm(self._pool(frames)))
        return embeddings.squeeze(2)

    def _pool(self, frames: torch.Tensor) -> torch.Tensor:
        """Mean and spread over the frames, each channel with its own attention: (N, 3072, frames) -> (N, 6144, 1)."""
        layer = self.pooling.tdnn
        conv = layer.conv.conv
        of_frame, of_mean, of_spread = conv.weight.chunk(3, dim=1)
        mean = frames.mean(dim=2, keepdim=True)  # (N, 3072, 1)
        spread = self._root((frames - mean).square().mean(dim=2, keepdim=True))
        context = functional.conv1d(mean, of_mean) + functional.conv1d(spread, of_spread, conv.bias)  # (N, 128, 1)
        seen = layer.norm(layer.activation(functional.conv1d(frames, of_frame) + context))  # (N, 128, frames)
        attention = torch.softmax(self.pooling.conv(torch.tanh(seen)), dim=2)  # (N, 3072, frames), of sum 1
        mean = (attention * frames).sum(dim=2, keepdim=True)
        spread = self._root((attention * (frames - mean).square()).sum(dim=2, keepdim=True))
        return torch.cat([mean, spread], dim=1)

    def _root(self, variance: torch.Tensor) -> torch.Tensor:
        return variance.clamp(min=self.pooling.eps).sqrt()
