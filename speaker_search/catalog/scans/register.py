"""Registering what a scan found: makers, games, characters and clips. Known files are skipped without opening them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, select, update

from speaker_search.catalog import log
from speaker_search.catalog.clips import lock_clips
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.duplicates import detach_copies
from speaker_search.catalog.embeddings import delete_embeddings
from speaker_search.catalog.log import Change
from speaker_search.catalog.mending.standing import characters_called, ensure_game, is_merged, lock_names, standing
from speaker_search.catalog.rows import chunks, ensure, insert_all, insert_or_keep, reserve_ids
from speaker_search.catalog.scans.enqueue import (
    ROWS_PER_TRANSACTION,
    TRANSIENT,
    enqueue,
    enqueue_all,
    enqueue_new,
    requeue_refused,
)
from speaker_search.catalog.scans.gone import IsThere, find_unseen, store_unseen
from speaker_search.catalog.scans.known_clips import KnownClips
from speaker_search.catalog.tables import characters, clips, copies, embeddings, games, queue, roots
from speaker_search.entities import Place, fold
from speaker_search.sources import Candidate


@dataclass(slots=True)
class Registered:
    """What registering one game's clips did, in clips."""

    new: int = 0
    missing: int = 0  # of the new and changed ones, rows without a file: refused directly
    known: int = 0
    changed: int = 0  # size or time differ from the last scan: embedded again
    relabelled: int = 0  # another game, character or text
    gone: int = 0  # known from before, no longer there: kept


def register(
    catalog: Catalog,
    space_id: int,
    *,
    root: Place,
    maker: str,
    title: str,
    candidates: Iterable[Candidate],
    is_there: IsThere,
    retry_refused: bool = False,
) -> Registered:
    """Register one game's clips in a root, and queue for the encoder those that it has neither embedded nor refused.

    Works in transactions of 10,000 clips: after a kill, the next call continues from there. A file with the same size
    and time as last time counts as known. Clips that were missing and have since been found lose their old row. Others
    that were not seen are kept, and marked as gone unless their file `is_there` (a list may have dropped it, or another
    list may name it).

    Names mean what people have made of them by the time that each transaction commits: a clip of a merged character
    belongs to the one that stands for it.
    """

    def called(connection: Connection) -> int:
        lock_names(connection)
        return ensure_game(connection, maker, title)

    with catalog.write() as connection:
        named = called(connection)
        game_id = standing(connection, [named], games)[named]
        root_id = ensure(connection, roots, {"path": str(root)}, {})
    with catalog.read() as connection:
        known = KnownClips(connection, root_id, game_id)
        shared = connection.execute(
            select(exists().where(clips.c.root_id == root_id, clips.c.game_id != game_id))
        ).scalar_one()
    chunk_of = _Chunks(catalog, space_id, called, named, game_id, root_id, known, shared=shared)
    for chunk in chunks(candidates, ROWS_PER_TRANSACTION):
        chunk_of.write(chunk)
    counts = chunk_of.counts
    unseen = find_unseen(catalog, root, known, is_there)
    if unseen.missing:
        with catalog.read() as connection:
            if is_merged(connection, chunk_of.game_id):  # they may be of a list that calls the game by another name
                unseen = replace(unseen, missing=[])
    counts.gone = catalog.transact(lambda connection: store_unseen(connection, root_id, unseen))
    game_id = chunk_of.game_id
    these = and_(clips.c.root_id == root_id, clips.c.game_id == game_id)
    enqueue_all(catalog, space_id, these)
    again = None if retry_refused else TRANSIENT
    catalog.transact(lambda connection: requeue_refused(connection, space_id, these, again))
    return counts


