"""The clips of one space in Milvus: a collection behind an alias, and the position in the change log it stands for."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
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

FLAT_CLIPS = 100_000  # up to here an exact comparison takes no longer than a graph's answer
GROWTH = 2  # a collection that was planned for FLAT_CLIPS is made anew for a graph at this many times as many clips
LINKS, EF_CONSTRUCTION = 32, 200  # of the graph (HNSW)
EF = 1_024  # candidates of a search in it, at least: recall@10 0.997 of 100,000 random vectors
MOST_FOUND = 16_384  # rows that Milvus answers at most
WRITTEN_ROWS = 2_000  # in one request: 2 MB at 192 dimensions
MADE_WITHIN_S = 3_600.0  # a new collection: its vectors are compared by a graph only when that is made
LABELS = ("id", "character", "game", "seconds")
POSITION, TARGET, SEEN_AT, KIND = (f"spksearch.{name}" for name in ("position", "target", "timestamp", "kind"))


@dataclass(frozen=True, slots=True)
class State:
    """What the collection behind the alias stands for."""

    name: str  #: of the collection
    kind: str  #: FLAT or HNSW
    position: int  #: of the change log: every change up to here is in
    target: int  #: rows were written from the catalog as it was here at the latest; more than `position` while writing
    timestamp: int  #: Milvus's own, at `position`: a search that waits for it sees all of these changes

    @property
    def whole(self) -> bool:
        """Whether the rows are those of the catalog at `position`, and not partly those of a later one."""
        return self.position == self.target


def planned(clips: int) -> str:
    """The kind of index for that many clips."""
    return "FLAT" if clips <= FLAT_CLIPS else "HNSW"


def outgrown(kind: str, clips: int) -> bool:
    return kind == "FLAT" and clips > GROWTH * FLAT_CLIPS


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
        """None where there is no such collection yet."""
        with self.server.client() as client:
            if not client.has_collection(self.alias, timeout=TIMEOUT_S):
                return None
            found = client.describe_collection(self.alias, timeout=TIMEOUT_S)
        known = found["properties"]
        position, target, timestamp = (int(known.get(name, 0)) for name in (POSITION, TARGET, SEEN_AT))
        return State(found["collection_name"], known.get(KIND, "FLAT"), position, target, timestamp)

    def create(self, kind: str) -> None:
        """An empty collection at the beginning of the change log."""
        self._swap(self._new(kind, 0))

    def replace(self, kind: str, parts: Iterable[Columns], position: int) -> None:
        """Another collection with these clips, which takes the place of the one there is when it is complete."""
        name = self._new(kind, position)
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

    def nearest(self, query: Floats, limit: int, where: str, timestamp: int) -> Near:
        """At most `limit` (up to 16,384) clips nearest to a unit vector (dim,) for which an expression is true, by a
        collection that has seen all up to a timestamp.
        """
        with self.server.client() as client:
            (found,) = client.search(
                self.alias,
                [np.asarray(query, np.float32)],
                limit=limit,
                filter=where,
                output_fields=["character", "game"],
                search_params={"metric_type": "IP", "params": {"ef": max(EF, limit)}},  # a flat one ignores it
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

    def _new(self, kind: str, position: int) -> str:
        """A new, empty collection beside the one in use; what killed programs have left behind is dropped first."""
        name = f"{self.alias}_{uuid4().hex[:8]}"
        in_use = self.state()
        with self.server.client() as client:
            for other in client.list_collections(timeout=TIMEOUT_S):
                if other.startswith(f"{self.alias}_") and (in_use is None or other != in_use.name):
                    client.drop_collection(other, timeout=WRITING_TIMEOUT_S)
            how = {"index_type": kind, "metric_type": "IP"}
            if kind == "HNSW":
                how["params"] = {"M": LINKS, "efConstruction": EF_CONSTRUCTION}  # type: ignore[assignment]
            index = client.prepare_index_params()
            index.add_index("vector", **how)
            # One shard: several do not make one server faster, and each must be waited for.
            client.create_collection(name, schema=self._schema(client), num_shards=1, timeout=WRITING_TIMEOUT_S)
            client.create_index(name, index, timeout=WRITING_TIMEOUT_S)
            client.load_collection(name, timeout=WRITING_TIMEOUT_S)
        self._set(name, {KIND: kind, POSITION: position, TARGET: position})
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
