"""Clips that came as vectors in a file, without their audio: under roots that say so, and that no scan looks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, delete, exists, select

from speaker_search.catalog.clips import IMPORTED, lock_clips
from speaker_search.catalog.mending.standing import characters_called, ensure_game, lock_names, standing
from speaker_search.catalog.outcomes import Outcome, store_in
from speaker_search.catalog.rows import chunks, ensure, insert_all
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import characters, clips, copies, embeddings, games, queue, roots
from speaker_search.entities import Floats, fold
from speaker_search.sources.candidates import ABSENT

Place: TypeAlias = tuple[str, str]  # the path of a root, and the path in it


@dataclass(frozen=True, slots=True)
class CarriedClip:
    """A clip as a file of voices has it."""

    maker: str
    title: str
    character: str | None  #: None: the speaker is unknown
    root: str  #: the folder or archive that it was in, on the machine that it comes from
    path: str
    text: str
    seconds: float | None
    fingerprint: bytes | None
    vector: Floats  # (dim,), unit length


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of some of them."""

    new: int
    merged: int  #: with an older clip of the same audio in their game
    known: int  #: the catalog had their vectors


@dataclass(frozen=True, slots=True)
class _Label:
    """Ids of a clip's game and character."""

    game: int
    character: int | None


def take_in(connection: Connection, space: Space, some: Sequence[CarriedClip], *, origin: str, own: bool) -> TakenIn:
    """Register and embed clips that came without audio, in one transaction, so that no worker sees them as pending.

    `origin` names the catalog that they come from; `own` says that it is this one. The same audio in the same game is
    not taken in twice.
    """
    by_place: dict[Place, CarriedClip] = {}
    for one in some:
        root = one.root.replace("\\", "/").lstrip("/")
        by_place.setdefault((f"{IMPORTED}{origin}/{root}", one.path), one)
    labels = dict(zip(by_place, _labels(connection, by_place.values()), strict=True))
    places = _places(connection, by_place)
    if own:  # exported from here: they may still be where they were
        here = {(one.root, one.path): place for place, one in by_place.items()}
        places |= {here[place]: id_ for place, id_ in _places(connection, here).items()}
    fresh = by_place.keys() - places.keys()
    fresh -= _heard(connection, space, {place: by_place[place].fingerprint for place in fresh}, labels)
    _insert(connection, {place: by_place[place] for place in by_place if place in fresh}, labels)
    places |= _places(connection, fresh)
    held = _held(connection, space, places.values())
    lacking = {id_: by_place[place] for place, id_ in places.items() if id_ not in held}
    lock_clips(connection, set(lacking))
    for ids in chunks(lacking):
        connection.execute(delete(queue).where(queue.c.encoder_id == space.id, queue.c.clip_id.in_(ids)))
    pending = {"encoder_id": space.id, "status": "pending", "kills": 0}
    insert_all(connection, queue, [pending | {"clip_id": id_} for id_ in lacking])
    stored = store_in(connection, space.id, [_outcome(id_, one) for id_, one in lacking.items()])
    return TakenIn(len(stored.kept) - stored.merged, stored.merged, len(some) - len(stored.kept))


def _labels(connection: Connection, some: Iterable[CarriedClip]) -> list[_Label]:
    """The game and character of each clip, inserted where there are none."""
    lock_names(connection)
    known: dict[tuple[str, str, str | None], _Label] = {}
    cast: dict[int, dict[str, int]] = {}  # of each game, by the row of its name
    found = []
    for one in some:
        names = (one.maker, one.title, one.character)
        if names not in known:
            named = ensure_game(connection, one.maker, one.title)
            game_id = standing(connection, [named], games)[named]
            if named not in cast:
                cast[named] = characters_called(connection, named)
            who = None
            if one.character is not None:
                who = cast[named].get(fold(one.character))
                if who is None:
                    key = fold(one.character)
                    of_game = {"game_id": game_id, "key": key}
                    who = cast[named][key] = ensure(connection, characters, of_game, {"name": one.character})
            known[names] = _Label(game_id, who)
        found.append(known[names])
    return found


def _places(connection: Connection, wanted: Iterable[Place]) -> dict[Place, int]:
    """The ids of the clips at these places, their own or a copy's."""
    by_root: dict[str, list[str]] = {}
    for root, path in wanted:
        by_root.setdefault(root, []).append(path)
    found: dict[Place, int] = {}
    for root, paths in by_root.items():
        root_id = connection.execute(select(roots.c.id).where(roots.c.path == root)).scalar()
        for table, id_ in ((clips, clips.c.id), (copies, copies.c.clip_id)):
            for some in chunks(paths if root_id else ()):
                query = select(table.c.path, id_).where(table.c.root_id == root_id, table.c.path.in_(some))
                found.update(((root, row[0]), row[1]) for row in connection.execute(query))
    return found


def _held(connection: Connection, space: Space, clip_ids: Iterable[int]) -> set[int]:
    """Those of some clips that are embedded in a space."""
    e = embeddings.c
    found: set[int] = set()
    for ids in chunks(clip_ids):
        query = select(e.clip_id).where(e.encoder_id == space.id, e.clip_id.in_(ids))
        found.update(connection.execute(query).scalars())
    return found


def _heard(
    connection: Connection, space: Space, sounds: Mapping[Place, bytes | None], labels: Mapping[Place, _Label]
) -> set[Place]:
    """Those with the audio of an embedded clip of their game that they have nothing to add to."""
    c = clips.c
    embedded = exists().where(embeddings.c.encoder_id == space.id, embeddings.c.clip_id == c.id)
    known: set[tuple[bytes, _Label]] = set()
    for some in chunks(set(sounds.values()) - {None}):
        query = select(c.fingerprint, c.game_id, c.character_id).where(c.fingerprint.in_(some), embedded)
        for fingerprint, game_id, character_id in connection.execute(query):
            known |= {(fingerprint, _Label(game_id, character_id)), (fingerprint, _Label(game_id, None))}
    return {place for place, sound in sounds.items() if sound and (sound, labels[place]) in known}


def _insert(connection: Connection, new: Mapping[Place, CarriedClip], labels: Mapping[Place, _Label]) -> None:
    root_ids = {root: ensure(connection, roots, {"path": root}, {}) for root in {root for root, _ in new}}
    rows: list[dict[str, Any]] = [
        {
            "game_id": labels[place].game,
            "root_id": root_ids[place[0]],
            "path": place[1],
            "character_id": labels[place].character,
            "text": one.text,
            "size": ABSENT,
            "mtime_ns": ABSENT,
            "gone": False,
            "seconds": one.seconds,
            "fingerprint": one.fingerprint,
        }
        for place, one in new.items()
    ]
    insert_all(connection, clips, rows)


def _outcome(clip_id: int, one: CarriedClip) -> Outcome:
    # Storing a length stores the fingerprint too; without one there is nothing to store that the row has not got.
    return Outcome(clip_id, one.seconds if one.fingerprint else None, one.vector, fingerprint=one.fingerprint)
