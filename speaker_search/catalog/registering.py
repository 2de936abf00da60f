"""Writing down what a scan found: makers, games, characters and clips, known ones dropped without opening a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, case, delete, exists, func, literal, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from speaker_search.catalog.chunks import IDS_PER_STATEMENT, chunks
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embedding import lock_spaces, raise_revision, remove_embeddings
from speaker_search.catalog.gone import settle_unmet
from speaker_search.catalog.identity import detach_copies
from speaker_search.catalog.known import KnownClips
from speaker_search.catalog.tables import (
    characters,
    clips,
    copies,
    embeddings,
    encoders,
    games,
    makers,
    roots,
    unembedded,
)
from speaker_search.entities import Refusal, fold
from speaker_search.sources import Candidate

ROWS_PER_TRANSACTION = 10_000
TRANSIENT = (Refusal.MISSING, Refusal.UNREADABLE)
MISSING_DETAIL = "A row of the index names this clip, and there is no such file."


@dataclass(slots=True)
class Registered:
    """What registering one game's clips did, in clips."""

    new: int = 0
    missing: int = 0  # of the new and changed ones, rows without a file: refused at once
    known: int = 0
    changed: int = 0  # another size or time than last seen: to be embedded anew
    relabelled: int = 0  # another game, character or text
    gone: int = 0  # known from before, no longer there: kept


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
    is_there: Callable[[str], bool] = lambda _: False,
) -> Registered:
    """Write down one game's clips in a root, and queue for the encoder those that it has neither embedded nor refused.

    Done in transactions of 10,000 clips: killed in between, the next call goes on from what is there. A file whose size
    and time are those last seen counts as known. Clips that were missing and have been found since lose their old row;
    others that are not met any more are kept, and marked as gone unless their file `is_there` (a list may have dropped
    it, or another one name it).
    """
    with catalog.write() as connection:
        maker_id = _ensure(connection, makers, {"key": fold(maker)}, {"name": maker})
        game_id = _ensure(connection, games, {"maker_id": maker_id, "key": fold(title)}, {"title": title})
        root_id = _ensure(connection, roots, {"path": str(root)}, {})
    with catalog.read() as connection:
        known = KnownClips(connection, root_id, game_id)
        shared = connection.execute(
            select(exists().where(clips.c.root_id == root_id, clips.c.game_id != game_id))
        ).scalar_one()
    chunk_of = _Chunks(catalog, game_id, root_id, known, shared=shared)
    for chunk in chunks(candidates, ROWS_PER_TRANSACTION):
        chunk_of.write(chunk)
    counts = chunk_of.counts
    with catalog.write() as connection:
        lock_spaces(connection)
        counts.gone = settle_unmet(connection, known, is_there)
        _queue(connection, encoder_id, and_(clips.c.root_id == root_id, clips.c.game_id == game_id))
        # A file that the scan saw was not there, or could not be read, when it was its turn: it may be by now.
        _requeue_refused(connection, encoder_id, root_id, game_id, None if retry_refused else TRANSIENT)
    return counts


