"""The views of a space whose clips are in Milvus: each program counts the characters, one of them writes the clips."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection

from speaker_search.catalog import embeddings, log
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.spaces import Space, position
from speaker_search.entities import Ids
from speaker_search.errors import IndexUnusableError
from speaker_search.views import changes, characters, storage
from speaker_search.views.changes import Delta
from speaker_search.views.clip_index import columns
from speaker_search.views.clip_index.columns import Columns
from speaker_search.views.milvus import writing
from speaker_search.views.milvus.collection import Collection, State
from speaker_search.views.milvus.milvus_clips import MilvusClips
from speaker_search.views.milvus.milvus_server import Server
from speaker_search.views.milvus.one_writer import turn
from speaker_search.views.snapshot import CHARACTERS, Snapshot

FOLDER = "milvus"  # of what is saved, in the folder of a space's views
TURN_WITHIN_S = 600.0  # for which a rebuild waits, where another program is writing
LOOK_S = 0.2  # between looks whether it still is

T = TypeVar("T")


class MilvusViews:
    """The views of a catalog's spaces, with their clips on a server. Any number of programs may share it."""

    def __init__(self, catalog: Catalog, server: Server) -> None:
        self._catalog = catalog
        self.server = server

    def collection(self, space: Space) -> Collection:
        return Collection(self.server, self._catalog.uuid, space)

    def load(self, folder: Path, uuid: str, space: Space) -> Snapshot | None:
        """What is saved in a folder: the characters. Raises IndexUnusableError when it is damaged."""

        def read(version: storage.Version) -> Snapshot:
            facts, reached = version.stamp.facts, version.stamp.position
            games, unusable = (np.array(facts[name], np.int64) for name in ("games", "unusable"))
            sums = characters.read(version.path(CHARACTERS), reached)
            return self._snapshot(space, sums, facts["clips"], games, unusable)

        return storage.load(folder / FOLDER, catalog=uuid, space=space.name, read=read)

    def save(self, folder: Path, snapshot: Snapshot, uuid: str, space: Space) -> None:
        """Save the characters to a folder. Raises IndexUnusableError."""
        storage.save(
            folder / FOLDER,
            {CHARACTERS: lambda path: characters.write(snapshot.characters, path)},
            catalog=uuid,
            space=space.name,
            position=snapshot.position,
            facts={
                "clips": snapshot.clips.clips,
                "games": snapshot.clips.games.tolist(),
                "unusable": snapshot.unusable.tolist(),
            },
        )

    def retuned(self, folder: Path, snapshot: Snapshot) -> Snapshot:  # noqa: ARG002 - Milvus's searches are not tuned
        return snapshot

    def follow(self, catalog: Catalog, space: Space, before: Snapshot | None) -> Snapshot:
        """The views of the catalog as it is now. The collection is brought there too, unless another program is at it.

        Raises CatalogError and IndexUnusableError.
        """
        collection = self.collection(space)
        seen = collection.state()
        snapshot: Snapshot | None = None
        more = True
        while more:
            # Milvus is written to within the transaction, so that the rows are those of its position: for a portion
            # that takes less than a second, and the server is given up after a minute.
            with catalog.read() as connection, turn(connection, collection.alias) as mine:
                if snapshot is None:  # first: it may need rows that are about to be replaced
                    snapshot = self.counted(connection, collection, before)
                more = mine and writing.write(connection, catalog.uuid, collection, seen, snapshot.clips.clips)
            seen = collection.state()
        assert snapshot is not None  # noqa: S101 - the loop has run
        return self._seen(snapshot, seen)

    def rebuilt(self, catalog: Catalog, space: Space) -> Snapshot:
        """The same, with the characters counted and the collection made anew. Raises IndexUnusableError, also where
        other programs do not stop writing.
        """
        collection = self.collection(space)

        def build(connection: Connection) -> Snapshot:
            writing.rebuild(connection, catalog.uuid, collection)
            return self.counted(connection, collection, None)

        snapshot = self.alone(catalog, collection, build)
        return self._seen(snapshot, collection.state())

    def alone(self, catalog: Catalog, collection: Collection, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction, while no other program writes to the collection; returns its result."""
        until = time.monotonic() + TURN_WITHIN_S
        while True:
            with catalog.read() as connection, turn(connection, collection.alias) as mine:
                if mine:
                    return work(connection)
            if time.monotonic() > until:
                raise IndexUnusableError("Another program is writing to the index.", "Try again when it is done.")
            time.sleep(LOOK_S)

    def counted(self, connection: Connection, collection: Collection, before: Snapshot | None) -> Snapshot:
        """The views as a transaction sees the catalog; the collection may be elsewhere.

        The characters follow the log as long as the vectors that have left it are known: nothing has left, or the
        collection still holds what `before` was made of. Otherwise they are counted anew from the catalog.
        """
        space, uuid = collection.space, self._catalog.uuid
        reached = position(connection, space, uuid)
        if before is not None and reached == before.position:
            return before
        games = embeddings.filled_games(connection, space)
        touched = changes.read(connection, uuid, space, before.position, before.clips.clips) if before else None
        if before is not None and touched is not None:
            held = _held_before(connection, collection, before.position, touched)
            if held is not None:
                sums = before.characters.apply(Delta(reached, held, touched.now))
                unusable = np.union1d(np.setdiff1d(before.unusable, touched.ids), touched.unusable)
                clips = before.clips.clips + len(touched.now) - len(held)
                return self._snapshot(space, sums, clips, games, unusable)
        sums, clips, left_out = characters.none(space.dim, reached), 0, [np.empty(0, np.int64)]
        for part in embeddings.all_embedded(connection, space):
            own = Columns(part.ids, part.characters, part.games, part.seconds, columns.halves(part.vectors))
            sums = sums.apply(Delta(reached, columns.none(space.dim), own))
            clips += len(own)
            left_out.append(part.unusable)
        return self._snapshot(space, sums, clips, games, np.concatenate(left_out))

    def _snapshot(self, space: Space, sums: characters.Characters, clips: int, games: Ids, unusable: Ids) -> Snapshot:
        held = MilvusClips(
            self._catalog, space, self.collection(space), sums.position, clips, games, unusable, lists=0, timestamp=0
        )
        return Snapshot(held, sums, unusable)

    def _seen(self, snapshot: Snapshot, state: State | None) -> Snapshot:
        """The same, with searches that wait for all that the collection stands for."""
        clips = snapshot.clips
        if state is None or not isinstance(clips, MilvusClips):
            return snapshot
        if (clips.lists, clips.timestamp) == (state.lists, state.timestamp):
            return snapshot
        return replace(snapshot, clips=replace(clips, lists=state.lists, timestamp=state.timestamp))


def _held_before(
    connection: Connection, collection: Collection, before: int, touched: changes.Touched
) -> Columns | None:
    """The changed clips as the catalog held them at an earlier position; None where nobody knows any more."""
    if log.only_embedded(connection, collection.space.id, before, touched.position):
        return columns.none(collection.space.dim)
    held = collection.rows(touched.ids)
    state = collection.state()  # after the rows were read: a writer raises its target before it writes any
    return held if state is not None and state.whole and state.position == before else None
