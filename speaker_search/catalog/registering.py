"""Writing down what a scan found: makers, games, characters and clips, known ones dropped without opening a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, case, delete, exists, literal, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from speaker_search.catalog.chunks import IDS_PER_STATEMENT, chunks
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embedding import lock_spaces, remove_embeddings
from speaker_search.catalog.tables import catalog as catalog_table
from speaker_search.catalog.tables import characters, clips, embeddings, encoders, games, makers, roots, unembedded
from speaker_search.entities import Refusal, fold
from speaker_search.sources import Candidate

ROWS_PER_TRANSACTION = 10_000
TRANSIENT = (Refusal.MISSING, Refusal.UNREADABLE)
MISSING_DETAIL = "A row of the index names this clip, and there is no such file."


@dataclass(slots=True)
class Registered:
    """What registering one game folder did, in clips."""

    new: int = 0
    missing: int = 0  # of the new and changed ones, rows without a file: refused at once
    known: int = 0
    changed: int = 0  # another size or time than last seen: to be embedded anew
    relabelled: int = 0  # another character or text
    gone: int = 0  # known from before, no longer there: kept


@dataclass(frozen=True, slots=True)
class _Known:
    id: int
    size: int
    mtime_ns: int
    character_id: int | None
    text_hash: int


def ensure_space(catalog: Catalog, *, space: str, name: str, dim: int) -> int:
    """The row id of an embedding space, made if it is new."""
    with catalog.write() as connection:
        return _ensure(connection, encoders, {"space": space}, {"name": name, "dim": dim, "changes": 0})


def register(
    catalog: Catalog,
    encoder_id: int,
    *,
    root: Path,
    maker: str,
    title: str,
    candidates: Iterable[Candidate],
    retry_refused: bool = False,
) -> Registered:
    """Write down one game folder's clips, and queue for the encoder those that it has neither embedded nor refused.

    Done in transactions of 10,000 clips: killed in between, the next call goes on from what is there. A file whose size
    and time are those last seen counts as known. Clips that were missing and have been found since lose their old row.
    """
    counts = Registered()
    with catalog.write() as connection:
        maker_id = _ensure(connection, makers, {"key": fold(maker)}, {"name": maker})
        game_id = _ensure(connection, games, {"maker_id": maker_id, "key": fold(title)}, {"title": title})
        root_id = _ensure(connection, roots, {"path": str(root)}, {"game_id": game_id})
        moved = update(roots).where(roots.c.id == root_id, roots.c.game_id != game_id).values(game_id=game_id)
        if connection.execute(moved).rowcount:
            _raise_revision(connection)
    with catalog.read() as connection:
        known = _known_clips(connection, root_id)
    seen: set[int] = set()
    met: set[str] = set()
    for chunk in chunks(candidates, ROWS_PER_TRANSACTION):
        _write_chunk(catalog, chunk, game_id, root_id, known=known, seen=seen, met=met, counts=counts)
    unseen = [clip for clip in known.values() if clip.id not in seen]
    found = [clip.id for clip in unseen if clip.size < 0]
    counts.gone = len(unseen) - len(found)
    with catalog.write() as connection:
        for ids in chunks(found, IDS_PER_STATEMENT):
            connection.execute(delete(unembedded).where(unembedded.c.clip_id.in_(ids)))
            connection.execute(delete(clips).where(clips.c.id.in_(ids)))
        _queue(connection, encoder_id, clips.c.root_id == root_id)
        # A file that the scan saw was not there, or could not be read, when it was its turn: it may be by now.
        _requeue_refused(connection, encoder_id, root_id, None if retry_refused else TRANSIENT)
    return counts


def _write_chunk(
    catalog: Catalog,
    chunk: Sequence[Candidate],
    game_id: int,
    root_id: int,
    *,
    known: dict[str, _Known],
    seen: set[int],
    met: set[str],
    counts: Registered,
) -> None:
    """One transaction: new clips are inserted, changed and relabelled ones updated."""
    with catalog.read() as connection:
        character_ids = _character_ids(connection, game_id)
    wanted: dict[str, str] = {}
    for candidate in chunk:
        if candidate.character is not None:
            wanted.setdefault(fold(candidate.character), candidate.character)
    new: list[dict[str, Any]] = []
    changed: list[tuple[int, Candidate]] = []
    relabelled: list[dict[str, Any]] = []
    unheard = {key: name for key, name in wanted.items() if key not in character_ids}
    if unheard:
        with catalog.write() as connection:
            rows = [{"game_id": game_id, "key": key, "name": name} for key, name in unheard.items()]
            connection.execute(_insert_or_keep(connection, characters), rows)
            character_ids = _character_ids(connection, game_id)
    for candidate in chunk:
        character_id = None if candidate.character is None else character_ids[fold(candidate.character)]
        if candidate.path in met:
            continue  # two rows that name the same missing file are one clip, the first one's
        met.add(candidate.path)
        before = known.get(candidate.path)
        if before is None:
            new.append(
                {
                    "root_id": root_id,
                    "path": candidate.path,
                    "character_id": character_id,
                    "text": candidate.text,
                    "size": candidate.size,
                    "mtime_ns": candidate.mtime_ns,
                }
            )
            continue
        seen.add(before.id)
        same_file = (before.size, before.mtime_ns) == (candidate.size, candidate.mtime_ns)
        same_label = (before.character_id, before.text_hash) == (character_id, hash(candidate.text))
        if not same_file:
            changed.append((before.id, candidate))
        if not same_label:
            relabelled.append({"character_id": character_id, "text": candidate.text, "clip": before.id})
        counts.known += same_file and same_label
    counts.new += len(new)
    counts.missing += sum(row["size"] < 0 for row in new) + sum(candidate.size < 0 for _, candidate in changed)
    counts.changed += len(changed)
    counts.relabelled += len(relabelled)
    if not (new or changed or relabelled):
        return
    with catalog.write() as connection:
        if changed or relabelled:
            lock_spaces(connection)
        if changed:
            _forget_audio(connection, changed)
        if new:
            connection.execute(_insert_or_keep(connection, clips), new)
        for row in relabelled:
            values = {"character_id": row["character_id"], "text": row["text"]}
            connection.execute(update(clips).where(clips.c.id == row["clip"]).values(values))
        if relabelled:
            _raise_revision(connection)


def _forget_audio(connection: Connection, changed: Sequence[tuple[int, Candidate]]) -> None:
    """Other files lie behind these clips now: every space that knew them is to embed or refuse them anew."""
    for some in chunks(changed, IDS_PER_STATEMENT):
        ids = [clip_id for clip_id, _ in some]
        knew: dict[int, list[int]] = {}
        for table in (embeddings, unembedded):
            rows = connection.execute(select(table.c.encoder_id, table.c.clip_id).where(table.c.clip_id.in_(ids)))
            for encoder_id, clip_id in rows:
                knew.setdefault(encoder_id, []).append(clip_id)
        remove_embeddings(connection, ids)
        connection.execute(delete(unembedded).where(unembedded.c.clip_id.in_(ids)))
        for clip_id, candidate in some:
            now = {"size": candidate.size, "mtime_ns": candidate.mtime_ns, "seconds": None}
            connection.execute(update(clips).where(clips.c.id == clip_id).values(now))
        for encoder_id, clip_ids in knew.items():
            _queue(connection, encoder_id, clips.c.id.in_(clip_ids))


def _queue(connection: Connection, encoder_id: int, which: ColumnElement[bool]) -> None:
    """Queue those of the clips that the encoder knows nothing of; a missing one is refused at once."""
    missing = clips.c.size < 0
    held = exists().where(embeddings.c.encoder_id == encoder_id, embeddings.c.clip_id == clips.c.id)
    listed = exists().where(unembedded.c.encoder_id == encoder_id, unembedded.c.clip_id == clips.c.id)
    rows = select(
        literal(encoder_id),
        clips.c.id,
        case((missing, "refused"), else_="pending"),
        case((missing, str(Refusal.MISSING))),
        case((missing, MISSING_DETAIL)),
    ).where(which, ~held, ~listed)
    names = ["encoder_id", "clip_id", "status", "reason", "detail"]
    connection.execute(_insert_or_keep(connection, unembedded).from_select(names, rows))


def _requeue_refused(connection: Connection, encoder_id: int, root_id: int, reasons: Sequence[Refusal] | None) -> None:
    """Have clips of a root whose file is there tried again: those refused for these reasons, or all."""
    with_file = select(clips.c.id).where(clips.c.root_id == root_id, clips.c.size >= 0)
    connection.execute(
        update(unembedded)
        .where(
            and_(unembedded.c.encoder_id == encoder_id, unembedded.c.status == "refused"),
            unembedded.c.clip_id.in_(with_file),
            true() if reasons is None else unembedded.c.reason.in_([str(reason) for reason in reasons]),
        )
        .values(status="pending", reason=None, detail=None)
    )


def _known_clips(connection: Connection, root_id: int) -> dict[str, _Known]:
    columns = (clips.c.path, clips.c.id, clips.c.size, clips.c.mtime_ns, clips.c.character_id, clips.c.text)
    rows = connection.execute(select(*columns).where(clips.c.root_id == root_id))
    return {path: _Known(id_, size, mtime, char, hash(text)) for path, id_, size, mtime, char, text in rows}


def _character_ids(connection: Connection, game_id: int) -> dict[str, int]:
    rows = connection.execute(select(characters.c.key, characters.c.id).where(characters.c.game_id == game_id))
    return {row[0]: row[1] for row in rows}


def _ensure(connection: Connection, table: Table, key: dict[str, Any], rest: dict[str, Any]) -> int:
    """The id of the row with this key, inserted first if there is none; a name stays as it was first written."""
    where = and_(*(table.c[name] == value for name, value in key.items()))
    found = connection.execute(select(table.c.id).where(where)).scalar()
    if found is None:
        connection.execute(_insert_or_keep(connection, table).values({**key, **rest}))
        found = connection.execute(select(table.c.id).where(where)).scalar_one()
    return int(found)


def _raise_revision(connection: Connection) -> None:
    connection.execute(update(catalog_table).values(revision=catalog_table.c.revision + 1))


def _insert_or_keep(connection: Connection, table: Table) -> Any:
    """An insert that leaves a row alone which another program has just made."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()
