#!/usr/bin/env python3
"""Measures search and cast on sets of voices whose actors are known, with each encoder that loads here.

A set is a folder of dumps with a cast.json, as `spksearch evaluate --truth` reads it. With --home the catalogs are
kept, so a second run only evaluates. Example: scripts/bench_voices.py --home /tmp/voices --encoders resemblyzer

Prints a table of characters, one of queries by the number of their clips, and a JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_encoder import machine_name

from speaker_search.documents import Character, Evaluation, IngestReport, QuerySize
from speaker_search.entities import fold
from speaker_search.errors import EncoderError
from speaker_search.evaluation.metrics import calibration_error
from speaker_search.evaluation.queries import CONFIDENT
from speaker_search.evaluation.truth import read_truth
from speaker_search.library import Library
from speaker_search.search.query import Filters
from speaker_search.settings import Settings

VOICES = Path(__file__).resolve().parents[2] / "shared" / "voices"
TRUTH = "cast.json"
INGESTED = "ingested.json"  # the ingest's report: a home without it was not finished


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, default=VOICES, help=f"folder of the sets; by default {VOICES}")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="folders in it; by default all with a cast.json")
    parser.add_argument("--encoders", nargs="+", default=["campplus", "resemblyzer"], metavar="ENCODER")
    parser.add_argument("--home", type=Path, help="folder for the catalogs; a temporary one unless given")
    chosen = parser.parse_args()
    sets = [chosen.voices / name for name in chosen.sets] if chosen.sets else sets_in(chosen.voices)
    if not sets or not all((each / TRUTH).is_file() for each in sets):
        parser.error(f"Sets are missing in {chosen.voices}: a set is a folder with a {TRUTH}.")
    with tempfile.TemporaryDirectory() as passing:
        home = chosen.home or Path(passing)
        found = {each.name: measure_all(each, chosen.encoders, home / each.name) for each in sets}
    if not any(found.values()):
        sys.exit("None of the encoders can be loaded here.")
    show(found)
    result: dict[str, Any] = {
        "machine": machine_name(),
        "data": f"{', '.join(found)} of {chosen.voices.name}",
        "command": shlex.join(["scripts/bench_voices.py", *sys.argv[1:]]),
    }
    for name, measured in found.items():
        result[name] = {encoder: rounded(figures(one)) for encoder, one in measured.items()}
    print(json.dumps(result))


def sets_in(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{TRUTH}"))


def measure_all(voices: Path, encoders: Sequence[str], home: Path) -> dict[str, Evaluation]:
    """A set's evaluation with each of the encoders that can be loaded."""
    measured = {}
    for encoder in encoders:
        began = time.monotonic()
        try:
            measured[encoder] = measure(voices, encoder, home / encoder)
        except EncoderError as error:
            note(f"{encoder} is left out: {error}")
        else:
            note(f"{voices.name}, {encoder}: {time.monotonic() - began:.0f} s")
    return measured


def measure(voices: Path, encoder: str, home: Path) -> Evaluation:
    """Ingest a set into a home, unless it is there already, and evaluate it. Raises EncoderError."""
    with Library(Settings(home=home, encoder=encoder)) as library:
        if not (home / INGESTED).is_file():
            report: IngestReport = library.ingest([voices])
            for problem in report.problems:
                note(problem)
            (home / INGESTED).write_text(report.model_dump_json(indent=1), encoding="utf-8")
        evaluation = library.evaluate(voices / TRUTH)
        sizes = [
            size if size.precision_at_1 is not None else of_several_roles(library, voices / TRUTH, size.clips)
            for size in evaluation.queries
        ]
        return evaluation.model_copy(update={"queries": sizes})


