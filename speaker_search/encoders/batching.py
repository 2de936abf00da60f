"""Which clips go through a network together. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

FRAME_SAMPLES = 160  # samples at 16 kHz: the hop of every spectrogram here, 10 ms

# Seconds of audio in one batch unless a path says otherwise (running.py, cuda_path.py): resemblyzer's time per second
# of audio is least between 15 and 30 s and grows beyond, as the activations leave the caches.
MAX_BATCH_SECONDS = 30.0
MAX_BATCH_FRAMES = int(MAX_BATCH_SECONDS * 16_000 / FRAME_SAMPLES)


def equal_length(frames: Sequence[int], max_frames: int = MAX_BATCH_FRAMES) -> list[list[int]]:
    """Group the positions of clips into batches of one frame count, each within `max_frames` in total.

    Clips are never padded to another frame count: normalisation over time would see the padding. A clip longer than
    `max_frames` is a batch of its own. Every position comes exactly once, the longest clips first, so that a budget
    too large for the memory shows at once.
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
    """How many clips of that many frames go together."""
    return max(1, max_frames // max(1, frames))


def fill(batches: Iterable[Sequence[int]], max_frames: int = MAX_BATCH_FRAMES) -> float:
    """How full batches of frame counts are on average: 1.0 when every one has `max_frames`."""
    totals = [sum(batch) for batch in batches]
    return sum(totals) / (len(totals) * max_frames) if totals else 0.0
