"""Who speaks when in a recording: its speech, and its windows' speakers joined into people. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from speaker_search.entities import SAMPLE_RATE, Floats, Ids
from speaker_search.search.scoring import Bools, unit
from speaker_search.search.strangers import Doubles

Span = tuple[int, int]  # first sample, and the first one after it

MARGIN = SAMPLE_RATE // 10  # samples kept on each side of speech ...
PAUSE = SAMPLE_RATE // 2  # ... and pauses up to this length between two spans of it
LEAST_PART = SAMPLE_RATE // 2  # samples that one speaker speaks alone in a window: less says nothing about a voice
JOINED_INSIDE = (
    3.0  # log-likelihood ratio above which even parts of one window are one person: the network told them apart
)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one speaker of a window says alone."""

    window: int
    spans: tuple[Span, ...]

    @property
    def samples(self) -> int:
        return sum(stop - start for start, stop in self.spans)


def spans(flags: Bools, first: int, step: int) -> list[Span]:
    """Runs of True among frames (n,) as spans of samples; frame i stands for `step` samples from `first` + i * step."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(first + int(start) * step, first + int(stop) * step) for start, stop in edges.reshape(-1, 2)]


def joined(parts: Sequence[Span], *, gap: int, margin: int, samples: int) -> list[Span]:
    """Spans widened by a margin, those with at most `gap` between them as one, within a recording of that length."""
    whole: list[Span] = []
    for start, stop in sorted(parts):
        start, stop = max(0, start - margin), min(samples, stop + margin)
        if whole and start - whole[-1][1] <= gap:
            whole[-1] = (whole[-1][0], max(stop, whole[-1][1]))
        else:
            whole.append((start, stop))
    return whole


def alone(speaking: Bools, first: int, step: int, window: int) -> list[Part]:
    """The parts of a window (frames, speakers): what each speaker says while nobody else speaks, if long enough."""
    single = speaking & (speaking.sum(axis=1, keepdims=True) == 1)
    found = [Part(window, tuple(spans(column, first, step))) for column in single.T]
    return [part for part in found if part.samples >= LEAST_PART]


def cut(samples: Floats, kept: Sequence[Span]) -> Floats:
    """The spans of a recording one after the other."""
    return np.concatenate([samples[start:stop] for start, stop in kept]) if kept else samples[:0]


def several(parts: Sequence[Part]) -> bool:
    """Whether some window has parts of more than one speaker."""
    windows = [part.window for part in parts]
    return len(windows) > len(set(windows))


def longest(whole: Sequence[Span], most: int) -> list[Span]:
    """The longest spans, in their order, `most` samples of them together."""
    kept: list[Span] = []
    for start, stop in sorted(whole, key=lambda span: span[0] - span[1]):
        kept.append((start, min(stop, start + most)))
        most -= kept[-1][1] - start
        if most <= 0:
            break
    return sorted(kept)


def people(
    vectors: Floats, seconds: Floats, windows: Ids, ratio: Callable[[Floats], Doubles] | None
) -> list[list[int]]:
    """Parts (n,) grouped into people, those who speak most first: average linkage over unit vectors (n, dim).

    `ratio` turns cosines into log-likelihood ratios of one voice to two. Without it there are as many people as in the
    window that has most.
    """
    groups = [[place] for place in range(len(vectors))]
    inside = windows[:, None] == np.unique(windows)  # (n, windows)
    sums = vectors * seconds[:, None]
    fewest = int(inside.sum(axis=0).max(initial=1)) if ratio is None else 1
    while len(groups) > fewest:
        centres = unit(np.stack([sums[group].sum(axis=0) for group in groups]))
        held = np.stack([inside[group].any(axis=0) for group in groups])
        together = (held.astype(np.float32) @ held.T) > 0
        cosines = centres @ centres.T
        gains = np.where(together, -np.inf, cosines) if ratio is None else ratio(cosines) - JOINED_INSIDE * together
        np.fill_diagonal(gains, -np.inf)
        one, other = sorted(int(place) for place in np.unravel_index(int(gains.argmax()), gains.shape))
        if gains[one, other] < (-1.0 if ratio is None else 0.0):
            break
        groups[one] += groups.pop(other)
    return sorted(groups, key=lambda group: -float(seconds[group].sum()))
