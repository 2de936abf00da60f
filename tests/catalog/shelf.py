"""A game folder that exists on paper only, in a real catalog."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy import func, select

from speaker_search.catalog import embedding, registering, storing, tables
from speaker_search.catalog.claiming import ClaimedClip, Claims
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embedding import Space
from speaker_search.catalog.registering import Registered
from speaker_search.catalog.storing import Outcome
from speaker_search.sources import Candidate, Route
from speaker_search.sources.candidates import ABSENT

DIM = 4
POURED = 1_000_000  # ids of poured clips begin here, above those that the database gives out


@dataclass
class Shelf:
    """One game folder as scans of it tell: candidates are given, no file is ever touched."""

    catalog: Catalog
    space: int  #: row id of the first encoder's space
    root: Path = Path("/voices/maker_title")
    maker: str = "maker"
    title: str = "title"
    vectors: Callable[[int, int], np.ndarray] = field(
        default=lambda count, seed: np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    )

    @staticmethod
    def clip(path: str, character: str | None = "A", text: str = "", *, size: int = 100, mtime: int = 1) -> Candidate:
        return Candidate(path, Route.EXACT, character, text, size, mtime)

    @staticmethod
    def missing(path: str, character: str | None = "A", text: str = "") -> Candidate:
        return Candidate(path, Route.MISSING, character, text, ABSENT, ABSENT)

    def another_space(self, name: str = "other") -> int:
        return registering.ensure_space(self.catalog, space=f"{name}@1", name=name, dim=DIM)

    def scan(
        self,
        *candidates: Candidate,
        clips: Iterable[Candidate] = (),
        space: int | None = None,
        retry: bool = False,
        there: Collection[str] = (),
    ) -> Registered:
        return registering.register(
            self.catalog,
            space or self.space,
            root=self.root,
            maker=self.maker,
            title=self.title,
            candidates=candidates or clips,
            retry_refused=retry,
            is_there=lambda path: path in there,
        )

    def embed_all(self, space: int | None = None, seed: int = 0, seconds: float | None = 1.0) -> dict[int, np.ndarray]:
        """Store a random vector for every clip that waits; by clip id."""
        waiting = self.waiting(space)
        vectors = self.vectors(len(waiting), seed)
        outcomes = [Outcome(clip.id, seconds, vector) for clip, vector in zip(waiting, vectors, strict=True)]
        storing.store(self.catalog, space or self.space, outcomes)
        return {outcome.clip_id: outcome.vector for outcome in outcomes if outcome.vector is not None}

    def waiting(self, space: int | None = None, limit: int = 1_000_000) -> list[ClaimedClip]:
        """Clips that wait, claimed and given back."""
        claims = Claims(self.catalog, space or self.space, machine="test", pid=1)
        found = claims.claim(limit)
        claims.leave()
        return found

    def embed(self, *paths: str, space: int | None = None) -> None:
        """Store a vector for some clips."""
        ids = self.ids()
        outcomes = [Outcome(ids[path], 1.0, self.vectors(1, ids[path])[0]) for path in paths]
        storing.store(self.catalog, space or self.space, outcomes)

    def pour(self, count: int, seed: int = 0) -> np.ndarray:
        """Write many embedded clips straight into the tables, numbered from POURED on; their vectors (count, DIM)."""
        self.scan()
        vectors = self.vectors(count, seed)
        clip = {"game_id": 1, "root_id": 1, "character_id": None, "text": "", "size": 100, "mtime_ns": 1}
        clip |= {"gone": False, "seconds": 1.0}
        held = {"encoder_id": self.space}
        with self.catalog.write() as connection:
            rows = [clip | {"id": POURED + place, "path": f"{place}"} for place in range(count)]
            connection.execute(tables.clips.insert(), rows)
            made = [
                held | {"id": id_, "clip_id": id_, "seq": id_ - POURED + 1, "vector": vector.tobytes()}
                for id_, vector in enumerate(vectors, POURED)
            ]
            connection.execute(tables.embeddings.insert(), made)
            connection.execute(tables.encoders.update().where(tables.encoders.c.id == self.space).values(changes=count))
        return vectors

    def opened_space(self, space: int | None = None) -> Space:
        with self.catalog.read() as connection:
            return next(known for known in embedding.spaces(connection) if known.id == (space or self.space))

    def rows(self, column: str) -> list[object]:
        """A column of a table, `table.column`, in order of its values."""
        table, _, name = column.partition(".")
        wanted = tables.metadata.tables[table].c[name]
        with self.catalog.read() as connection:
            return list(connection.execute(select(wanted).order_by(wanted)).scalars())

    def count(self, table: str) -> int:
        with self.catalog.read() as connection:
            return int(connection.execute(select(func.count()).select_from(tables.metadata.tables[table])).scalar_one())

    def ids(self) -> dict[str, int]:
        """Clip ids by path."""
        with self.catalog.read() as connection:
            rows = connection.execute(select(tables.clips.c.path, tables.clips.c.id))
            return {row.path: row.id for row in rows}

    def state(self, space: int | None = None) -> dict[str, str]:
        """What became of each clip in a space, by path: "embedded", "pending", a refusal's reason, or "unknown"."""
        c, u, e = tables.clips.c, tables.unembedded.c, tables.embeddings.c
        of_space = space or self.space
        with self.catalog.read() as connection:
            found = dict.fromkeys(connection.execute(select(c.path)).scalars(), "unknown")
            listed = select(c.path, u.status, u.reason).join_from(tables.clips, tables.unembedded)
            for path, status, reason in connection.execute(listed.where(u.encoder_id == of_space)):
                found[path] = reason or status
            held = select(c.path).join_from(tables.clips, tables.embeddings).where(e.encoder_id == of_space)
            for path in connection.execute(held).scalars():
                assert found[path] == "unknown", f"{path} is embedded and listed as {found[path]}"
                found[path] = "embedded"
        return found