class _Chunks:
    """Candidates of one game in one root, written down a transaction at a time."""

    def __init__(self, catalog: Catalog, game_id: int, root_id: int, known: KnownClips, *, shared: bool) -> None:
        self.counts = Registered()
        self._catalog = catalog
        self._game_id = game_id
        self._root_id = root_id
        self._known = known
        self._shared = shared  # the root has clips of other games, some of which may turn out to be this one's
        self._ids_by_name: dict[str, int] = {}  # as spelled in the candidates so far
        with catalog.read() as connection:
            self._character_ids = _character_ids(connection, game_id)

    def write(self, chunk: Sequence[Candidate]) -> None:
        """One transaction: new clips are inserted, changed and relabelled ones updated."""
        self._name_characters(chunk)
        new: list[dict[str, Any]] = []
        changed: list[tuple[int, Candidate]] = []
        relabelled: list[tuple[int, dict[str, Any]]] = []
        if self._shared:
            with self._catalog.read() as connection:
                self._known.look_up(connection, [candidate.path for candidate in chunk])
        for candidate in chunk:
            label = (self._game_id, self._character(candidate) or 0, hash(candidate.text))
            if self._known.meet_same(candidate.path, candidate.size, candidate.mtime_ns, label):
                self.counts.known += 1
                continue
            if self._known.met(candidate.path):
                continue  # two rows that name the same missing file are one clip, the first one's
            if candidate.size < 0 and self._known.vanished(candidate.path):
                continue  # not met: what there is of it is kept
            before = self._known.meet(candidate.path)
            if before is None:
                new.append(self._row(candidate))
                continue
            same_file = (before.size, before.mtime_ns) == (candidate.size, candidate.mtime_ns)
            if before.copy:
                # Other audio, or another's line, is another clip than the one it was a copy of.
                if same_file and label[1] in (0, before.label[1]):
                    self.counts.known += 1
                else:
                    new.append(self._row(candidate))
                continue
            wanted = {"game_id": self._game_id, "character_id": self._character(candidate), "text": candidate.text}
            if self._known.is_copied(before.id):  # what its own place does not tell, another has told
                wanted = {name: value for name, value in wanted.items() if value}
                label = (label[0], label[1] or before.label[1], label[2] if candidate.text else before.label[2])
            if not same_file:
                changed.append((before.id, candidate))
            if before.label != label:
                relabelled.append((before.id, wanted))
            self.counts.known += same_file and before.label == label
        self._count(new, changed, relabelled)
        if new or changed or relabelled:
            self._commit(new, changed, relabelled)

    def _count(self, new: list[dict[str, Any]], changed: list[Any], relabelled: list[Any]) -> None:
        self.counts.new += len(new)
        self.counts.missing += sum(row["size"] < 0 for row in new) + sum(each.size < 0 for _, each in changed)
        self.counts.changed += len(changed)
        self.counts.relabelled += len(relabelled)

    def _commit(
        self,
        new: list[dict[str, Any]],
        changed: list[tuple[int, Candidate]],
        relabelled: list[tuple[int, dict[str, Any]]],
    ) -> None:
        with self._catalog.write() as connection:
            lock_spaces(connection)
            if changed:
                _forget_audio(connection, changed)
            if new:
                for some in chunks([row["path"] for row in new], IDS_PER_STATEMENT):
                    here = (copies.c.root_id == self._root_id) & copies.c.path.in_(some)
                    connection.execute(delete(copies).where(here))
                _insert_all_or_keep(connection, clips, new)
            for clip_id, label in relabelled:
                connection.execute(update(clips).where(clips.c.id == clip_id).values(**label))
            if relabelled:
                raise_revision(connection)

    def _name_characters(self, chunk: Sequence[Candidate]) -> None:
        """Write down the characters of a chunk that the game does not have yet."""
        names = {candidate.character for candidate in chunk if candidate.character is not None}
        if not names <= self._ids_by_name.keys():
            unheard: dict[str, str] = {}  # of two spellings of a name the one that comes first is written down
            for name in (one.character for one in chunk if one.character is not None):
                if name not in self._ids_by_name and (key := fold(name)) not in self._character_ids:
                    unheard.setdefault(key, name)
            if unheard:
                with self._catalog.write() as connection:
                    lock_spaces(connection)  # two scans that wait for each other's names would wait forever
                    rows = [{"game_id": self._game_id, "key": key, "name": name} for key, name in unheard.items()]
                    connection.execute(_insert_or_keep(connection, characters), rows)
                    self._character_ids = _character_ids(connection, self._game_id)
            self._ids_by_name.update({name: self._character_ids[fold(name)] for name in names})

    def _character(self, candidate: Candidate) -> int | None:
        return None if candidate.character is None else self._ids_by_name[candidate.character]

    def _row(self, candidate: Candidate) -> dict[str, Any]:
        return {
            "game_id": self._game_id,
            "root_id": self._root_id,
            "path": candidate.path,
            "character_id": self._character(candidate),
            "text": candidate.text,
            "size": candidate.size,
            "mtime_ns": candidate.mtime_ns,
            "gone": False,
        }


