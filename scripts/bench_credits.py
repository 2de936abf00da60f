#!/usr/bin/env python3
"""Measures what credits are worth: the linking of the uncredited, with a share of the characters credited and without.

A set is a folder of dumps with a cast.json; --home holds the catalogs that scripts/bench_voices.py --home made. The
credits are drawn from the truth, --draws times, and kept in a copy of the catalog. F1 (B-cubed) counts the uncredited
characters alone, within the whole partition. The audit is measured with --wrong of the credits given to other actors.
Example: scripts/bench_credits.py --home /tmp/voices --encoders campplus

Prints a table and, as the last line, a JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from bench_encoder import machine_name
from bench_voices import TRUTH, VOICES

from speaker_search.entities import Character
from speaker_search.library import Library
from speaker_search.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, default=VOICES, help=f"folder of the sets; by default {VOICES}")
    parser.add_argument("--home", type=Path, required=True, help="folder of catalogs, SET/ENCODER each")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="folders in it; by default all with a cast.json")
    parser.add_argument("--encoders", nargs="+", default=["campplus", "resemblyzer"], metavar="ENCODER")
    parser.add_argument("--share", type=float, default=0.2, help="of the characters that are credited")
    parser.add_argument("--wrong", type=float, default=0.1, help="of the credits that are wrong, for the audit")
    parser.add_argument("--draws", type=int, default=3)
    chosen = parser.parse_args()
    sets = chosen.sets or sorted(path.parent.name for path in chosen.voices.glob(f"*/{TRUTH}"))
    figures: dict[str, dict[str, Any]] = {}
    print("set          encoder      F1 of the rest: without  with    audit: wrong  found among as many first")
    for name in sets:
        truth = json.loads((chosen.voices / name / TRUTH).read_text(encoding="utf-8"))
        for encoder in chosen.encoders:
            home = chosen.home / name / encoder
            if home.is_dir():
                found = measured(home, encoder, truth, chosen)
                figures.setdefault(name, {})[encoder] = found
                print(
                    f"{name:12} {encoder:12} {found['f1_without']:24.3f} {found['f1_with']:5.3f}"
                    f" {found['wrong']:14.1f} {found['audit_precision']:10.3f}",
                    flush=True,
                )
    if not figures:
        sys.exit(f"{chosen.home} holds none of these catalogs. Make them with scripts/bench_voices.py --home.")
    print(json.dumps({"machine": machine_name(), "data": sets, "command": shlex.join(sys.argv), **figures}))


def measured(home: Path, encoder: str, truth: list[dict[str, str]], chosen: argparse.Namespace) -> dict[str, float]:
    """Means over the draws, in copies of a catalog."""
    actors = {(row["maker"], row["game"], row["character"]): row["voice_actor"] for row in truth}
    rows: dict[str, list[float]] = {"f1_without": [], "f1_with": [], "wrong": [], "audit_precision": []}
    for draw in range(chosen.draws):
        rng = random.Random(draw)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(shutil.copytree(home, Path(folder) / "home"))
            with Library(Settings(home=copy, encoder=encoder)) as library:
                known = {key(one): actors[key(one)] for one in everyone(library) if key(one) in actors}
                credited = set(rng.sample(sorted(known), round(chosen.share * len(known))))
                rest = known.keys() - credited
                rows["f1_without"].append(f1(library, known, rest))
                credit(library, {place: known[place] for place in credited})
                rows["f1_with"].append(f1(library, known, rest))
                wrong = set(rng.sample(sorted(known), round(chosen.wrong * len(known))))
                others = sorted(set(known.values()))
                said = {
                    place: rng.choice([one for one in others if one != actor]) if place in wrong else actor
                    for place, actor in known.items()
                }
                credit(library, said)
                doubted = library.audit_credits(limit=len(wrong)).doubtful
                right = sum((d.character.maker, d.character.game, d.character.name) in wrong for d in doubted)
                rows["wrong"].append(len(wrong))
                rows["audit_precision"].append(right / max(1, len(wrong)))
    return {name: round(mean(values), 4) for name, values in rows.items()}


def everyone(library: Library) -> list[Character]:
    cast = library.cast()
    return [*cast.unlinked, *(one for voice in cast.voices for one, _ in voice.members)]


def key(character: Character) -> tuple[str, str, str]:
    return character.game.maker.name, character.game.title, character.name


def credit(library: Library, said: dict[tuple[str, str, str], str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "credits.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("maker", "game", "character", "voice_actor"))
            writer.writerows((*place, actor) for place, actor in said.items())
        library.import_credits(path)


def f1(library: Library, known: dict[tuple[str, str, str], str], rest: set[tuple[str, str, str]]) -> float:
    """B-cubed F1 (Bagga and Baldwin 1998) of the uncredited characters among all."""
    voices = {key(one): voice.id for voice in library.cast().voices for one, _ in voice.members}
    places = sorted(known)
    labels = np.array([voices.get(place, -number) for number, place in enumerate(places, start=1)])
    people = np.unique([known[place] for place in places], return_inverse=True)[1]
    together, same = labels[:, None] == labels[None], people[:, None] == people[None]
    counted = np.array([place in rest for place in places])
    both = (together & same).sum(axis=1)
    precision = float((both / together.sum(axis=1))[counted].mean())
    recall = float((both / same.sum(axis=1))[counted].mean())
    return 2 * precision * recall / (precision + recall)


if __name__ == "__main__":
    main()
