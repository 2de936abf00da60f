"""Merging two clips of the same audio: what either was in any space, the clip that stays is afterwards."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from catalog.shelf import DIM, Shelf, fingerprint, replayed
from sqlalchemy import select

from speaker_search.catalog import embeddings, tables
from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.queue import Claims
from speaker_search.entities import Refusal

STATES = ("unknown", "pending", "claimed", "silent", "embedded")
OF_OLD, OF_YOUNG = np.eye(2, DIM, dtype=np.float32)


class Pairs:
    """A clip and a younger one of the same audio for every pair of states in another space; one folder a state.

    The older clip is named by its own state and the younger one's: "old/pending/silent".
    """

    def __init__(self, shelf: Shelf) -> None:
        self.own = shelf
        self.other = shelf.another_space()
        self.pairs = {(f"old/{old}/{young}", f"young/{young}/{old}") for old, young in product(STATES, STATES)}
        self.worker = Claims(shelf.catalog, self.other, machine="here", pid=1)
        for state in ("claimed", "pending", "silent", "embedded"):  # what is to be claimed is scanned first
            for side in ("old", "young"):
                self.scan(side, state, self.other)
            if state == "claimed":
                assert len(self.worker.claim(100)) == 2 * len(STATES)
        self.ids = shelf.ids()
        for side, vector in (("old", OF_OLD), ("young", OF_YOUNG)):
            for rest in STATES:
                silent, held = self.ids[f"{side}/silent/{rest}"], self.ids[f"{side}/embedded/{rest}"]
                refused = Outcome(silent, refusal=Refusal.SILENT, detail=f"{side} is silent.")
                shelf.store(refused, Outcome(held, 1.0, vector), space=self.other)
        assert all(state == path.split("/")[1] for path, state in shelf.state(self.other).items())

    def scan(self, side: str, state: str, space: int) -> None:
        clips = [self.own.clip(f"{side}/{state}/{rest}", None if side == "old" else "Ann") for rest in STATES]
        folder = Shelf(self.own.catalog, self.own.space, root=Path("/voices") / side / state)
        folder.scan(*clips, space=space)

    def states(self, side: str) -> dict[str, str]:
        return {path: state for path, state in self.own.state(self.other).items() if path.startswith(f"{side}/")}

    def merge(self) -> None:
        """Have the first space hear the old clips, and then the young ones."""
        for side in ("old", "young"):
            for state in STATES:
                self.scan(side, state, self.own.space)
        self.ids = self.own.ids()
        numbered = enumerate(sorted(self.pairs), ord("A"))
        sounds = {path: fingerprint(chr(number)) for number, pair in numbered for path in pair}
        for side, merged in (("old", 0), ("young", len(self.pairs))):
            paths = [path for path in sounds if path.startswith(side)]
            heard = [Outcome(self.ids[path], 1.0, OF_OLD, fingerprint=sounds[path]) for path in paths]
            assert self.own.store(*heard).merged == merged


@pytest.fixture
def merged(shelf: Shelf) -> Pairs:
    pairs = Pairs(shelf)
    pairs.merge()
    return pairs


def expected(path: str) -> str:
    """What the other space says of the clip that stays."""
    _, old, young = path.split("/")
    if "embedded" in (old, young):
        return "embedded"
    if old != "unknown":
        return old
    return "pending" if young == "claimed" else young


def test_the_clip_that_stays_takes_over_what_it_lacks_in_every_space(merged: Pairs) -> None:
    """The younger clip's place in another encoder's queue, its refusal and its embedding there were deleted with it:
    that encoder never embedded the audio.
    """
    shelf = merged.own
    assert set(shelf.state().values()) == {"embedded"}
    assert set(shelf.labels().values()) == {("title", "Ann", "")}
    assert merged.states("old") == {old: expected(old) for old, _ in merged.pairs}
    assert merged.states("young") == {}
    for space in (shelf.space, merged.other):
        assert replayed(shelf.log(space)) == shelf.embedded_characters(space)


def test_an_embedding_or_a_refusal_is_the_clips_own_if_it_has_one(merged: Pairs) -> None:
    space = merged.own.opened_space(merged.other)
    with merged.own.catalog.read() as connection:
        held = embeddings.vectors_of(connection, space, list(merged.ids.values()))
    paths = {id_: path for path, id_ in merged.ids.items()}
    assert {paths[id_]: vector.tobytes() for id_, vector in held.items()} == {
        old: (OF_OLD if old.startswith("old/embedded/") else OF_YOUNG).tobytes()
        for old, _ in merged.pairs
        if expected(old) == "embedded"
    }
    q, c = tables.queue.c, tables.clips.c
    query = select(c.path, q.detail).join_from(tables.queue, tables.clips).where(q.reason == "silent")
    with merged.own.catalog.read() as connection:
        details = {row.path: row.detail for row in connection.execute(query)}
    assert details["old/unknown/silent"] == "young is silent."
    assert details["old/silent/silent"] == "old is silent."


def test_what_was_taken_over_is_embedded_by_the_other_encoder(merged: Pairs) -> None:
    """And the worker that had claimed the younger clip stores nothing: that clip is not there any more."""
    shelf = merged.own
    late = [Outcome(merged.ids[f"young/claimed/{rest}"], 1.0, OF_YOUNG) for rest in STATES]
    assert shelf.store(*late, space=merged.other).kept == []
    merged.worker.leave()
    assert shelf.embed_all(merged.other).keys() == {
        merged.ids[old] for old, _ in merged.pairs if expected(old) in ("pending", "claimed")
    }
    assert replayed(shelf.log(merged.other)) == shelf.embedded_characters(merged.other)


def test_a_clip_refused_with_its_copy_embedded_in_the_same_portion_is_embedded(shelf: Shelf) -> None:
    """The clip got its copy's vector and its own refusal: it was both embedded and refused."""
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    a, b = (shelf.ids()[path] for path in "ab")
    sound = fingerprint("A")
    shelf.store(
        Outcome(a, 1.0, refusal=Refusal.NO_SPEECH, detail="None heard.", fingerprint=sound),
        Outcome(b, 1.0, OF_YOUNG, fingerprint=sound),
    )
    assert shelf.state() == {"a": "embedded"}


def test_a_worker_that_claimed_a_clip_before_it_was_merged_does_not_bring_it_back(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    claims = Claims(shelf.catalog, shelf.space, machine="here", pid=1)
    claims.claim(10)
    b = shelf.ids()["b"]
    assert shelf.hear(a="A", b="A").merged == 1
    assert shelf.store(Outcome(b, 1.0, OF_YOUNG, fingerprint=fingerprint("A"))).kept == []
    assert shelf.state() == {"a": "embedded"}
    claims.leave()
