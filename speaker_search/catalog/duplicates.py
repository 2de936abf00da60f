"""Clips of the same audio: one clip with several places within a game, separate clips in different games."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from hashlib import blake2b
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, and_, delete, exists, func, insert, or_, select, update

from speaker_search.catalog import log
from speaker_search.catalog.embeddings import vectors_of
from speaker_search.catalog.log import Change
from speaker_search.catalog.mending.standing import standing
from speaker_search.catalog.rows import chunks, stream
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import characters, clips, copies, embeddings, queue
from speaker_search.entities import Floats, Ids

# Built once: making an alias takes SQLAlchemy milliseconds.
_ELDER, _YOUNGER = clips.alias("elder"), clips.alias("younger")
_SAME_AUDIO = select(_YOUNGER.c.id, _ELDER.c.id).join_from(
    _YOUNGER,
    _ELDER,
    and_(
        _ELDER.c.fingerprint == _YOUNGER.c.fingerprint,
        _ELDER.c.game_id == _YOUNGER.c.game_id,
        _ELDER.c.id != _YOUNGER.c.id,
        or_(
            _ELDER.c.gone,
            _ELDER.c.character_id.is_(None),
            _YOUNGER.c.character_id.is_(None),
            _ELDER.c.character_id == _YOUNGER.c.character_id,
        ),
    ),
)


def games_with(connection: Connection, fingerprints: Iterable[bytes]) -> set[int]:
    """The games that hold some of this audio."""
    found: set[int] = set()
    for some in chunks(set(fingerprints)):
        found.update(connection.execute(select(clips.c.game_id).where(clips.c.fingerprint.in_(some))).scalars())
    return found


def speakers_of(connection: Connection, fingerprints: Iterable[bytes]) -> dict[bytes, set[int]]:
    """The characters (ids) that are known to speak each of these sounds."""
    found: dict[bytes, set[int]] = {}
    for some in chunks(set(fingerprints)):
        heard = select(clips.c.fingerprint, clips.c.character_id).where(clips.c.fingerprint.in_(some))
        for sound, character in connection.execute(heard.where(clips.c.character_id.is_not(None))):
            found.setdefault(sound, set()).add(character)
    return found


def known_vectors(connection: Connection, space: Space, fingerprints: Iterable[bytes]) -> dict[bytes, Floats]:
    """The vectors (dim,) that a space already holds for some of these fingerprints: same audio, same vector."""
    by_clip: dict[int, bytes] = {}
    for some in chunks(set(fingerprints)):
        rows = connection.execute(select(clips.c.id, clips.c.fingerprint).where(clips.c.fingerprint.in_(some)))
        by_clip.update((row[0], row[1]) for row in rows)
    vectors = vectors_of(connection, space, list(by_clip))
    return {by_clip[id_]: vector for id_, vector in vectors.items()}


def pairs(connection: Connection, decoded: Sequence[int]) -> dict[int, int]:
    """For clips just decoded, the clip of the same game with the same audio, if any: elder id by younger id.

    The elder is one decoded earlier, or among those decoded together the one with the lower id. Clips of two different
    characters are only paired when the elder's file is gone: it was moved.
    """
    together = set(decoded)
    found: dict[int, int] = {}
    for some in chunks(decoded):
        for young, old in connection.execute(_SAME_AUDIO.where(_YOUNGER.c.id.in_(some))):
            if old not in together or old < young:
                found[young] = min(found.get(young, old), old, key=lambda id_: (id_ in together, id_))
    return found


def merge(connection: Connection, elders: Mapping[int, int]) -> tuple[dict[int, int], list[Change]]:
    """Merge clips into their elders from `pairs`; returns the clip that each was merged into, and the log's entries.

    The elder gets the younger one's path as a copy. It also gets what it lacks: a character, a text, and in every space
    an embedding or a queue entry. When its own file is gone, as after a move, it gets the younger one's path, character
    and text as its own. The caller must have locked all of these clips.
    """
    merged: dict[int, int] = {}
    entries: list[Change] = []
    for young, old in sorted(elders.items()):
        kept = merged.get(old, old)
        rows = {row.id: row for row in connection.execute(select(clips).where(clips.c.id.in_((young, kept))))}
        speakers = {row.character_id for row in rows.values()} - {None}
        if len(rows) == 2 and (len(speakers) < 2 or rows[kept].gone):
            entries += _absorb(connection, rows[young], rows[kept])
            merged[young] = kept
    return merged, entries


def repeated(connection: Connection, space: Space) -> Ids:
    """The ids (n,) of a space's clips whose audio another game keeps: of those that have it, the one with the most
    clips. Their speakers are known.
    """
    c, e = clips.c, embeddings.c
    several = select(c.fingerprint).where(c.fingerprint.is_not(None)).group_by(c.fingerprint)
    several = several.having(func.min(c.game_id) < func.max(c.game_id))
    same = several.subquery()
    held = exists().where(e.encoder_id == space.id, e.clip_id == c.id)
    rows = select(c.fingerprint, c.game_id, c.id).join(same, same.c.fingerprint == c.fingerprint)
    rows = rows.where(c.character_id.is_not(None), held).order_by(c.id)
    heard = [(sound, game, id_) for sound, game, id_ in chain.from_iterable(stream(connection, rows))]
    place = _keeping_first(connection, {game for _, game, _ in heard})
    keeper: dict[bytes, int] = {}
    for sound, game, _ in heard:
        keeper[sound] = min(keeper.get(sound, game), game, key=place.__getitem__)
    return np.array([id_ for sound, game, id_ in heard if keeper[sound] != game], np.int64)


def _keeping_first(connection: Connection, of: Set[int]) -> dict[int, int]:
    """The place of each game among these: the one with the most clips comes first, so a game before its trial version.

    Which was taken in first decides only between games with exactly the same audio.
    """
    c = clips.c
    counts: dict[int, int] = {}
    for some in chunks(of):
        counted = select(c.game_id, func.count(c.fingerprint)).where(c.game_id.in_(some)).group_by(c.game_id)
        counts.update((game, count) for game, count in connection.execute(counted))
    alike = Counter(counts.values())
    audio = {game: _audio_of(connection, game) if alike[count] > 1 else b"" for game, count in counts.items()}
    order = sorted(counts, key=lambda game: (-counts[game], audio[game], game))
    return {game: place for place, game in enumerate(order)}


def _audio_of(connection: Connection, game: int) -> bytes:
    """A hash of all audio of a game."""
    c = clips.c
    heard = select(c.fingerprint).where(c.game_id == game, c.fingerprint.is_not(None))
    return blake2b(b"".join(sorted(connection.execute(heard).scalars())), digest_size=16).digest()


def recordings(connection: Connection, space: Space) -> tuple[Ids, Ids]:
    """The clips (n,) of a space by id, and numbers (n,) that are equal for clips of the same audio."""
    c, e = clips.c, embeddings.c
    query = select(c.id, c.fingerprint).join(embeddings, e.clip_id == c.id).where(e.encoder_id == space.id)
    numbers: dict[object, int] = {}
    found = [
        (id_, numbers.setdefault(id_ if sound is None else sound, len(numbers)))
        for id_, sound in chain.from_iterable(stream(connection, query.order_by(c.id)))
    ]
    both = np.array(found, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def detach_copies(connection: Connection, clip_ids: Sequence[int]) -> list[int]:
    """Turn the copies of clips whose own files have changed into separate clips; returns the new ids."""
    new_ids: list[int] = []
    for some in chunks(clip_ids):
        games = dict(connection.execute(select(clips.c.id, clips.c.game_id).where(clips.c.id.in_(some))).all())
        # A clip may have moved to another game since: a copy's character stays in the game that the copy was found in.
        speakers = select(copies.c.character_id).where(copies.c.clip_id.in_(some), copies.c.character_id.is_not(None))
        now = standing(connection, connection.execute(speakers).scalars())
        theirs = select(characters.c.id, characters.c.game_id).where(characters.c.id.in_(set(now.values())))
        of_character = dict(connection.execute(theirs).all())
        # RETURNING gives the copies that still existed: another scan may have made clips of some in the meantime.
        for row in connection.execute(delete(copies).where(copies.c.clip_id.in_(some)).returning(copies)).all():
            own = {name: getattr(row, name) for name in ("root_id", "path", "text", "size", "mtime_ns")}
            who = now.get(row.character_id)
            game_id = of_character.get(who, games[row.clip_id])
            new = insert(clips).values(**own, character_id=who, game_id=game_id, gone=False)
            new_ids.append(int(connection.execute(new.returning(clips.c.id)).scalar_one()))
    return new_ids


def _absorb(connection: Connection, young: Row[Any], old: Row[Any]) -> list[Change]:
    """Give `old` what `young` has, and delete `young`."""
    moved = old.gone and not young.gone
    character = (moved and young.character_id) or old.character_id or young.character_id
    entries = []
    if character != old.character_id:
        entries += log.relabelled(connection, [(old.id, old.character_id, character)])
    entries += log.removals(connection, [young.id])
    entries += _take_over_embeddings(connection, young.id, old.id, character)
    _take_over_queue(connection, young.id, old.id)
    connection.execute(update(copies).where(copies.c.clip_id == young.id).values(clip_id=old.id))
    connection.execute(delete(clips).where(clips.c.id == young.id))
    place = {"root_id": young.root_id, "path": young.path, "size": young.size, "mtime_ns": young.mtime_ns}
    taken: dict[str, Any] = {"character_id": character}
    if moved:
        taken |= place | {"gone": False}
    elif not young.gone:
        label = {"character_id": young.character_id, "text": young.text}
        connection.execute(insert(copies).values(**place, **label, clip_id=old.id))
    if not old.text or (moved and young.text):
        taken["text"] = young.text
    connection.execute(update(clips).where(clips.c.id == old.id).values(**taken))
    return entries


def _take_over_embeddings(connection: Connection, young: int, old: int, character: int | None) -> list[Change]:
    """Move embeddings to the elder in the spaces where it has none, and take it off their queues."""
    e = embeddings.c
    held = set(connection.execute(select(e.encoder_id).where(e.clip_id == old)).scalars())
    brought = connection.execute(select(e.encoder_id, e.vector).where(e.clip_id == young)).all()
    connection.execute(delete(embeddings).where(e.clip_id == young))
    entries = []
    for space_id, vector in brought:
        if space_id not in held:
            connection.execute(delete(queue).where(queue.c.encoder_id == space_id, queue.c.clip_id == old))
            connection.execute(insert(embeddings).values(encoder_id=space_id, clip_id=old, vector=vector))
            entries.append(Change(space_id, "embedded", old, None, character))
    return entries


def _take_over_queue(connection: Connection, young: int, old: int) -> None:
    """Move queue entries to the elder in the spaces that have nothing for it; a claimed one becomes pending again."""
    q, e = queue.c, embeddings.c
    known = set(connection.execute(select(e.encoder_id).where(e.clip_id == old)).scalars())
    known |= set(connection.execute(select(q.encoder_id).where(q.clip_id == old)).scalars())
    brought = connection.execute(select(queue).where(q.clip_id == young)).all()
    connection.execute(delete(queue).where(q.clip_id == young))
    for row in brought:
        if row.encoder_id not in known:
            status = "refused" if row.status == "refused" else "pending"
            values = {"kills": row.kills, "reason": row.reason, "detail": row.detail}
            connection.execute(insert(queue).values(encoder_id=row.encoder_id, clip_id=old, status=status, **values))
