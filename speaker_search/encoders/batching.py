"""Which clips go through a network together. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

FRAME_SAMPLES = 160  # samples at 16 kHz: every spectrogram here has a frame each 10 ms


def equal_length(frames: Sequence[int], max_frames: int) -> list[list[int]]:
    """Group the positions of clips into batches of one frame count, each within `max_frames` in total.

    Clips are never padded to another frame count, since normalisation over time would see the padding. A clip longer
    than `max_frames` is a batch of its own. Every position comes exactly once, the longest clips first, so that a batch
    too large for the memory fails at once.
    """
    positions: defaultdict[int, list[int]] = defaultdict(list)
    for position, count in enumerate(frames):
        positions[count].append(position)
    batches = []
    for count, members in sorted(positions.items(), reverse=True):
        size = batch_size(count, max_frames)
        batches += [members[start : start + size] for start in range(0, len(members), size)]
    return batches


def batch_size(frames: int, max_frames: int) -> int:
    """How many clips of `frames` frames each go together."""
    return max(1, max_frames // max(1, frames))