def of_several_roles(library: Library, truth: Path, size: int) -> QuerySize:
    """Queries of more clips than characters have: of several roles of an actor who has another one.

    They are asked as a person would ask them, for characters of the games that no clip of the query is from. Roles are
    taken in turn, beginning with each, so queries overlap.
    """
    known = read_truth(truth)
    refused = {clip.id for clip in library.refused().clips}
    actors, asked = {}, defaultdict(list)
    for one in every_character(library):
        names = fold(one.game.maker.name), fold(one.game.title), fold(one.name)
        if names in known.names:
            actors[one.id] = known.voice_actor(names)
            asked[actors[one.id]].append(one)
    likely, right = [], []
    for actor, roles in asked.items():
        for first in range(len(roles)):
            clips, games = [], set()
            for role in [*roles[first:], *roles[:first]]:
                if len(clips) < size:
                    clips += [clip.id for clip in library.show(role.id).clips if clip.id not in refused]
                    games.add(role.game.title)
            if len(clips) < size or games >= {role.game.title for role in roles}:
                continue
            elsewhere = Filters(exclude_games=tuple(games))
            best = library.search_like(clips=clips[:size], filters=elsewhere, limit=1).matches[0]
            right.append(actors.get(best.character.id) == actor)
            likely.append(best.probability)
    found = QuerySize(
        clips=size,
        queries=len(right),
        precision_at_1=float(np.mean(right)) if right else None,
        first_match_ece=None,
        confident=None,
        confident_right=None,
    )
    if not right or None in likely:
        return found
    judged, sure = np.array(right), np.array(likely) >= CONFIDENT
    measured = {
        "first_match_ece": calibration_error(np.array(likely, np.float32), judged).ece,
        "confident": float(sure.mean()),
        "confident_right": float(judged[sure].mean()) if sure.any() else None,
    }
    return found.model_copy(update=measured)


def every_character(library: Library) -> Iterator[Character]:
    cursor = None
    while True:
        page = library.characters(cursor=cursor)
        yield from page.characters
        if (cursor := page.next) is None:
            return


def note(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def show(found: dict[str, dict[str, Evaluation]]) -> None:
    """Two tables: characters and their linking, and queries by the number of their clips."""
    rows = [(name, encoder, one) for name, measured in found.items() for encoder, one in measured.items()]
    print("Characters; F1 at the automatic threshold and at the best one; calibration errors (ECE)\n")
    header = ("set", "encoder", "characters", "P@1", "F1", "best F1", "below", "ECE first", "ECE members")
    lines = [
        (
            name,
            encoder,
            str(one.characters),
            with_interval(one.precision_at_1, one.intervals.precision_at_1),
            with_interval(one.bcubed.f1, one.intervals.f1),
            number(one.bcubed.best_f1),
            number(below_best(one)),
            number(one.calibration and one.calibration.first_match_ece),
            number(one.calibration and one.calibration.membership_ece),
        )
        for name, encoder, one in rows
    ]
    table(header, lines)
    print("\nQueries of clips, asked of the characters of other games\n")
    header = ("set", "encoder", "clips", "queries", "P@1", "ECE first", "p >= 0.9", "of them right")
    lines = [
        (
            name,
            encoder,
            str(size.clips),
            str(size.queries),
            number(size.precision_at_1),
            number(size.first_match_ece),
            number(size.confident),
            number(size.confident_right),
        )
        for name, encoder, one in rows
        for size in one.queries
        if size.queries
    ]
    table(header, lines)


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a padded Markdown table: readable in a terminal, and ready to paste."""
    widths = [max(len(line[column]) for line in (header, *lines)) for column in range(len(header))]
    rule = ["-" * width for width in widths]
    for line in (header, rule, *lines):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    return number(value) if interval is None else f"{number(value)} ({interval[0]:.2f}-{interval[1]:.2f})"


def below_best(one: Evaluation) -> float | None:
    """How much F1 the automatic threshold loses."""
    return None if one.bcubed.best_f1 is None else one.bcubed.best_f1 - one.bcubed.f1


def figures(one: Evaluation) -> dict[str, Any]:
    """An evaluation for the JSON line: its main figures first, the others as in `evaluate --json`."""
    errors = one.calibration
    return {
        "precision_at_1": one.precision_at_1,
        "f1": one.bcubed.f1,
        "best_f1": one.bcubed.best_f1,
        "first_match_ece": errors and errors.first_match_ece,
        "membership_ece": errors and errors.membership_ece,
        "characters": one.characters,
        "voice_actors": one.voice_actors,
        "space": one.encoder,
        "map": one.map,
        "eer": one.eer,
        "cllr": one.cllr,
        "intervals": one.intervals.model_dump(),
        "queries": [size.model_dump() for size in one.queries],
    }


def rounded(value: Any) -> Any:
    """The same with numbers rounded to four decimals, which is finer than any interval."""
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
