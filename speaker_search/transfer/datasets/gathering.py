"""The clips of a space that a data set may be made of."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy import ColumnElement, Connection, exists, func, select

from speaker_search.catalog import tables
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.catalog.people import games_called, makers_called
from speaker_search.catalog.rows import among, stream
from speaker_search.catalog.spaces import Space
from speaker_search.entities import Character, Ids, fold
from speaker_search.search.calibration import least_log_odds
from speaker_search.search.live import Ready
from speaker_search.search.profiles.neighbours import neighbours
from speaker_search.transfer.datasets.splits import Lines


def gathered(connection: Connection, space: Space) -> tuple[Lines, Ids]:
    """All embedded clips of known characters, and the ids of those without a text."""
    c = tables.clips.c
    query = select(c.id, c.character_id, c.game_id, c.seconds, c.fingerprint, c.text).order_by(c.id)
    numbers, seconds, wordless = [np.empty((0, 4), np.int64)], [np.empty(0)], []
    numbered: dict[bytes, int] = {}
    for rows in stream(connection, query.where(_embedded(space), c.character_id.is_not(None))):
        part = [
            (row[0], row[1], row[2], -row[0] if row[4] is None else numbered.setdefault(row[4], len(numbered)))
            for row in rows
        ]
        numbers.append(np.array(part, np.int64))
        seconds.append(np.array([row[3] or 0.0 for row in rows]))
        wordless += [row[0] for row in rows if not row[5].strip()]
    ids, characters, games, sounds = np.concatenate(numbers).T
    return Lines(ids, characters, games, np.concatenate(seconds), sounds), np.array(wordless, np.int64)


def games_of(connection: Connection, makers: Sequence[str], titles: Sequence[str]) -> list[int]:
    """The games (ids) of these makers and titles; all where none are named. Raises NotFoundError."""
    g = tables.games.c
    wanted = []
    if makers:
        wanted.append(g.maker_id.in_(makers_called(connection, makers)))
    if titles:
        wanted.append(g.id.in_(games_called(connection, titles)))
    return list(connection.execute(select(g.id).where(*wanted)).scalars())


def unusable(connection: Connection, space: Space, games: Sequence[int]) -> dict[str, int]:
    """How many clips of these games cannot be in a data set, by reason."""
    c, q = tables.clips.c, tables.queue.c
    there = among(connection, c.game_id, games)
    count = select(func.count()).select_from(tables.clips)
    found = {"without a known speaker": count.where(there, _embedded(space), c.character_id.is_(None))}
    for reason, refused in (("that the encoder refused", True), ("that are still to be embedded", False)):
        waiting = q.status == "refused" if refused else q.status != "refused"
        found[reason] = count.join(tables.queue, q.clip_id == c.id).where(there, q.encoder_id == space.id, waiting)
    counts = {reason: int(connection.execute(query).scalar_one()) for reason, query in found.items()}
    return {reason: number for reason, number in counts.items() if number}


def _embedded(space: Space) -> ColumnElement[bool]:
    e = tables.embeddings.c
    return exists().where(e.encoder_id == space.id, e.clip_id == tables.clips.c.id)


def speaker_names(characters: Iterable[Character]) -> dict[int, str]:
    """A name for each character that no other one has, by id: its own, or that with its game, and with its maker.

    Names compare folded: not every form of a data set can tell `|` from `｜`.
    """
    named = {
        one.id: (one.name, f"{one.name} ({one.game.title})", f"{one.name} ({one.game.title}, {one.game.maker.name})")
        for one in characters
    }
    counts = [Counter(fold(names[level]) for names in named.values()) for level in range(3)]
    return {
        id_: next((names[level] for level in range(2) if counts[level][fold(names[level])] == 1), names[2])
        for id_, names in named.items()
    }


def may_be_one(ready: Ready, known: Groups, least: float) -> Ids:
    """Pairs (m, 2) of characters of different games that are one person with at least this probability.

    None of them is known to be two people.
    """
    profiles = ready.profiles
    if profiles.pairs is None or least >= 1:
        return np.empty((0, 2), np.int64)
    floors = profiles.pairs.score_at(least_log_odds(least)), math.inf
    found = [
        (one, other)
        for _, first, second, _ in neighbours(profiles.as_pairs, profiles.game_ids, floors, np.arange(len(profiles)))
        for one, other in profiles.character_ids[np.column_stack([first, second])].tolist()
        if one < other and known.same(one, other) is not False
    ]
    return np.array(found, np.int64).reshape(-1, 2)