class _Chunks:
    """Candidates of one game in one root, registered one transaction at a time."""

    def __init__(
        self,
        catalog: Catalog,
        space_id: int,
        called: Callable[[Connection], int],
        named: int,
        game_id: int,
        root_id: int,
        known: KnownClips,
        *,
        shared: bool,
    ) -> None:
        self.counts = Registered()
        self.game_id = game_id
        self._catalog = catalog
        self._space_id = space_id
        self._called = called  # the row of the game's name
        self._root_id = root_id
        self._known = known
        self._shared = shared  # the root has clips of other games, some of which may turn out to be this one's
        self._ids_by_name: dict[str, int] = {}  # as spelled in the candidates so far
        with catalog.read() as connection:
            self._character_ids = characters_called(connection, named)

    def write(self, chunk: Sequence[Candidate]) -> None:
        """One transaction: new clips are inserted, changed and relabelled ones updated."""
        self._name_characters(chunk)
        new: list[Candidate] = []
        changed: list[tuple[int, Candidate]] = []
        relabelled: list[tuple[int, Candidate]] = []
        if self._shared:
            with self._catalog.read() as connection:
                self._known.look_up(connection, [candidate.path for candidate in chunk])
        for candidate in chunk:
            label = (self.game_id, self._character(candidate) or 0, hash(candidate.text))
            if self._known.mark_unchanged(candidate.path, candidate.size, candidate.mtime_ns, label):
                self.counts.known += 1
                continue
            if self._known.seen(candidate.path):
                continue  # two rows that name the same missing file are one clip, the first one's
            if candidate.size < 0 and self._known.vanished(candidate.path):
                continue  # not marked as seen, so that the clip and its embeddings are kept as gone
            before = self._known.mark_seen(candidate.path)
            if before is None:
                new.append(candidate)
                continue
            same_file = (before.size, before.mtime_ns) == (candidate.size, candidate.mtime_ns)
            if before.copy:
                # With other audio or another character it is no longer a copy, but a separate clip.
                if same_file and label[1] in (0, before.label[1]):
                    self.counts.known += 1
                else:
                    new.append(candidate)
                continue
            if self._known.is_copied(before.id):  # keep what a copy's label has added
                label = (label[0], label[1] or before.label[1], label[2] if candidate.text else before.label[2])
            if not same_file:
                changed.append((before.id, candidate))
            if before.label != label:
                relabelled.append((before.id, candidate))
            self.counts.known += same_file and before.label == label
        self._count(new, changed, relabelled)
        if new or changed or relabelled:
            self._commit(new, changed, relabelled)

    def _count(self, new: Sequence[Candidate], changed: Sequence[Any], relabelled: Sequence[Any]) -> None:
        self.counts.new += len(new)
        self.counts.missing += sum(one.size < 0 for one in (*new, *(each for _, each in changed)))
        self.counts.changed += len(changed)
        self.counts.relabelled += len(relabelled)

    def _commit(
        self, new: Sequence[Candidate], changed: Sequence[tuple[int, Candidate]], found: Sequence[tuple[int, Candidate]]
    ) -> None:
        def commit(connection: Connection) -> None:
            self._name_again(connection)
            relabelled = [(id_, self._label(id_, candidate)) for id_, candidate in found]
            locked = lock_clips(connection, {id_ for id_, _ in changed} | {id_ for id_, _ in found})
            entries = _forget_audio(connection, changed) if changed else []
            if new:
                self._insert(connection, [self._row(candidate) for candidate in new])
            for clip_id, label in relabelled:
                connection.execute(update(clips).where(clips.c.id == clip_id).values(**label))
            log.append(connection, entries + log.relabelled(connection, _new_labels(locked, relabelled)))

        self._catalog.transact(commit)

    def _insert(self, connection: Connection, new: list[dict[str, Any]]) -> None:
        """Insert new clips and queue them, except those that another scan has just inserted."""
        ids = reserve_ids(connection, clips, len(new))
        insert_all(connection, clips, [{"id": id_, **row} for id_, row in zip(ids, new, strict=True)])
        inserted = set(connection.execute(select(clips.c.id).where(clips.c.id.between(ids[0], ids[-1]))).scalars())
        sizes = {id_: row["size"] for id_, row in zip(ids, new, strict=True) if id_ in inserted}
        enqueue_new(connection, self._space_id, sizes)
        # After the insert, because that may have waited for a worker that has just made one of them a copy.
        in_root = copies.c.root_id == self._root_id
        if connection.execute(select(exists().where(in_root))).scalar_one():
            for some in chunks([row["path"] for row in new]):
                connection.execute(delete(copies).where(in_root, copies.c.path.in_(some)))

    def _name_characters(self, chunk: Sequence[Candidate]) -> None:
        """Insert the characters of a chunk that the game does not have yet."""
        names = {candidate.character: None for candidate in chunk if candidate.character is not None}
        if not names.keys() <= self._ids_by_name.keys():
            if {fold(name) for name in names} <= self._character_ids.keys():
                self._ids_by_name.update((name, self._character_ids[fold(name)]) for name in names)
            else:
                self._catalog.transact(lambda connection: self._name(connection, names))

    def _name_again(self, connection: Connection) -> None:
        """What the names mean now: people may have changed that since they were looked up."""
        self._name(connection, self._ids_by_name)

    def _name(self, connection: Connection, names: Iterable[str]) -> None:
        named = self._called(connection)
        self.game_id = standing(connection, [named], games)[named]
        known = characters_called(connection, named)
        new: dict[str, str] = {}  # of two spellings of a name the first one is stored
        for name in names:
            if (key := fold(name)) not in known:
                new.setdefault(key, name)
        if new:
            rows = [{"game_id": self.game_id, "key": key, "name": name} for key, name in new.items()]
            connection.execute(insert_or_keep(connection, characters), rows)
            known = characters_called(connection, named)
        self._character_ids = known
        self._ids_by_name |= {name: known[fold(name)] for name in names}

    def _character(self, candidate: Candidate) -> int | None:
        return None if candidate.character is None else self._ids_by_name[candidate.character]

    def _label(self, clip_id: int, candidate: Candidate) -> dict[str, Any]:
        label = {"game_id": self.game_id, "character_id": self._character(candidate), "text": candidate.text}
        if self._known.is_copied(clip_id):  # keep what a copy's label has added
            label = {name: value for name, value in label.items() if value}
        return label

    def _row(self, candidate: Candidate) -> dict[str, Any]:
        return {
            "game_id": self.game_id,
            "root_id": self._root_id,
            "path": candidate.path,
            "character_id": self._character(candidate),
            "text": candidate.text,
            "size": candidate.size,
            "mtime_ns": candidate.mtime_ns,
            "gone": False,
        }


