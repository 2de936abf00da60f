"""Looking things up: makers, games, characters, clips, by id, by name, in pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, func, select

from speaker_search.catalog.chunks import IDS_PER_STATEMENT, chunks
from speaker_search.catalog.embedding import Space
from speaker_search.catalog.tables import catalog as catalog_table
from speaker_search.catalog.tables import characters, clips, copies, embeddings, games, makers, roots, unembedded
from speaker_search.entities import Character, Clip, Game, Ids, Maker, fold
from speaker_search.errors import NotFoundError, UsageError

LABELS_PER_READ = 100_000
MAX_ID = 2**63 - 1  # of any row, in either database


@dataclass(frozen=True, slots=True)
class RefusedClip:
    """A clip that an encoder did not embed, and why."""

    id: int
    path: Path
    reason: str
    detail: str


def revision(connection: Connection) -> int:
    """A number that is raised whenever names or labels change."""
    return int(connection.execute(select(catalog_table.c.revision)).scalar_one())


def all_games(connection: Connection) -> list[Game]:
    columns = (games.c.id, games.c.title, makers.c.id, makers.c.name)
    rows = connection.execute(select(*columns).join_from(games, makers).order_by(games.c.id))
    return [Game(id_, title, Maker(maker_id, name)) for id_, title, maker_id, name in rows]


def list_characters(
    connection: Connection,
    space: Space | None,
    *,
    maker: str | None = None,
    game: str | None = None,
    name: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Character]:
    """Characters by id from `after` on, with their clips in a space; maker, game and name compare folded."""
    query = _characters().where(characters.c.id > after).order_by(characters.c.id).limit(limit)
    for column, wanted in ((makers.c.key, maker), (games.c.key, game), (characters.c.key, name)):
        if wanted is not None:
            query = query.where(column == fold(wanted))
    return _with_counts(connection, space, connection.execute(query).all())


def characters_by_id(connection: Connection, space: Space | None, ids: Iterable[int]) -> dict[int, Character]:
    found: dict[int, Character] = {}
    for some in chunks(ids, IDS_PER_STATEMENT):
        rows = connection.execute(_characters().where(characters.c.id.in_(some))).all()
        found.update((character.id, character) for character in _with_counts(connection, space, rows))
    return found


def find_character(connection: Connection, space: Space | None, wanted: str) -> Character:
    """The character that an id or `maker/game/name` means. Raises NotFoundError, and UsageError when several fit.

    Names may contain slashes themselves, so every way to cut the three parts is tried.
    """
    if wanted.isascii() and wanted.isdecimal():
        id_ = int(wanted) if len(wanted) < 20 else MAX_ID
        found = list(characters_by_id(connection, space, [min(id_, MAX_ID)]).values())
    else:
        pieces = wanted.split("/")
        if len(pieces) < 3:
            raise UsageError(f"{wanted!r} names no character.", "Write maker/game/name, or the character's id.")
        found = []
        for first in range(1, len(pieces) - 1):
            for second in range(first + 1, len(pieces)):
                maker, game = "/".join(pieces[:first]), "/".join(pieces[first:second])
                name = "/".join(pieces[second:])
                found += list_characters(connection, space, maker=maker, game=game, name=name)
    if not found:
        raise NotFoundError(f"There is no character {wanted}.", "`spksearch catalog list` shows those there are.")
    if len(found) > 1:
        ids = ", ".join(str(character.id) for character in found)
        raise UsageError(f"{wanted} may mean several characters: {ids}.", "Give the id.")
    return found[0]


def find_games(connection: Connection, title: str) -> list[Game]:
    """The games of that title (more than one when makers share it). Raises NotFoundError."""
    found = [game for game in all_games(connection) if fold(game.title) == fold(title)]
    if not found:
        raise NotFoundError(f"There is no game {title}.", "`spksearch catalog list` shows those there are.")
    return found


def find_maker(connection: Connection, name: str) -> Maker:
    """The maker of that name. Raises NotFoundError."""
    row = connection.execute(select(makers.c.id, makers.c.name).where(makers.c.key == fold(name))).first()
    if row is None:
        raise NotFoundError(f"There is no maker {name}.", "`spksearch catalog list` shows those there are.")
    return Maker(*row)


def clips_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, Clip]:
    found: dict[int, Clip] = {}
    c = clips.c
    columns = (c.id, roots.c.path, c.path, c.text, c.seconds, c.character_id, c.game_id, c.audio_hash)
    for some in chunks(ids, IDS_PER_STATEMENT):
        rows = connection.execute(select(*columns).join_from(clips, roots).where(c.id.in_(some)))
        for id_, root, path, *rest in rows:
            found[id_] = Clip(id_, Path(root) / path, *rest)
    return found


def speakers_of(connection: Connection, clip_ids: Sequence[int]) -> dict[int, int]:
    """Whose the clips are: character ids by clip id, without those that nobody is known to speak."""
    found: dict[int, int] = {}
    for some in chunks(clip_ids, IDS_PER_STATEMENT):
        query = select(clips.c.id, clips.c.character_id).where(clips.c.id.in_(some), clips.c.character_id.is_not(None))
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def clips_of(connection: Connection, character_id: int, *, limit: int) -> list[Clip]:
    """The first clips of a character, by id."""
    query = select(clips.c.id).where(clips.c.character_id == character_id).order_by(clips.c.id).limit(limit)
    return sorted(clips_by_id(connection, list(connection.execute(query).scalars())).values(), key=lambda clip: clip.id)


def addresses(connection: Connection, clip_id: int) -> list[tuple[Path, str]]:
    """Where a clip's audio lies: folders or archives, and names in them, its own first. Raises NotFoundError."""
    found: list[tuple[Path, str]] = []
    for table, key in ((clips, clips.c.id), (copies, copies.c.clip_id)):
        query = select(roots.c.path, table.c.path).join_from(table, roots).where(key == clip_id)
        found += [(Path(root), name) for root, name in connection.execute(query)]
    if not found:
        raise NotFoundError(f"There is no clip {clip_id}.")
    return found


