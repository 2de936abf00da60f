"""The clips of one space in Milvus: a collection behind an alias, and the position in the change log it stands for."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any
from uuid import uuid4

import numpy as np

from speaker_search.catalog.rows import chunks
from speaker_search.catalog.spaces import Space
from speaker_search.entities import Floats, Ids
from speaker_search.errors import IndexUnusableError
from speaker_search.views.clip_index import columns
from speaker_search.views.clip_index.columns import Columns, halves
from speaker_search.views.engine import Near
from speaker_search.views.milvus.milvus_server import MEND, TIMEOUT_S, WRITING_TIMEOUT_S, Server

FLAT_CLIPS = 100_000  # up to here vectors are compared one by one, in a few milliseconds
GROWTH = 2  # a collection of FLAT_CLIPS is made anew with lists at this many times as many, one with lists at four
LIST_BOUNDS = (1_024, 32_768)  # inverted lists: as many as 4 x sqrt(clips), rounded up to a power of two
PROBED_LISTS = 64  # that a search without a filter looks into: as many as find 0.99 of the ten nearest, and some more
SPREAD = 4  # times as many under a filter that leaves nearly all clips, and more the fewer it leaves
MOST_FOUND = 16_384  # rows that Milvus answers at most
WRITTEN_ROWS = 2_000  # in one request: 2 MB at 192 dimensions
MADE_WITHIN_S = 3_600.0  # a new collection: its vectors are compared by a graph only when that is made
LABELS = ("id", "character", "game", "seconds")
POSITION, TARGET, SEEN_AT, LISTS, FLUSHED = (
    f"spksearch.{name}" for name in ("position", "target", "timestamp", "lists", "flushed")
)


@dataclass(frozen=True, slots=True)
class State:
    """What the collection behind the alias stands for."""

    name: str  #: of the collection
    lists: int  #: inverted lists of its index; 0 where vectors are compared one by one
    position: int  #: of the change log: every change up to here is in
    target: int  #: rows were written from the catalog as it was here at the latest; more than `position` while writing
    timestamp: int  #: Milvus's own, at `position`: a search that waits for it sees all of these changes
    flushed: int  #: rows up to this position have been sealed, and so have lists

    @property
    def whole(self) -> bool:
        """Whether the rows are those of the catalog at `position`, and not partly those of a later one."""
        return self.position == self.target


def planned(clips: int) -> int:
    """How many lists the index of that many clips has; 0 for none."""
    if clips <= FLAT_CLIPS:
        return 0
    lists = LIST_BOUNDS[0]
    while lists < min(4 * sqrt(clips), LIST_BOUNDS[1]):
        lists *= 2
    return lists


def outgrown(lists: int, clips: int) -> bool:
    """Whether a collection with that many lists should be made anew for that many clips."""
    return clips > GROWTH * FLAT_CLIPS and planned(clips) > GROWTH * lists


def probed(lists: int, share: float) -> int:
    """How many lists to look into for a filter that leaves a share of the clips; 1.0 for none.

    The nearest of fewer clips lie farther away, in more lists (see `clip_index.probing`).
    """
    if share >= 1:
        return PROBED_LISTS
    share = max(share, 1e-3)
    return min(max(1, lists), ceil(SPREAD * PROBED_LISTS / (share * sqrt(share))))


class Collection:
    """A space's clips (id, character, game, seconds, vector) on a server, whoever writes them.

    All methods raise IndexUnusableError when the server fails. Vectors are rounded to float16, as FAISS's are, and kept
    in float32: servers before Milvus 2.4 take nothing else.
    """

    def __init__(self, server: Server, uuid: str, space: Space) -> None:
        self.server = server
        self.space = space
        plain = re.sub(r"\W", "_", space.name, flags=re.ASCII)[:100]
        self.alias = f"spksearch_{uuid.replace('-', '_')}_{plain}_{zlib.crc32(space.name.encode()):08x}"

    def state(self) -> State | None:
        """None when there is no such collection yet. A collection that somebody has released is loaded."""
        with self.server.client() as client:
            if not client.has_collection(self.alias, timeout=TIMEOUT_S):
                return None
            found = client.describe_collection(self.alias, timeout=TIMEOUT_S)
            if client.get_load_state(self.alias, timeout=TIMEOUT_S)["state"].name == "NotLoad":
                client.load_collection(self.alias, timeout=MADE_WITHIN_S)
        known = found["properties"]
        names = (LISTS, POSITION, TARGET, SEEN_AT, FLUSHED)
        return State(found["collection_name"], *(int(known.get(name, 0)) for name in names))

    def create(self, lists: int) -> None:
        """An empty collection at the beginning of the change log."""
        name = self._new(lists, 0)
        with self.server.client() as client:
            client.load_collection(name, timeout=WRITING_TIMEOUT_S)
        self._swap(name)

    def replace(self, lists: int, parts: Iterable[Columns], position: int) -> None:
        """Another collection with these clips, which takes the place of the one there is when it is complete."""
        name = self._new(lists, position)
        for part in parts:
            self._upsert(name, part)
        with self.server.client() as client:
            client.flush(name, timeout=MADE_WITHIN_S)
            until = time.monotonic() + MADE_WITHIN_S
            while self._pending(client, name) > 0:
                if time.monotonic() > until:
                    raise IndexUnusableError(
                        f"Milvus at {self.server.address.shown} has not made the index within an hour.", MEND
                    )
                time.sleep(0.2)
            # Only now: of vectors that are loaded before they have an index, Milvus 2.3 searches one in eight.
            client.load_collection(name, timeout=MADE_WITHIN_S)
        self._reach(name, position)
        self._swap(name)

    def aim(self, target: int) -> None:
        """Note that rows of the catalog as it is at this position are about to be written."""
        self._set(self.alias, {TARGET: target})

    def reach(self, position: int) -> None:
        """Note that every change up to this position has been written."""
        self._reach(self.alias, position)

    def upsert(self, clips: Columns) -> None:
        self._upsert(self.alias, clips)

    def delete(self, ids: Ids) -> None:
        with self.server.client() as client:
            for some in chunks(ids.tolist(), WRITTEN_ROWS):
                client.delete(self.alias, ids=list(some), timeout=WRITING_TIMEOUT_S)

    def count(self) -> int:
        """How many clips it holds, with all that has been written."""
        with self.server.client() as client:
            how = {"output_fields": ["count(*)"], "consistency_level": "Strong", "timeout": TIMEOUT_S}
            return int(client.query(self.alias, filter="", **how)[0]["count(*)"])

    def rows(self, ids: Ids) -> Columns:
        """Those of the clips with these ids that it holds, with all that has been written."""
        found = [columns.none(self.space.dim)]
        for some in chunks(ids.tolist(), WRITTEN_ROWS):
            found.append(self._query(f"id in {list(some)}", vectors=True))
        return columns.join(found)

    def between(self, after: int, until: int, *, vectors: bool = False) -> Columns:
        """The clips with ids over `after` and up to `until`, with all that has been written; 16,384 at most.

        Without `vectors` those are zeros.
        """
        return self._query(f"id > {after} and id <= {until}", vectors=vectors)

    def seal(self, position: int) -> None:
        """Have Milvus make lists of all that has been written up to a position, which takes a while."""
        with self.server.client() as client:
            client.flush(self.alias, timeout=WRITING_TIMEOUT_S)
        self._set(self.alias, {FLUSHED: position})

    def nearest(self, query: Floats, limit: int, where: str, *, lists: int, timestamp: int) -> Near:
        """At most `limit` (up to 16,384) clips nearest to a unit vector (dim,) for which an expression is true, in that
        many lists, by a collection that has seen all up to a timestamp.
        """
        with self.server.client() as client:
            (found,) = client.search(
                self.alias,
                [np.asarray(query, np.float32)],
                limit=limit,
                filter=where,
                output_fields=["character", "game"],
                search_params={"metric_type": "IP", "params": {"nprobe": lists}},  # an index without lists ignores it
                consistency_level="Customized",
                guarantee_timestamp=max(1, timestamp),  # 0 would wait for all that anybody writes
                timeout=TIMEOUT_S,
            )
        ids, who, games = (
            np.array(values, np.int64)
            for values in (
                [hit["id"] for hit in found],
                [hit["entity"]["character"] for hit in found],
                [hit["entity"]["game"] for hit in found],
            )
        )
        cosines = np.array([hit["distance"] for hit in found], np.float32)
        best = np.lexsort((ids, -cosines))
        return Near(ids[best], who[best], games[best], cosines[best])

    def _query(self, where: str, *, vectors: bool) -> Columns:
        fields = [*LABELS, "vector"] if vectors else [*LABELS]
        how = {"consistency_level": "Strong", "limit": MOST_FOUND, "timeout": WRITING_TIMEOUT_S}
        with self.server.client() as client:
            found = client.query(self.alias, filter=where, output_fields=fields, **how)
        if not found:
            return columns.none(self.space.dim)
        ids, who, games = (np.array([row[name] for row in found], np.int64) for name in LABELS[:3])
        seconds = np.array([row["seconds"] for row in found], np.float32)
        held = np.zeros((len(found), self.space.dim), np.float16)
        if vectors:
            held = halves(np.array([row["vector"] for row in found], np.float32))
        order = np.argsort(ids)
        return Columns(ids[order], who[order], games[order], seconds[order], held[order])

    def _new(self, lists: int, position: int) -> str:
        """A new, empty collection beside the one in use; what killed programs have left behind is dropped first."""
        name = f"{self.alias}_{uuid4().hex[:8]}"
        in_use = self.state()
        with self.server.client() as client:
            for other in client.list_collections(timeout=TIMEOUT_S):
                if other.startswith(f"{self.alias}_") and (in_use is None or other != in_use.name):
                    client.drop_collection(other, timeout=WRITING_TIMEOUT_S)
            index = client.prepare_index_params()
            if lists:
                index.add_index("vector", index_type="IVF_FLAT", metric_type="IP", params={"nlist": lists})
            else:
                index.add_index("vector", index_type="FLAT", metric_type="IP")
            # One shard: several do not make one server faster, and each must be waited for.
            client.create_collection(name, schema=self._schema(client), num_shards=1, timeout=WRITING_TIMEOUT_S)
            client.create_index(name, index, timeout=WRITING_TIMEOUT_S)
        self._set(name, {LISTS: lists, POSITION: position, TARGET: position, FLUSHED: position})
        return name

    def _schema(self, client: Any) -> Any:
        kinds = self.server.types.DataType
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", kinds.INT64, is_primary=True)
        schema.add_field("game", kinds.INT64)
        schema.add_field("character", kinds.INT64)
        schema.add_field("seconds", kinds.FLOAT)
        schema.add_field("vector", kinds.FLOAT_VECTOR, dim=self.space.dim)
        return schema

    def _swap(self, name: str) -> None:
        """Have the alias mean another collection, and drop the one that it meant."""
        before = self.state()
        with self.server.client() as client:
            if before is None:
                client.create_alias(name, self.alias, timeout=TIMEOUT_S)
                return
            client.alter_alias(name, self.alias, timeout=TIMEOUT_S)
            client.drop_collection(before.name, timeout=WRITING_TIMEOUT_S)

    def _pending(self, client: Any, name: str) -> int:
        """How many rows of a collection have no index yet."""
        found = client.describe_index(name, "vector", timeout=TIMEOUT_S)
        return int(found.get("pending_index_rows", 0))

    def _upsert(self, name: str, clips: Columns) -> None:
        with self.server.client() as client:
            for start in range(0, len(clips), WRITTEN_ROWS):
                part = clips.take(slice(start, start + WRITTEN_ROWS))
                values = zip(
                    *(part.ids.tolist(), part.characters.tolist(), part.games.tolist(), part.seconds.tolist()),
                    strict=True,
                )
                vectors = part.vectors.astype(np.float32)
                rows = [
                    dict(zip(LABELS, row, strict=True)) | {"vector": vector}
                    for row, vector in zip(values, vectors, strict=True)
                ]
                client.upsert(name, rows, timeout=WRITING_TIMEOUT_S)

    def _reach(self, name: str, position: int) -> None:
        with self.server.client() as client:
            # pymilvus has no public method for it. All that has been written has a lower timestamp.
            timestamp = client._get_connection().alloc_timestamp(timeout=TIMEOUT_S)
        self._set(name, {POSITION: position, SEEN_AT: timestamp})

    def _set(self, name: str, properties: dict[str, object]) -> None:
        with self.server.client() as client:
            texts = {key: str(value) for key, value in properties.items()}
            client.alter_collection_properties(name, texts, timeout=TIMEOUT_S)