def _new_labels(
    before: Mapping[int, Row[Any]], relabelled: Sequence[tuple[int, dict[str, Any]]]
) -> list[tuple[int, int | None, int | None]]:
    """Clip, old and new character of the clips whose character or game has changed. A text does not alter answers."""
    found = []
    for id_, label in relabelled:
        if (clip := before.get(id_)) is not None:
            old = (clip.game_id, clip.character_id)
            new = (label.get("game_id", old[0]), label.get("character_id", old[1]))
            if new != old:
                found.append((id_, old[1], new[1]))
    return found


def _forget_audio(connection: Connection, changed: Sequence[tuple[int, Candidate]]) -> list[Change]:
    """Forget the old audio of these clips; returns the log's entries for it.

    They are queued again in every space that had embedded, queued or refused them.
    """
    entries: list[Change] = []
    for some in chunks(changed):
        ids = [clip_id for clip_id, _ in some]
        knew: dict[int, list[int]] = {}
        for table in (embeddings, queue):
            rows = connection.execute(select(table.c.encoder_id, table.c.clip_id).where(table.c.clip_id.in_(ids)))
            for space_id, clip_id in rows:
                knew.setdefault(space_id, []).append(clip_id)
        detached = detach_copies(connection, ids)
        entries += log.removals(connection, ids)
        delete_embeddings(connection, ids)
        connection.execute(delete(queue).where(queue.c.clip_id.in_(ids)))
        for clip_id, candidate in some:
            now = {"size": candidate.size, "mtime_ns": candidate.mtime_ns, "seconds": None, "fingerprint": None}
            connection.execute(update(clips).where(clips.c.id == clip_id).values(now))
        for space_id, clip_ids in knew.items():
            enqueue(connection, space_id, [*clip_ids, *detached])
    return entries
