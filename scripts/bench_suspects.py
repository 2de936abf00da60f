#!/usr/bin/env python3
"""Gives clips to wrong characters, and measures whether `spksearch catalog suspects` finds them.

A share of the clips is given to another character, of the same game or of any game. Of the suspects, the most suspect
first, as many are judged as clips were moved, and 100: precision is the share of them that were moved. Beside it stands
the simplest way: by a clip's cosine with the nearest other character's mean, less that with its own character's other
clips. Sets and homes are those of scripts/bench_voices.py. Example: scripts/bench_suspects.py --home /tmp/voices

Prints a table, and a JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import resource
import shlex
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from bench_encoder import machine_name
from bench_voices import INGESTED, VOICES, note, number, table
from sqlalchemy import select, update

from speaker_search.catalog import log
from speaker_search.catalog.clips import lock_clips
from speaker_search.catalog.tables import characters, clips, embeddings
from speaker_search.errors import EncoderError
from speaker_search.library import Library
from speaker_search.search.scoring import unit
from speaker_search.settings import Settings

FIRST = 100  # suspects that are judged, besides as many as clips were moved
LEAST = 1e-9  # of a suspect's probability: nearly every clip is ranked


@dataclass(frozen=True, slots=True)
class Found:
    """How well moved clips were found."""

    moved: float  #: clips
    precision: float  #: of as many suspects as clips were moved
    precision_100: float  #: of the first 100, or of all where there are fewer
    likelier_right: float  #: of the moved clips among the suspects, those whose likelier character was their own before
    listed: float  #: suspects with a probability of at least 0.5, which are listed by default ...
    listed_right: float  #: ... and the share of these that were moved
    plain: float  #: precision by the difference of cosines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, default=VOICES, help=f"folder of the sets; by default {VOICES}")
    parser.add_argument("--sets", nargs="+", default=["clean", "acted_real"], metavar="SET")
    parser.add_argument("--encoders", nargs="+", default=["campplus", "resemblyzer"], metavar="ENCODER")
    parser.add_argument("--home", type=Path, help="folder for the catalogs; a temporary one unless given")
    parser.add_argument("--share", type=float, default=0.05, help="of the clips that are moved")
    parser.add_argument("--draws", type=int, default=5, help="each with other clips moved")
    parser.add_argument("--large", type=Path, help="only time a home, such as one of scripts/simulate.py")
    chosen = parser.parse_args()
    if chosen.large:
        timed(chosen.large)
        return
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
                for kind in ("same_game", "any_game"):
                    draws = [
                        measured(home, encoder, share=chosen.share, seed=seed, any_game=kind == "any_game")
                        for seed in range(chosen.draws)
                    ]
                    mean = {
                        one.name: float(np.mean([getattr(draw, one.name) for draw in draws])) for one in fields(Found)
                    }
                    found.setdefault(name, {}).setdefault(encoder, {})[kind] = mean
                    note(f"{name}, {encoder}, {kind}: precision {mean['precision']:.3f}")
    if not found:
        sys.exit("None of the encoders can be loaded here.")
    header = ("set", "encoder", "moved to", *(one.name.replace("_", " ") for one in fields(Found)))
    rows = [
        (name, encoder, kind, *map(number, mean.values()))
        for name, by_encoder in found.items()
        for encoder, kinds in by_encoder.items()
        for kind, mean in kinds.items()
    ]
    table(header, rows)
    command = shlex.join(["scripts/bench_suspects.py", *sys.argv[1:]])
    rounded = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 4))
    print(json.dumps({"machine": machine_name(), "data": ", ".join(found), "command": command, **rounded}))


def timed(home: Path) -> None:
    """How long a catalog's suspects take once it is open, and the memory of this process."""
    with Library(Settings(home=home)) as library:
        library.cast()  # links the characters: a catalog in use has its voices stored
        began, cpu = time.monotonic(), time.process_time()
        suspects = library.suspects()
        figures = {
            "clips": suspects.compared,
            "suspects": suspects.found,
            "seconds": round(time.monotonic() - began, 1),
            "cpu_s": round(time.process_time() - cpu, 1),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        }
    command = shlex.join(["scripts/bench_suspects.py", *sys.argv[1:]])
    print(json.dumps({"machine": machine_name(), "data": "a simulated catalog", "command": command, **figures}))


