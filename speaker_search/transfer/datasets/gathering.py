"""The clips of a space that a data set may be made of."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy import Connection, exists, func, select

from speaker_search.catalog import tables
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.catalog.people import games_called, makers_called
from speaker_search.catalog.rows import stream
from speaker_search.catalog.spaces import Space
from speaker_search.entities import Character, Ids
from speaker_search.search.calibration import least_log_odds
from speaker_search.search.live import Ready
from speaker_search.search.profiles.neighbours import neighbours
from speaker_search.transfer.datasets.splits import Bools, Lines


def gathered(connection: Connection, space: Space) -> tuple[Lines, Ids, int]:
    """All embedded clips of known characters; the ids of those without a text; and how many have no character."""
    c, e = tables.clips.c, tables.embeddings.c
    held = exists().where(e.encoder_id == space.id, e.clip_id == c.id)
    known = c.character_id.is_not(None)
    query = select(c.id, c.character_id, c.game_id, c.seconds, c.fingerprint, c.text).where(held, known).order_by(c.id)
    numbers, seconds, wordless = [np.empty((0, 4), np.int64)], [np.empty(0)], []
    numbered: dict[bytes, int] = {}
    for rows in stream(connection, query):
        part = [
            (row[0], row[1], row[2], -row[0] if row[4] is None else numbered.setdefault(row[4], len(numbered)))
            for row in rows
        ]
        numbers.append(np.array(part, np.int64))
        seconds.append(np.array([row[3] or 0.0 for row in rows]))
        wordless += [row[0] for row in rows if not row[5].strip()]
    unknown = connection.execute(select(func.count()).select_from(tables.clips).where(held, ~known)).scalar_one()
    ids, characters, games, sounds = np.concatenate(numbers).T
    return Lines(ids, characters, games, np.concatenate(seconds), sounds), np.array(wordless, np.int64), int(unknown)


def within(connection: Connection, lines: Lines, makers: Sequence[str], titles: Sequence[str]) -> Bools:
    """Which lines (n,) are of these makers and games; all where none are named. Raises NotFoundError."""
    g = tables.games.c
    wanted = []
    if makers:
        wanted.append(g.maker_id.in_(makers_called(connection, makers)))
    if titles:
        wanted.append(g.id.in_(games_called(connection, titles)))
    games = connection.execute(select(g.id).where(*wanted)).scalars().all()
    return np.isin(lines.games, games)


def speaker_names(characters: Iterable[Character]) -> dict[int, str]:
    """A name for each character that no other one has, by id: its own, or that with its game, and with its maker."""
    named = {
        one.id: (one.name, f"{one.name} ({one.game.title})", f"{one.name} ({one.game.title}, {one.game.maker.name})")
        for one in characters
    }
    counts = [Counter(names[level] for names in named.values()) for level in range(3)]
    return {
        id_: next((names[level] for level in range(2) if counts[level][names[level]] == 1), names[2])
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
