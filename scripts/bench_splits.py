#!/usr/bin/env python3
"""Measures how many actors leak from one split of a data set into another, where it is known who plays whom.

Splits are drawn as `spksearch export dataset` draws them, with a tenth of the clips for validation and a tenth for the
test. An actor who is held out leaks if another split has a role of theirs. Sets and homes are those of
scripts/bench_voices.py. Example: scripts/bench_splits.py --home /tmp/voices

Prints a table, and a JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from bench_encoder import machine_name
from bench_suspects import taken_in
from bench_voices import TRUTH, VOICES, every_character, note, number, table

from speaker_search.entities import fold
from speaker_search.errors import EncoderError
from speaker_search.evaluation.truth import read_truth
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.transfer.datasets.gathering import gathered, may_be_one
from speaker_search.transfer.datasets.splits import TRAIN, Plan, Shares, Wanted, planned

MAY_BE = (1.0, 0.5, 0.1, 0.02)
HELD_OUT = 0.1  # of the clips, for validation and for the test


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, default=VOICES, help=f"folder of the sets; by default {VOICES}")
    parser.add_argument("--sets", nargs="+", default=["clean", "acted_real", "many_roles"], metavar="SET")
    parser.add_argument("--encoders", nargs="+", default=["campplus", "resemblyzer"], metavar="ENCODER")
    parser.add_argument("--home", type=Path, help="folder for the catalogs; a temporary one unless given")
    parser.add_argument("--draws", type=int, default=20, help="of splits, each with another seed")
    chosen = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as passing:
        for name in chosen.sets:
            for encoder in chosen.encoders:
                home = (chosen.home or Path(passing)) / name / encoder
                try:
                    taken_in(home, encoder, chosen.voices / name)
                except EncoderError as error:
                    note(f"{encoder} is left out: {error}")
                    continue
                measured = measure(home, encoder, chosen.voices / name / TRUTH, chosen.draws)
                found.setdefault(name, {})[encoder] = measured
    if not found:
        sys.exit("None of the encoders can be loaded here.")
    rows = [
        (name, encoder, may_be, number(each["leaking"]), number(each["kept"]), number(each["held_out"]))
        for name, by_encoder in found.items()
        for encoder, ways in by_encoder.items()
        for may_be, each in ways.items()
    ]
    table(("set", "encoder", "may be", "actors leaking", "clips kept", "held out"), rows)
    command = shlex.join(["scripts/bench_splits.py", *sys.argv[1:]])
    print(json.dumps({"machine": machine_name(), "data": ", ".join(found), "command": command, **found}))


def measure(home: Path, encoder: str, truth: Path, draws: int) -> dict[str, dict[str, float]]:
    """Means over the draws, by the probability of `--may-be`; `alone` is without any linking."""
    known = read_truth(truth)
    with Library(Settings(home=home, encoder=encoder)) as library:
        space, ready = library.space, library.ready
        with library.catalog.read() as connection:
            lines, _ = gathered(connection, space)
        actors = {
            one.id: known.voice_actor((fold(one.game.maker.name), fold(one.game.title), fold(one.name)))
            for one in every_character(library)
        }
        voices = [[one.id for one, _ in voice.members] for voice in library.cast().voices]
        groups = library._constraints().groups()
        ways = {"alone": ([], np.empty((0, 2), np.int64))}
        ways |= {f"{least:g}": (voices, may_be_one(ready, groups, least)) for least in MAY_BE}
    spoken = np.array([actors[id_] for id_ in lines.characters.tolist()])
    found = {}
    for way, (linked, may_be) in ways.items():
        plans = [
            planned(lines, linked, may_be, Wanted(), Shares("voice", HELD_OUT, HELD_OUT, seed)) for seed in range(draws)
        ]
        found[way] = {
            "leaking": round(float(np.mean([leaking(plan, spoken[plan.rows]) for plan in plans])), 4),
            "kept": round(float(np.mean([len(plan.rows) / len(lines) for plan in plans])), 4),
            "held_out": round(float(np.mean([(plan.splits != TRAIN).mean() for plan in plans])), 4),
        }
    return found


def leaking(plan: Plan, actors: np.ndarray) -> float:
    """The share of the actors in validation or test who are in another split, too."""
    splits = defaultdict(set)
    for actor, split in zip(actors.tolist(), plan.splits.tolist(), strict=True):
        splits[actor].add(split)
    held_out = [each for each in splits.values() if each - {TRAIN}]
    return sum(len(each) > 1 for each in held_out) / max(1, len(held_out))


if __name__ == "__main__":
    main()