def taken_in(home: Path, encoder: str, voices: Path) -> None:
    """Ingest a set into a home, unless it is there already. Raises EncoderError."""
    if not (home / INGESTED).is_file():
        with Library(Settings(home=home, encoder=encoder)) as library:
            report = library.ingest([voices])
        (home / INGESTED).write_text(report.model_dump_json(indent=1), encoding="utf-8")


def measured(home: Path, encoder: str, *, share: float, seed: int, any_game: bool) -> Found:
    """Move clips in a copy of a catalog, and look for them."""
    with tempfile.TemporaryDirectory() as passing:
        copy = Path(passing) / "home"
        shutil.copytree(home, copy)
        with Library(Settings(home=copy, encoder=encoder)) as library:
            before = moved(library, share, np.random.default_rng(seed), any_game=any_game)
            suspects = library.suspects(min_probability=LEAST, limit=None)
            plain = by_difference(library)
        ranked = [one.id for one in suspects.clips]
        right = [before[one.id] == one.likelier.id for one in suspects.clips if one.id in before]
        listed = [one.id for one in suspects.clips if one.probability >= 0.5]

        def precision(ids: list[int]) -> float:
            return float(np.mean([id_ in before for id_ in ids])) if ids else 1.0

        return Found(
            moved=len(before),
            precision=precision(ranked[: len(before)]),
            precision_100=precision(ranked[:FIRST]),
            likelier_right=float(np.mean(right)),
            listed=len(listed),
            listed_right=precision(listed),
            plain=precision(plain[: len(before)]),
        )


def moved(library: Library, share: float, rng: np.random.Generator, *, any_game: bool) -> dict[int, int]:
    """Give a share of the clips to other characters; the character before, by clip."""
    space = library.space
    with library.catalog.read() as connection:
        named = select(clips.c.id, clips.c.character_id).where(clips.c.character_id.is_not(None))
        held = named.join_from(clips, embeddings).where(embeddings.c.encoder_id == space.id).order_by(clips.c.id)
        owners = dict(connection.execute(held).all())
        games = dict(connection.execute(select(characters.c.id, characters.c.game_id)).all())
    there = sorted(set(owners.values()))
    labels = []
    for id_ in rng.permutation(sorted(owners))[: round(share * len(owners))].tolist():
        own = owners[id_]
        others = [one for one in there if one != own and (any_game or games[one] == games[own])]
        if others:
            labels.append((id_, own, int(rng.choice(others))))
    with library.catalog.write() as connection:
        lock_clips(connection, {id_ for id_, _, _ in labels})
        for id_, _, new in labels:
            label = {"character_id": new, "game_id": games[new]}
            connection.execute(update(clips).where(clips.c.id == id_).values(label))
        log.append(connection, log.relabelled(connection, labels))
    library.refresh()
    return {id_: own for id_, own, _ in labels}


def by_difference(library: Library) -> list[int]:
    """The clips of characters with several, ranked by the difference of cosines."""
    whole, of = library.ready.snapshot.clips.all(), library.ready.snapshot.characters
    vectors, own = whole.vectors.astype(np.float32), np.searchsorted(of.ids, whole.characters)
    cosines = vectors @ unit(of.sums).T
    cosines[np.arange(len(own)), own] = -np.inf
    to_own = (vectors * unit(of.sums[own] - vectors)).sum(axis=1)
    order = np.argsort(to_own - cosines.max(axis=1), kind="stable")
    return [int(id_) for id_ in whole.ids[order[of.counts[own[order]] > 1]]]


if __name__ == "__main__":
    main()