def _forget_audio(connection: Connection, changed: Sequence[tuple[int, Candidate]]) -> None:
    """Other files lie behind these clips now: every space that knew them is to embed or refuse them anew."""
    for some in chunks(changed, IDS_PER_STATEMENT):
        ids = [clip_id for clip_id, _ in some]
        knew: dict[int, list[int]] = {}
        for table in (embeddings, unembedded):
            rows = connection.execute(select(table.c.encoder_id, table.c.clip_id).where(table.c.clip_id.in_(ids)))
            for encoder_id, clip_id in rows:
                knew.setdefault(encoder_id, []).append(clip_id)
        detached = detach_copies(connection, ids)
        remove_embeddings(connection, ids)
        connection.execute(delete(unembedded).where(unembedded.c.clip_id.in_(ids)))
        for clip_id, candidate in some:
            now = {"size": candidate.size, "mtime_ns": candidate.mtime_ns, "seconds": None, "audio_hash": None}
            connection.execute(update(clips).where(clips.c.id == clip_id).values(now))
        for encoder_id, clip_ids in knew.items():
            _queue(connection, encoder_id, clips.c.id.in_([*clip_ids, *detached]))


def _queue(connection: Connection, encoder_id: int, which: ColumnElement[bool]) -> None:
    """Queue those of the clips that the encoder knows nothing of; a missing one is refused at once."""
    missing = clips.c.size < 0
    held = exists().where(embeddings.c.encoder_id == encoder_id, embeddings.c.clip_id == clips.c.id)
    listed = exists().where(unembedded.c.encoder_id == encoder_id, unembedded.c.clip_id == clips.c.id)
    rows = select(
        literal(encoder_id),
        clips.c.id,
        case((missing, "refused"), else_="pending"),
        literal(0),
        case((missing, str(Refusal.MISSING))),
        case((missing, MISSING_DETAIL)),
    ).where(which, ~held, ~listed)
    names = ["encoder_id", "clip_id", "status", "kills", "reason", "detail"]
    connection.execute(_insert_or_keep(connection, unembedded).from_select(names, rows))


def _requeue_refused(
    connection: Connection, encoder_id: int, root_id: int, game_id: int, reasons: Sequence[Refusal] | None
) -> None:
    """Have clips whose file is there tried again: those refused for these reasons, or all."""
    with_file = select(clips.c.id).where(clips.c.root_id == root_id, clips.c.game_id == game_id, clips.c.size >= 0)
    connection.execute(
        update(unembedded)
        .where(
            and_(unembedded.c.encoder_id == encoder_id, unembedded.c.status == "refused"),
            unembedded.c.clip_id.in_(with_file),
            true() if reasons is None else unembedded.c.reason.in_([str(reason) for reason in reasons]),
        )
        .values(status="pending", kills=0, reason=None, detail=None)
    )


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


def _insert_or_keep(connection: Connection, table: Table) -> Any:
    """An insert that leaves a row alone which another program has just made."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


def _insert_all_or_keep(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """The same for many rows of the same columns: PostgreSQL takes columns at once ten times as fast as rows."""
    if connection.dialect.name != "postgresql":
        connection.execute(_insert_or_keep(connection, table), rows)
        return
    names = list(rows[0])
    columns = [literal([row[name] for row in rows], postgresql.ARRAY(table.c[name].type)) for name in names]
    given = func.unnest(*columns).table_valued(*names).render_derived()
    connection.execute(_insert_or_keep(connection, table).from_select(names, select(given)))
