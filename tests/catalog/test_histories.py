"""Random histories of scans, workers and forgetting over two encoders: what must hold after every step."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catalog.shelf import DIM, Shelf, fingerprint, replayed
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from speaker_search.catalog import queue, spaces, tables
from speaker_search.catalog.database import Catalog, open_catalog
from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.scans.gone import forget_gone
from speaker_search.entities import Refusal

PATHS = "abc"

space = st.sampled_from("xy")
game = st.sampled_from(["one", "one", "another"])
#: A file's version, or that only a row names it, or that nothing is there.
version = st.sampled_from([1, 1, 1, 2, "missing", "absent"])
file = st.tuples(st.sampled_from(["Ann", None, "Bob"]), version)
scans = st.tuples(st.just("scan"), st.sampled_from("pq"), game, space, st.tuples(file, file, file), st.booleans())
#: What the first clips in the queue sound like. Some have no fingerprint, some are refused, and in some nobody speaks.
sound = st.sampled_from(["A", "A", "A", "B", "none", "refused", "nobody"])
hearing = st.tuples(st.just("hear"), space, st.lists(sound, min_size=1, max_size=4))
claiming = st.tuples(st.just("claim"), space, st.integers(1, 3))
others = st.sampled_from([("forget",), ("die",)])
rounds = st.tuples(scans, hearing, others | hearing | claiming)
histories = st.lists(rounds, min_size=4, max_size=7)


class History:
    """Two folders, whose files belong to either of two games, two encoders and a worker of each."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.spaces = {name: spaces.ensure_space(catalog, space=name, name=name, dim=DIM).id for name in "xy"}
        self.shelf = Shelf(catalog, self.spaces["x"])
        self.workers = {
            name: queue.Claims(catalog, space, machine="here", pid=1) for name, space in self.spaces.items()
        }

    def scan(self, folder: str, game: str, space: str, files: tuple[Any, ...], retry: bool) -> None:
        shelf = Shelf(self.catalog, self.spaces[space], root=Path("/voices") / folder, title=game)
        found = []
        for path, (who, version) in zip(PATHS, files, strict=True):
            if version == "missing":
                found.append(shelf.missing(folder + path, who))
            elif version != "absent":
                found.append(shelf.clip(folder + path, who, size=version))
        shelf.scan(*found, retry=retry)

    def hear(self, space: str, sounds: list[str]) -> None:
        """Store something for the first clips that wait, claimed or not."""
        q = tables.queue.c
        waiting = select(q.clip_id).where(q.encoder_id == self.spaces[space], q.status != "refused").order_by(q.clip_id)
        with self.catalog.read() as connection:
            ids = list(connection.execute(waiting).scalars())
        outcomes = []
        for id_, sound in zip(ids, sounds, strict=False):
            if sound == "refused":
                outcomes.append(Outcome(id_, refusal=Refusal.SILENT, detail="Silent."))
            elif sound == "nobody":
                refusal = {"refusal": Refusal.NO_SPEECH, "detail": "None heard."}
                outcomes.append(Outcome(id_, 1.0, **refusal, fingerprint=fingerprint("A")))
            else:
                heard = None if sound == "none" else fingerprint(sound)
                outcomes.append(Outcome(id_, 1.0, np.ones(DIM, np.float32), fingerprint=heard))
        assert len(self.shelf.store(*outcomes, space=self.spaces[space]).kept) == len(outcomes)

    def claim(self, space: str, limit: int) -> None:
        claimed = self.workers[space].claim(limit)
        self.workers[space].take_in_hand([clip.id for clip in claimed])

    def die(self) -> None:
        queue.release(self.catalog, lambda _, __: True)

    def forget(self) -> None:
        forget_gone(self.catalog)
        assert True not in self.shelf.rows("clips.gone")

    def check(self) -> None:
        for space in self.spaces.values():
            self.shelf.state(space)  # no clip both waits, or was refused, and is embedded
            assert replayed(self.shelf.log(space)) == self.shelf.embedded_characters(space)
        clips, copies = tables.clips.c, tables.copies.c
        with self.catalog.read() as connection:
            own = connection.execute(select(clips.root_id, clips.path)).all()
            others = connection.execute(select(copies.root_id, copies.path)).all()
        assert set(own).isdisjoint(others)  # a place is either a clip's own or a copy's

    def end(self) -> None:
        """Everything that waits can be embedded."""
        self.die()
        for space in self.spaces.values():
            while self.shelf.embed_all(space):  # suspects come last
                pass
            assert not {"pending", "claimed"} & set(self.shelf.state(space).values())
        self.check()


@pytest.fixture(scope="module")
def memory() -> Iterator[Catalog]:
    """A catalog in memory, which one thread can use: quick enough for many histories."""
    catalog = open_catalog("sqlite://")
    yield catalog
    catalog.close()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(history=histories)
def test_log_queue_and_embeddings_agree_after_every_step(
    memory: Catalog, history: list[tuple[tuple[Any, ...], ...]]
) -> None:
    """Merging used to lose the younger clip's place in another encoder's queue; relabelled clips were not logged."""
    with memory.write() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table is not tables.catalog:
                connection.execute(table.delete())
    told = History(memory)
    for step, *values in chain.from_iterable(history):
        getattr(told, step)(*values)
        told.check()
    told.end()
