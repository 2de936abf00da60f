"""A game folder that exists only on paper, in a real catalog."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy import func, select

from speaker_search.catalog import log, outcomes, spaces, tables
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.log import Change
from speaker_search.catalog.outcomes import Outcome, Stored
from speaker_search.catalog.queue import ClaimedClip, Claims
from speaker_search.catalog.rows import insert_all
from speaker_search.catalog.scans.register import Registered, register
from speaker_search.catalog.spaces import Space
from speaker_search.sources import Candidate, Route
from speaker_search.sources.candidates import ABSENT

DIM = 4
POURED = 1_000_000  # ids of poured clips begin here, above those that the database gives out


def units(count: int, seed: int) -> np.ndarray:
    """Random unit vectors (count, DIM)."""
    vectors = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass
class Shelf:
    """One game folder as scans see it: the candidates are given, and no file is ever touched."""

    catalog: Catalog
    space: int  #: row id of the first encoder's space
    root: Path = Path("/voices/maker_title")
    maker: str = "maker"
    title: str = "title"
    vectors: Callable[[int, int], np.ndarray] = field(default=units)

    @staticmethod
    def clip(path: str, character: str | None = "A", text: str = "", *, size: int = 100, mtime: int = 1) -> Candidate:
        return Candidate(path, Route.EXACT, character, text, size, mtime)

    @staticmethod
    def missing(path: str, character: str | None = "A", text: str = "") -> Candidate:
        return Candidate(path, Route.MISSING, character, text, ABSENT, ABSENT)

    def another_space(self, name: str = "other") -> int:
        return spaces.ensure_space(self.catalog, space=f"{name}@1", name=name, dim=DIM).id

    def scan(
        self,
        *candidates: Candidate,
        clips: Iterable[Candidate] = (),
        space: int | None = None,
        retry: bool = False,
        there: Collection[str] = (),
    ) -> Registered:
        return register(
            self.catalog,
            space or self.space,
            root=self.root,
            maker=self.maker,
            title=self.title,
            candidates=candidates or clips,
            retry_refused=retry,
            is_there=lambda _, name: name in there,
        )

    def embed_all(self, space: int | None = None, seed: int = 0, seconds: float | None = 1.0) -> dict[int, np.ndarray]:
        """Store a random vector for every clip that waits; by clip id."""
        waiting = self.waiting(space)
        vectors = dict(zip((clip.id for clip in waiting), self.vectors(len(waiting), seed), strict=True))
        self.store(*(Outcome(id_, seconds, vector) for id_, vector in vectors.items()), space=space)
        return vectors

    def embed(self, *paths: str, space: int | None = None) -> None:
        """Store a vector for some clips."""
        ids = self.ids()
        self.store(*(Outcome(ids[path], 1.0, self.vectors(1, ids[path])[0]) for path in paths), space=space)

    def hear(self, space: int | None = None, **sounds: str) -> Stored:
        """Store a vector and a fingerprint for some clips: by path, what each sounds like, as a letter from A to D."""
        ids, axes = self.ids(), np.eye(DIM, dtype=np.float32)
        heard = [
            Outcome(ids[path], 1.0, axes["ABCD".index(sound)], fingerprint=fingerprint(sound))
            for path, sound in sounds.items()
        ]
        return self.store(*heard, space=space)

    def store(self, *what: Outcome, space: int | None = None) -> Stored:
        return outcomes.store(self.catalog, space or self.space, what)

    def waiting(self, space: int | None = None, limit: int = 1_000_000) -> list[ClaimedClip]:
        """Clips that wait, claimed and given back."""
        claims = Claims(self.catalog, space or self.space, machine="test", pid=1)
        found = claims.claim(limit)
        claims.leave()
        return found

    def pour(self, count: int, seed: int = 0) -> np.ndarray:
        """Write many embedded clips straight into the tables, with ids from POURED on; their vectors (count, DIM)."""
        self.scan()
        vectors = self.vectors(count, seed)
        clip = {"game_id": 1, "root_id": 1, "character_id": None, "text": "", "size": 100, "mtime_ns": 1}
        clip |= {"gone": False, "seconds": 1.0}
        ids = range(POURED, POURED + count)
        with self.catalog.write() as connection:
            insert_all(connection, tables.clips, [clip | {"id": id_, "path": f"{id_ - POURED}"} for id_ in ids])
            made = [
                {"encoder_id": self.space, "clip_id": id_, "vector": vector.tobytes()}
                for id_, vector in zip(ids, vectors, strict=True)
            ]
            insert_all(connection, tables.embeddings, made)
            log.append(connection, [Change(self.space, "embedded", id_, None, None) for id_ in ids])
        return vectors

    def opened_space(self, space: int | None = None) -> Space:
        with self.catalog.read() as connection:
            c = tables.encoders.c
            held = select(c.id, c.space, c.name, c.dim).where(c.id == (space or self.space))
            return Space(*connection.execute(held).one())

    def position(self, space: int | None = None) -> int:
        """How far a space's change log reaches."""
        opened = self.opened_space(space)
        with self.catalog.read() as connection:
            return spaces.position(connection, opened, self.catalog.uuid)

    def log(self, space: int | None = None, after: int = 0) -> list[Change]:
        """A space's change log from a position on, in order; its numbers have no gap."""
        c = tables.changes.c
        columns = (c.number, c.action, c.clip_id, c.old_character_id, c.new_character_id)
        of_space = space or self.space
        wanted = select(*columns).where(c.encoder_id == of_space, c.number > after).order_by(c.number)
        reached = self.position(space)
        with self.catalog.read() as connection:
            rows = connection.execute(wanted).all()
        assert [row.number for row in rows] == list(range(after + 1, reached + 1))
        return [Change(of_space, *row[1:]) for row in rows]

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

    def characters(self) -> dict[str, int]:
        """Character ids by name; of one name in several games, the newest."""
        c = tables.characters.c
        with self.catalog.read() as connection:
            return {row.name: row.id for row in connection.execute(select(c.name, c.id).order_by(c.id))}

    def labels(self) -> dict[str, tuple[str, str | None, str]]:
        """Game, character and text of each clip, by path."""
        c, g, who = tables.clips.c, tables.games.c, tables.characters.c
        joined = tables.clips.join(tables.games, g.id == c.game_id)
        joined = joined.join(tables.characters, who.id == c.character_id, isouter=True)
        with self.catalog.read() as connection:
            rows = connection.execute(select(c.path, g.title, who.name, c.text).select_from(joined))
            return {path: (title, name, text) for path, title, name, text in rows}

    def embedded_characters(self, space: int | None = None) -> dict[int, int | None]:
        """Who speaks each clip that a space holds, by clip id."""
        c, e = tables.clips.c, tables.embeddings.c
        held = select(c.id, c.character_id).join_from(tables.embeddings, tables.clips)
        with self.catalog.read() as connection:
            rows = connection.execute(held.where(e.encoder_id == (space or self.space)))
            return {row.id: row.character_id for row in rows}

    def state(self, space: int | None = None) -> dict[str, str]:
        """What became of each clip in a space, by path: "embedded", "pending", "claimed", a refusal's reason, or
        "unknown".
        """
        c, q, e = tables.clips.c, tables.queue.c, tables.embeddings.c
        of_space = space or self.space
        with self.catalog.read() as connection:
            found = dict.fromkeys(connection.execute(select(c.path)).scalars(), "unknown")
            listed = select(c.path, q.status, q.reason).join_from(tables.clips, tables.queue)
            for path, status, reason in connection.execute(listed.where(q.encoder_id == of_space)):
                found[path] = reason or status
            held = select(c.path).join_from(tables.clips, tables.embeddings).where(e.encoder_id == of_space)
            for path in connection.execute(held).scalars():
                assert found[path] == "unknown", f"{path} is embedded and listed as {found[path]}"
                found[path] = "embedded"
        return found


def replayed(entries: Iterable[Change]) -> dict[int, int | None]:
    """Who speaks each clip of a space, by clip id, from its change log alone: each old character is the one before."""
    held: dict[int, int | None] = {}
    for entry in entries:
        if entry.action == "embedded":
            assert entry.clip_id not in held
        else:
            assert held.pop(entry.clip_id) == entry.old_character_id
        if entry.action == "removed":
            assert entry.new_character_id is None
        else:
            held[entry.clip_id] = entry.new_character_id
    return held


def fingerprint(sound: str) -> bytes:
    """A fingerprint: 16 bytes, the same for the same sound."""
    return sound.encode() * 16
