#!/usr/bin/env python3
"""Measures what a person's verdicts are worth: F1 of the cast before and after 30 of them, answered from the truth.

A set is a folder of dumps with a cast.json, as `spksearch evaluate --truth` reads it. With --home the catalogs are
kept, so a second run only asks. Example: scripts/bench_verdicts.py --home /tmp/voices --sets acted

The pairs are taken from the queue one at a time, or as one list; from the same candidates those nearest to even odds,
or random ones; or random pairs of different games. "Rest" are the characters that were not asked about.

Prints a table and, as the last line, a JSON object.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench_encoder import machine_name
from bench_voices import INGESTED, TRUTH, VOICES, note, rounded, sets_in, table

from speaker_search.cast.voices import Cast
from speaker_search.entities import Ids
from speaker_search.evaluation.known import NOBODY, known_characters
from speaker_search.evaluation.metrics import bcubed_of_each, f1
from speaker_search.evaluation.truth import read_truth
from speaker_search.library import Library
from speaker_search.settings import Settings

DRAWS = 3  # of what is random, whose figures are averaged
ALL = 1_000  # pairs of a queue, which no set here has

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """A catalog whose truth is known, by row in its profiles."""

    library: Library
    ids: Ids  # (C,)
    games: Ids  # (C,)
    actors: Ids  # (C,)

    def answer(self, pair: Pair) -> int:
        """Give the true verdict on two characters; its id."""
        one, other = np.searchsorted(self.ids, pair)
        same = bool(self.actors[one] == self.actors[other])
        return self.library.judge(*pair, same=same, author="truth").id

    def labels(self) -> Ids:
        """The group of each character (C,) in the cast as it is now."""
        return labels_of(self.library.cast(), self.ids)

    def queue(self, limit: int) -> list[Pair]:
        return [(pair.one.id, pair.other.id) for pair in self.library.listening_queue(limit=limit).pairs]


Strategy = Callable[[Asked, int, np.random.Generator], list[Pair]]


def one_at_a_time(asked: Asked, count: int, _: np.random.Generator) -> list[Pair]:
    """The first of the queue, which is asked for anew after each answer."""
    return next_ones(asked, count, lambda: asked.queue(1))


def as_one_list(asked: Asked, count: int, _: np.random.Generator) -> list[Pair]:
    return asked.queue(count)


def nearest_even(asked: Asked, count: int, _: np.random.Generator) -> list[Pair]:
    """The candidate whose answer is most uncertain, one at a time."""

    def most_uncertain() -> list[Pair]:
        pairs = asked.library.listening_queue(limit=ALL).pairs
        best = min(pairs, key=lambda pair: abs(pair.probability - 0.5), default=None)
        return [] if best is None else [(best.one.id, best.other.id)]

    return next_ones(asked, count, most_uncertain)


def random_candidates(asked: Asked, count: int, rng: np.random.Generator) -> list[Pair]:
    found = asked.queue(ALL)
    return [found[place] for place in rng.permutation(len(found))[:count]]


def random_pairs(asked: Asked, count: int, rng: np.random.Generator) -> list[Pair]:
    found: set[Pair] = set()
    while len(found) < count:
        one, other = sorted(rng.choice(len(asked.ids), 2, replace=False).tolist())
        if asked.games[one] != asked.games[other]:
            found.add((int(asked.ids[one]), int(asked.ids[other])))
    return sorted(found)


def next_ones(asked: Asked, count: int, following: Callable[[], list[Pair]]) -> list[Pair]:
    found: list[Pair] = []
    while len(found) < count and (pairs := following()):
        asked.answer(pairs[0])
        found.append(pairs[0])
    return found


STRATEGIES: dict[str, Strategy] = {
    "queue": one_at_a_time,
    "queue_as_list": as_one_list,
    "nearest_even": nearest_even,
    "random_candidates": random_candidates,
    "random_pairs": random_pairs,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, default=VOICES, help=f"folder of the sets; by default {VOICES}")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="folders in it; by default all with a cast.json")
    parser.add_argument("--encoders", nargs="+", default=["campplus", "resemblyzer"], metavar="ENCODER")
    parser.add_argument("--home", type=Path, help="folder for the catalogs; a temporary one unless given")
    parser.add_argument("--verdicts", type=int, default=30)
    parser.add_argument("--strategies", nargs="+", default=[*STRATEGIES], choices=STRATEGIES, metavar="STRATEGY")
    chosen = parser.parse_args()
    sets = [chosen.voices / name for name in chosen.sets] if chosen.sets else sets_in(chosen.voices)
    if not sets or not all((each / TRUTH).is_file() for each in sets):
        parser.error(f"Sets are missing in {chosen.voices}: a set is a folder with a {TRUTH}.")
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as passing:
        for each in sets:
            for encoder in chosen.encoders:
                home = (chosen.home or Path(passing)) / each.name / encoder
                measured = measure(each, encoder, home, chosen.verdicts, chosen.strategies)
                found.setdefault(each.name, {})[encoder] = measured
    show(found)
    result = {
        "machine": machine_name(),
        "data": f"{', '.join(found)} of {chosen.voices.name}",
        "command": shlex.join(["scripts/bench_verdicts.py", *sys.argv[1:]]),
        "verdicts": chosen.verdicts,
    }
    print(json.dumps(rounded({**result, **found})))


def measure(voices: Path, encoder: str, home: Path, count: int, strategies: list[str]) -> dict[str, dict[str, float]]:
    """What `count` verdicts do to a set's cast, by each strategy. The catalog in the home stays without verdicts."""
    began = time.monotonic()
    with Library(Settings(home=home, encoder=encoder)) as library:
        if not (home / INGESTED).is_file():
            report = library.ingest([voices])
            (home / INGESTED).write_text(report.model_dump_json(indent=1), encoding="utf-8")
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(home, copy, dirs_exist_ok=True)
        with Library(Settings(home=Path(copy), encoder=encoder)) as library:
            profiles = library.ready.profiles
            known = known_characters(library.catalog, profiles, read_truth(voices / TRUTH))
            if (known.actors_of_rows == NOBODY).any():
                sys.exit(f"{voices / TRUTH} does not name the actor of every character: their verdicts are unknown.")
            asked = Asked(library, profiles.character_ids, profiles.game_ids, known.actors_of_rows)
            found = {name: worth(asked, name, count) for name in strategies}
    note(f"{voices.name}, {encoder}: {time.monotonic() - began:.0f} s")
    return found


