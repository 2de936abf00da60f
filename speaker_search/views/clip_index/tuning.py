"""Measuring lists against exact scans, over all clips and under filters, and setting how much a query looks into."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.views.clip_index import exact, filters
from speaker_search.views.clip_index.columns import Columns, Rows
from speaker_search.views.clip_index.filters import Allowed, Bools
from speaker_search.views.clip_index.lists import Lists
from speaker_search.views.clip_index.probing import Tuning

QUERIES = 200  # sampled clips: a recall of 0.99 is then known to about 0.003
FILTERED_QUERIES = 100  # for each kind of filter
NEAREST, DEEPER = 10, 100
STEP = 2**0.5  # between numbers of lists that are tried
SPREADS = tuple(float(2**power) for power in range(12))  # with the last, everything allowed is scanned exactly
TIMED_ROWS = 50_000  # that an exact scan is timed with
SAME_COSINE = 1e-5  # sums of the same products in another order differ by less
SEED = 2

Say = Callable[[str], None]


def silently(_: str) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Clips (q) that are searched for as if they were new: without themselves."""

    rows: Rows  # (q,)
    vectors: Floats  # (q, dim)
    cosines: Floats  # (q, depth) of the clips that are truly nearest, best first; -inf where there are no more
    allowed: Allowed


def sampled(columns: Columns, rows: Rows, allowed: Allowed, depth: int) -> Sample:
    """These rows, with an exact scan of the allowed rows for each."""
    vectors = exact.floats(np.asarray(columns.vectors[rows]))
    found, cosines = exact.many(columns.vectors, allowed.first, allowed.end, vectors, depth + 1, allowed.gone)
    cosines[(found == rows[:, None]) | (found < 0)] = -np.inf
    return Sample(rows, vectors, -np.sort(-cosines, axis=1)[:, :depth], allowed)


def recall(lists: Lists, columns: Columns, sample: Sample, depth: int, nprobe: int | None = None) -> float:
    """The mean share of the `depth` nearest clips that is found. Of equally near clips, it does not matter which."""
    shares = []
    for own, vector, nearest in zip(sample.rows, sample.vectors, sample.cosines, strict=True):
        there = int(np.isfinite(nearest[:depth]).sum())
        if there:
            rows, cosines = lists.nearest(columns.vectors, vector, depth + 1, sample.allowed, nprobe)
            near = (rows != own) & (cosines >= nearest[there - 1] - SAME_COSINE)
            shares.append(min(1.0, int(near.sum()) / there))
    return float(np.mean(shares)) if shares else 1.0


def tuned(
    lists: Lists,
    columns: Columns,
    target: float,
    *,
    gone: Bools | None = None,
    makers: Mapping[int, int] | None = None,
    say: Say = silently,
) -> Lists:
    """The same lists, probed so that this share of the ten nearest clips is found, without filters and under them.

    `makers` gives each game's maker. Where no setting reaches the target, the best one is taken.
    """
    rng = np.random.default_rng(SEED)
    of = filters.runs(columns)
    everything = filters.allowed(of, len(columns), gone, None, None)
    usable = np.arange(len(columns)) if gone is None else np.flatnonzero(~gone)
    say("scanning exactly, without a filter")
    rows = rng.choice(usable, min(QUERIES, len(usable)), replace=False)
    sample = sampled(columns, rows, everything, DEEPER)
    nprobe = _fewest_lists(lists, columns, sample, target, say)
    probing = replace(lists.probing, nprobe=nprobe, **_costs(lists, columns, sample, nprobe))
    at_10, at_100 = (recall(lists, columns, sample, depth, nprobe) for depth in (NEAREST, DEEPER))
    kinds: dict[str, Sample] = {}
    for name, games, asking in _kinds(columns, makers or {}, rng):
        say(f"scanning exactly, {name}")
        from_ = usable if asking is None else usable[np.isin(columns.games[usable], asking)]
        rows = rng.choice(from_, min(FILTERED_QUERIES, len(from_)), replace=False)
        kinds[name] = sampled(columns, rows, filters.allowed(of, len(columns), gone, games, None), NEAREST)
    for spread in SPREADS:
        say(f"measuring under filters, {spread:g} times as many lists")
        probing = replace(probing, spread=spread)
        made = lists.tuned(Tuning(target, probing, len(sample.rows), at_10, at_100, {}))
        filtered = {name: recall(made, columns, some, NEAREST) for name, some in kinds.items()}
        if all(reached >= target for reached in filtered.values()):
            break
    return lists.tuned(Tuning(target, probing, len(sample.rows), at_10, at_100, filtered, time.time()))


def _fewest_lists(lists: Lists, columns: Columns, sample: Sample, target: float, say: Say) -> int:
    """The fewest lists to probe that reach the target; where none do, the fewest that reach as much as all."""
    reached: dict[int, float] = {}
    probed, nlist = 0, lists.plan.nlist
    while probed < nlist:
        probed = min(max(probed + 1, round(STEP * probed)), nlist)
        say(f"measuring with {probed:,} of {nlist:,} lists")
        reached[probed] = recall(lists, columns, sample, NEAREST, probed)
        if reached[probed] >= target:
            return probed
    best = max(reached.values())
    return min(probed for probed, share in reached.items() if share == best)


def _costs(lists: Lists, columns: Columns, sample: Sample, nprobe: int) -> dict[str, float]:
    """What comparing with a row costs here, in an exact scan and in a list."""
    rows = min(len(columns), TIMED_ROWS)
    many = min(lists.plan.nlist, 4 * nprobe)

    def took(search: Callable[[Floats], object]) -> float:
        times = []
        for vector in sample.vectors[:50]:
            began = time.perf_counter_ns()
            search(vector)
            times.append(time.perf_counter_ns() - began)
        return float(np.median(times))

    whole = np.zeros(1, np.int64)
    scan = took(lambda vector: exact.scan(columns.vectors, whole, whole + rows, vector, NEAREST))
    few_lists = took(lambda vector: lists.nearest(columns.vectors, vector, NEAREST, sample.allowed, nprobe))
    many_lists = took(lambda vector: lists.nearest(columns.vectors, vector, NEAREST, sample.allowed, many))
    costs = {"scan_ns": scan / rows}
    if many > nprobe and many_lists > few_lists:
        costs["probe_ns"] = (many_lists - few_lists) / ((many - nprobe) * len(columns) / lists.plan.nlist)
    return costs


def _kinds(
    columns: Columns, makers: Mapping[int, int], rng: np.random.Generator
) -> Iterator[tuple[str, Ids, Ids | None]]:
    """Kinds of filters: a name, the games allowed, and the games that queries come from (any if None).

    Where a game or maker is excluded, queries come from it: their nearest clips are excluded, which is the hardest.
    """
    games, clips = np.unique(columns.games, return_counts=True)
    if len(games) < 2:
        return
    largest = games[np.argmax(clips)]
    yield "one game", rng.choice(games, 1), None
    for share in (0.1, 0.3):
        some = rng.choice(games, max(1, int(share * len(games))), replace=False)
        yield f"{100 * share:.0f} % of the games", np.sort(some), None
    yield "without one game", games[games != largest], games[games == largest]
    maker = np.array([makers.get(game, -1) for game in games.tolist()])
    own = maker == makers.get(int(largest), -1)
    if not own.all() and (maker >= 0).any():
        yield "without one maker", games[~own], games[own]
