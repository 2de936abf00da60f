"""Whose turn it is in a recording: speech, and speakers of its windows joined into people. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from speaker_search.entities import SAMPLE_RATE, Floats, Ids
from speaker_search.search.scoring import Bools, unit

Span = tuple[int, int]  # first sample, and the first one after it

MARGIN = SAMPLE_RATE // 10  # samples kept on each side of speech ...
PAUSE = SAMPLE_RATE // 2  # ... and pauses up to this length between two spans of it
LEAST_PART = SAMPLE_RATE // 2  # samples that one speaker speaks alone in a window: less says nothing about a voice
#: Log-likelihood ratios of one voice to two above which parts are one person: of different windows, and of one window,
#: whose speakers were already told apart.
JOINED, JOINED_INSIDE = 0.0, 3.0


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
    """The parts of a window (frames, speakers): for each speaker what nobody else talks into, if it is long enough."""
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


def people(vectors: Floats, seconds: Floats, windows: Ids, ratio: Callable[[float], float] | None) -> list[list[int]]:
    """Parts (n,) grouped into people, those who speak most first: average linkage over unit vectors (n, dim).

    `ratio` turns a cosine into the log-likelihood ratio of one voice to two. Without it there are as many people as
    the window with most speakers has.
    """
    groups = [[place] for place in range(len(vectors))]
    most = int(np.unique(windows, return_counts=True)[1].max(initial=1))
    while len(groups) > 1:
        centres = unit(np.stack([np.average(vectors[group], axis=0, weights=seconds[group]) for group in groups]))
        cosines = centres @ centres.T
        np.fill_diagonal(cosines, -2.0)
        allowed = np.array(
            [
                [0.0 if set(windows[one]).isdisjoint(windows[other]) else JOINED_INSIDE for other in groups]
                for one in groups
            ]
        )
        if ratio is None:
            if len(groups) <= most:
                break
            gains = np.where(allowed > 0, -2.0, cosines)
        else:
            gains = np.vectorize(ratio)(cosines) - JOINED - allowed
        one, other = sorted(int(place) for place in np.unravel_index(int(gains.argmax()), gains.shape))
        if (ratio is not None and gains[one, other] < 0) or gains[one, other] <= -2.0:
            break
        groups[one] += groups.pop(other)
    return sorted(groups, key=lambda group: -float(seconds[group].sum()))
