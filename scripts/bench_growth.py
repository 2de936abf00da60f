#!/usr/bin/env python3
"""Measures what it costs to link only what is new: games are added one by one, and the cast is compared after each.

A set is a folder of dumps with a cast.json, as `spksearch evaluate --truth` reads it. It is taken from the
catalogs that `scripts/bench_voices.py --home FOLDER` leaves behind. The first half of the games is linked as a whole.
Example: scripts/bench_growth.py --home /tmp/voices --sets acted --pieces 4

"Stored" is the cast as `spksearch cast` keeps it, "whole" all characters linked anew after each step. "Moved" are
characters whose companions among the older characters changed although nobody new is in their voice, at each step.

Prints a table and, as the last line, a JSON object.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench_encoder import machine_name
from bench_verdicts import f1_of, labels_of
from bench_voices import TRUTH, VOICES, note, rounded, sets_in, table

from speaker_search.cast import relinking
from speaker_search.cast.voices import find_voices
from speaker_search.entities import Ids
from speaker_search.evaluation.known import known_characters
from speaker_search.evaluation.truth import read_truth
from speaker_search.library import Library
from speaker_search.settings import Settings

FIGURES = ("steps", "stored_f1", "whole_f1", "stored_f1_along", "whole_f1_along", "stored_moved", "whole_moved")


def measure(voices: Path, encoder: str, home: Path, pieces: int, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with Library(Settings(home=home, encoder=encoder)) as library:
            library.export(place / "all.parquet")
        parts = cut(pq.read_table(place / "all.parquet"), pieces)
        rng = np.random.default_rng(seed)
        order = [parts[one] for one in rng.permutation(len(parts))]
        first = len(order) // 2
        steps = []
        with Library(Settings(home=place, encoder=encoder)) as library:
            for number, part in enumerate([pa.concat_tables(order[:first]), *order[first:]]):
                file = place / f"{number}.parquet"
                pq.write_table(part, file)
                library.import_voices(file)
                steps.append(state(library, voices))
    along = {
        "steps": float(len(steps) - 1),
        "stored_f1": steps[-1]["stored_f1"],
        "whole_f1": steps[-1]["whole_f1"],
        "stored_f1_along": float(np.mean([one["stored_f1"] for one in steps[1:]])),
        "whole_f1_along": float(np.mean([one["whole_f1"] for one in steps[1:]])),
    }
    for kind in ("stored", "whole"):
        moves = [moved(before[kind], now[kind]) for before, now in pairwise(steps)]
        along[f"{kind}_moved"] = float(np.mean(moves))
    return along


def cut(everything: pa.Table, pieces: int) -> list[pa.Table]:
    """A table for each game, or for each so many characters of one."""
    rows: defaultdict[tuple[str, str], defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    names = zip(*(everything[name].to_pylist() for name in ("maker", "game", "character")), strict=True)
    for row, (maker, game, character) in enumerate(names):
        rows[maker, game][character or ""].append(row)
    found = []
    for cast in rows.values():
        whole = list(cast.values())
        size = pieces or len(whole)
        found += [
            everything.take(sorted(row for one in whole[start : start + size] for row in one))
            for start in range(0, len(whole), size)
        ]
    return found


def state(library: Library, voices: Path) -> dict[str, Any]:
    """The groups of characters, by id, as they are stored and as they would be linked anew; and F1 of both."""
    library.refresh()
    ready = library.ready
    ids = ready.profiles.character_ids
    actors = known_characters(library.catalog, ready.profiles, read_truth(voices / TRUTH)).actors_of_rows
    found: dict[str, Any] = {}
    for kind, cast in (("stored", library.cast()), ("whole", find_voices(library.catalog, ready))):
        labels = labels_of(cast, ids)
        found[f"{kind}_f1"] = f1_of(labels, actors, np.arange(len(ids)))
        found[kind] = groups(labels, ids)
    return found


def groups(labels: Ids, ids: Ids) -> dict[int, frozenset[int]]:
    """The characters that are one voice with each, by id."""
    return {int(ids[row]): frozenset(ids[labels == label].tolist()) for row, label in enumerate(labels.tolist())}


def moved(before: dict[int, frozenset[int]], now: dict[int, frozenset[int]]) -> int:
    return sum(own <= before.keys() and own != before[one] for one, own in now.items() if one in before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, default=VOICES, help=f"folder of the sets; by default {VOICES}")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="folders in it; by default all with a cast.json")
    parser.add_argument("--encoders", nargs="+", default=["campplus", "resemblyzer"], metavar="ENCODER")
    parser.add_argument("--home", type=Path, required=True, help="folder with the catalogs of bench_voices.py")
    parser.add_argument("--pieces", type=int, default=0, help="add so many characters at a time, not whole games")
    parser.add_argument("--orders", type=int, default=2, help="random orders, whose figures are averaged")
    parser.add_argument("--share", type=float, help="that may change before all are linked anew, in place of the usual")
    chosen = parser.parse_args()
    if chosen.share is not None:
        relinking.LINKED_AGAIN_FROM = chosen.share
    sets = [chosen.voices / name for name in chosen.sets] if chosen.sets else sets_in(chosen.voices)
    found: dict[str, Any] = {}
    for each in sets:
        for encoder in chosen.encoders:
            orders = range(chosen.orders)
            drawn = [measure(each, encoder, chosen.home / each.name / encoder, chosen.pieces, seed) for seed in orders]
            mean = {figure: float(np.mean([one[figure] for one in drawn])) for figure in FIGURES}
            found.setdefault(each.name, {})[encoder] = mean
            note(f"{each.name}, {encoder}: {mean['whole_f1']:.3f} whole, {mean['stored_f1']:.3f} stored")
    lines = [
        (name, encoder, *(f"{one[figure]:.3f}" for figure in FIGURES))
        for name, encoders in found.items()
        for encoder, one in encoders.items()
    ]
    table(("set", "encoder", *(figure.replace("_", " ") for figure in FIGURES)), lines)
    command = shlex.join(["scripts/bench_growth.py", *sys.argv[1:]])
    print(json.dumps(rounded({"machine": machine_name(), "command": command, **found})))


if __name__ == "__main__":
    main()
