"""A game's lines of unknown speakers, with who may speak them."""

from __future__ import annotations

import numpy as np

from speaker_search import documents
from speaker_search.cast.unknown_speakers.guessing import Guesses, Suspects, guess
from speaker_search.catalog import people
from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import UNKNOWN
from speaker_search.entities import Caution, Character, Game
from speaker_search.search.live import Ready
from speaker_search.views.clip_index import columns
from speaker_search.views.clip_index.columns import Columns

TOO_FEW = Caution(
    "No probabilities for characters of the game: too few characters in the catalog have two clips to learn from."
)


def unknown_lines(catalog: Catalog, ready: Ready, game: Game | str) -> documents.UnknownLines:
    """Every embedded line without a character of a game, or of the games with a title, and who may speak it.

    Raises NotFoundError for a title that the catalog does not have.
    """
    if isinstance(game, Game):
        games, title = [game.id], game.title
    else:
        title = game
        with catalog.read() as connection:
            games = sorted(people.games_called(connection, [title]))
    index, profiles = ready.snapshot.clips, ready.profiles
    parts: list[tuple[Columns, Guesses]] = []
    for id_ in games:
        held = list(index.of_characters(np.array([id_]), np.array([UNKNOWN]), max(1, index.clips)))
        lines = columns.join(held)
        if len(lines):
            vectors = lines.vectors.astype(np.float32)
            parts.append((lines, guess(ready.snapshot, profiles, id_, vectors, lines.seconds)))
    rows = np.unique(np.concatenate([np.empty(0, np.int64), *(each for _, one in parts for each in _rows(one))]))
    ids = profiles.character_ids[rows[rows >= 0]].tolist()
    with catalog.read() as connection:
        named = people.characters_by_id(connection, None, ids)
        clips = clips_by_id(connection, [id_ for lines, _ in parts for id_ in lines.ids.tolist()])
    by_row = {row: named.get(id_) for row, id_ in zip(rows[rows >= 0].tolist(), ids, strict=True)}
    found = [
        documents.UnknownLine(
            **{name: getattr(clips[id_], name) for name in ("id", "text", "seconds", "path")},
            here=_suspects(guesses.here, place, by_row),
            elsewhere=_suspects(guesses.elsewhere, place, by_row),
            nobody=_number(guesses.nobody[place]),
        )
        for lines, guesses in parts
        for place, id_ in enumerate(lines.ids.tolist())
        if id_ in clips
    ]
    found.sort(key=likeliest_first)
    calibrated = any(suspect.probability is not None for line in found for suspect in line.here)
    warnings = ready.warnings(calibrated=calibrated)
    if found and not calibrated and any(line.here for line in found):
        warnings += (TOO_FEW,)
    return documents.UnknownLines(encoder=ready.space.name, game=title, lines=found, warnings=list(warnings))


def _rows(guesses: Guesses) -> tuple[np.ndarray, np.ndarray]:
    return guesses.here.rows.ravel(), guesses.elsewhere.rows.ravel()


def _suspects(suspects: Suspects, place: int, by_row: dict[int, Character | None]) -> list[documents.Suspect]:
    found = []
    for row, probability in zip(suspects.rows[place].tolist(), suspects.probabilities[place].tolist(), strict=True):
        if (one := by_row.get(row)) is not None:
            found.append(documents.Suspect.of(one, probability=_number(probability)))
    return found


def _number(probability: float) -> float | None:
    return None if np.isnan(probability) else float(probability)


def likeliest_first(line: documents.UnknownLine) -> tuple[float, int]:
    """The order of lines: by their likeliest character of the game, then by id."""
    return -(line.here[0].probability or 0.0) if line.here else 0.0, line.id