def worth(asked: Asked, name: str, count: int) -> dict[str, float]:
    """The figures of one strategy, the mean over several draws where it is random."""
    draws = range(DRAWS if name.startswith("random") else 1)
    each = [drawn(asked, STRATEGIES[name], count, np.random.default_rng(seed)) for seed in draws]
    return {figure: float(np.mean([one[figure] for one in each])) for figure in each[0]}


def drawn(asked: Asked, strategy: Strategy, count: int, rng: np.random.Generator) -> dict[str, float]:
    before = asked.labels()
    pairs = strategy(asked, count, rng)
    given = {asked.answer(pair) for pair in pairs}
    after = asked.labels()
    for id_ in given:
        asked.library.undo_verdict(id_, author="truth")
    if not np.array_equal(asked.labels(), before):
        sys.exit("The cast is not what it was, although all verdicts were undone.")
    everyone = np.arange(len(asked.ids))
    rest = np.setdiff1d(everyone, np.searchsorted(asked.ids, sorted({id_ for pair in pairs for id_ in pair})))
    return {
        "verdicts": len(pairs),
        "characters_asked": len(everyone) - len(rest),
        "f1_before": f1_of(before, asked.actors, everyone),
        "f1_after": f1_of(after, asked.actors, everyone),
        "rest_before": f1_of(before, asked.actors, rest),
        "rest_after": f1_of(after, asked.actors, rest),
    }


def labels_of(cast: Cast, ids: Ids) -> Ids:
    labels = np.arange(len(ids))
    for voice in cast.voices:
        rows = np.searchsorted(ids, sorted(one.id for one, _ in voice.members))
        labels[rows] = rows[0]
    return labels


def f1_of(labels: Ids, actors: Ids, rows: Ids) -> float:
    """B-cubed F1 over some of the characters, each with all members of its group."""
    precisions, recalls = bcubed_of_each(labels, actors)
    return f1(float(precisions[rows].mean()), float(recalls[rows].mean()))


def show(found: dict[str, dict[str, dict[str, dict[str, float]]]]) -> None:
    header = ("set", "encoder", "pairs from", "verdicts", "asked", "F1", "after", "rest", "after", "gain")
    lines = [
        (
            name,
            encoder,
            strategy.replace("_", " "),
            f"{one['verdicts']:.0f}",
            f"{one['characters_asked']:.0f}",
            f"{one['f1_before']:.3f}",
            f"{one['f1_after']:.3f}",
            f"{one['rest_before']:.3f}",
            f"{one['rest_after']:.3f}",
            f"{one['rest_after'] - one['rest_before']:+.3f}",
        )
        for name, encoders in found.items()
        for encoder, strategies in encoders.items()
        for strategy, one in strategies.items()
    ]
    table(header, lines)


if __name__ == "__main__":
    main()