def clip_labels(connection: Connection, space: Space) -> tuple[Ids, Ids, Ids]:
    """Of all embedded clips, by clip id: clip ids, character ids (-1: nobody knows) and game ids, each (n,)."""
    query = (
        select(clips.c.id, func.coalesce(clips.c.character_id, -1), clips.c.game_id)
        .join_from(embeddings, clips)
        .where(embeddings.c.encoder_id == space.id)
        .order_by(clips.c.id)
        .execution_options(yield_per=LABELS_PER_READ)
    )
    rows = chain.from_iterable(connection.execute(query))
    table = np.fromiter(rows, np.int64).reshape(-1, 3)
    return table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy()


def clip_ids_of(connection: Connection, space: Space, character_ids: Sequence[int]) -> dict[int, list[int]]:
    """The embedded clips of some characters, by character id."""
    found: dict[int, list[int]] = {id_: [] for id_ in character_ids}
    for some in chunks(character_ids, IDS_PER_STATEMENT):
        query = select(clips.c.character_id, clips.c.id).join_from(clips, embeddings)
        of_these = (embeddings.c.encoder_id == space.id) & clips.c.character_id.in_(some)
        for character_id, clip_id in connection.execute(query.where(of_these)):
            found[character_id].append(clip_id)
    return found


def clip_ids_in(connection: Connection, space: Space, game_ids: Sequence[int]) -> Ids:
    """The embedded clips of some games, unknown speakers' among them."""
    found: list[int] = []
    for some in chunks(game_ids, IDS_PER_STATEMENT):
        query = select(clips.c.id).join_from(clips, embeddings)
        of_these = (embeddings.c.encoder_id == space.id) & clips.c.game_id.in_(some)
        found += connection.execute(query.where(of_these)).scalars()
    return np.array(found, np.int64)


def seconds_of(connection: Connection, space: Space, character_id: int) -> float:
    """How much embedded audio a character has, in seconds."""
    query = select(func.coalesce(func.sum(clips.c.seconds), 0.0)).join_from(clips, embeddings)
    of_it = (embeddings.c.encoder_id == space.id) & (clips.c.character_id == character_id)
    return float(connection.execute(query.where(of_it)).scalar_one())


def refused_clips(connection: Connection, space: Space, *, reason: str | None = None) -> Iterator[RefusedClip]:
    """Every clip that a space's encoder refused, by id, with its reason."""
    c = unembedded.c
    query = (
        select(clips.c.id, roots.c.path, clips.c.path, c.reason, c.detail)
        .join_from(unembedded, clips, c.clip_id == clips.c.id)
        .join(roots, roots.c.id == clips.c.root_id)
        .where(c.encoder_id == space.id, c.status == "refused")
        .order_by(clips.c.id)
    )
    if reason is not None:
        query = query.where(c.reason == reason)
    for id_, root, path, why, detail in connection.execute(query):
        yield RefusedClip(id_, Path(root) / path, why, detail or "")


def count_characters(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(characters)).scalar_one())


def _characters() -> Select[Any]:
    columns = (characters.c.id, characters.c.name, games.c.id, games.c.title, makers.c.id, makers.c.name)
    return select(*columns).join_from(characters, games).join(makers)


def _with_counts(connection: Connection, space: Space | None, rows: Sequence[Any]) -> list[Character]:
    counts: dict[int, int] = {}
    if space is not None:
        for ids in chunks((row[0] for row in rows), IDS_PER_STATEMENT):
            query = (
                select(clips.c.character_id, func.count())
                .join_from(clips, embeddings)
                .where(embeddings.c.encoder_id == space.id, clips.c.character_id.in_(ids))
                .group_by(clips.c.character_id)
            )
            counts.update((id_, count) for id_, count in connection.execute(query))
    return [
        Character(id_, name, Game(game_id, title, Maker(maker_id, maker)), counts.get(id_, 0))
        for id_, name, game_id, title, maker_id, maker in rows
    ]
