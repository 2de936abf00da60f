"""`spksearch compare`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.entities import counted

if TYPE_CHECKING:
    from speaker_search.documents.models.spaces_compared import ComparedSpace, SpacesCompared

NAMED_GAMES = 20  # that the table lists; --json has all


def compare(
    encoder: Annotated[
        list[str] | None, typer.Option("--encoder", help="Encoder or space; may be repeated. Default: all there are.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="JSON list of maker, game, character and voice_actor, as for `evaluate`.")
    ] = None,
    speed: Annotated[bool, typer.Option("--speed", help="Also load each encoder and time it on clips.")] = False,
    json: options.Json = False,
) -> None:
    """Measure the encoders that the catalog has embeddings of, on the clips that all of them have embedded.

    Without --truth they are judged by credits and verdicts, or where these say too little by halves of characters.

    Example: spksearch compare --truth cast.json
    """
    with options.open_library() as library:
        found = library.compare(encoders=encoder or (), truth=truth, speed=speed, say=output.waiting)
    output.json_document(found) if json else show(found)


def show(found: SpacesCompared) -> None:
    """The spaces side by side, a row for each measure, then games."""
    output.notes(found.warnings)
    left_out = f", {counted(found.left_out, 'clip')} left out that not all have" if found.left_out else ""
    output.say(f"{counted(found.clips, 'clip')} of {counted(found.characters, 'character')} in all spaces{left_out}.")
    output.say(f"{counted(found.judged, 'character')} judged. {found.basis}")
    rows = [(name, *(cell(one) for one in found.spaces)) for name, cell in MEASURES]
    wordless = any(one.wordless.clips for one in found.spaces)
    rows = [row for row in rows if any(cell is not None for cell in row[1:]) and (wordless or row[0] != WORDLESS)]
    output.table(("measure", *(_name(one) for one in found.spaces)), rows)
    if len(found.games) > 1:
        output.say("\nSilhouette by game:")
        games = [(one.game, one.maker, *one.silhouettes) for one in found.games[:NAMED_GAMES]]
        output.table(("game", "maker", *(one.space for one in found.spaces)), games)
        if len(found.games) > NAMED_GAMES:
            output.note(f"{len(found.games) - NAMED_GAMES:,} more games with --json.")


def _name(one: ComparedSpace) -> str:
    return f"{one.space} (searched)" if one.searched else one.space


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> str | float | None:
    if value is None or interval is None:
        return value
    return f"{value:.3f} ({interval[0]:.2f} to {interval[1]:.2f})"


WORDLESS = "nearest to its own character, no speech by its text"
MEASURES: tuple[tuple[str, Callable[[ComparedSpace], object]], ...] = (
    ("precision@1", lambda one: _with_interval(one.precision_at_1, one.precision_at_1_interval)),
    ("equal error rate", lambda one: one.eer),
    ("B-cubed F1", lambda one: _with_interval(one.f1, one.f1_interval)),
    ("B-cubed F1, best threshold", lambda one: one.best_f1),
    ("cosine within characters", lambda one: one.within),
    ("cosine between characters of a game", lambda one: one.between),
    ("separation (d')", lambda one: one.separation),
    ("silhouette, mean of games", lambda one: one.silhouette),
    ("nearest to its own character, a spoken clip", lambda one: one.spoken.own_first),
    (WORDLESS, lambda one: one.wordless.own_first),
    ("seconds embedded in a second", lambda one: one.seconds_per_second),
    ("dimensions", lambda one: one.dim),
    ("MiB of vectors", lambda one: one.bytes / 2**20),
    ("clips embedded", lambda one: one.embedded),
    ("of them left out here", lambda one: one.left_out),
)
