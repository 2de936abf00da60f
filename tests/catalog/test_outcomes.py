"""Storing what became of clips: each once, bit for bit, and never for a file that has changed since."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from catalog.shelf import DIM, Shelf
from sqlalchemy import insert, select, update

from speaker_search.catalog import clips, embeddings, spaces, tables
from speaker_search.catalog.log import Change
from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.queue import Claims
from speaker_search.catalog.rows import IDS_PER_STATEMENT
from speaker_search.catalog.spaces import ClipCounts
from speaker_search.entities import Clip, Refusal
from speaker_search.errors import NotFoundError

#: A unit vector with a negative zero and a subnormal number in it.
ODD = np.array([-0.0, 1e-45, np.nextafter(np.float32(1), np.float32(2)), -2e-38], np.float32)


def vectors_of(shelf: Shelf, *ids: int) -> dict[int, np.ndarray]:
    space = shelf.opened_space()
    with shelf.catalog.read() as connection:
        return embeddings.vectors_of(connection, space, ids)


def all_vectors(shelf: Shelf) -> dict[int, np.ndarray]:
    """Every vector of the space by clip id, read the way a view reads them."""
    space = shelf.opened_space()
    with shelf.catalog.read() as connection:
        parts = list(embeddings.all_embedded(connection, space))
    return {int(id_): vector for part in parts for id_, vector in zip(part.ids, part.vectors, strict=True)}


def clips_by_id(shelf: Shelf, *ids: int) -> list[Clip]:
    with shelf.catalog.read() as connection:
        held = clips.clips_by_id(connection, ids)
    return [held[id_] for id_ in ids]


def test_vectors_come_back_bit_for_bit(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    a, b = (shelf.ids()[path] for path in "ab")
    every_other = np.repeat(ODD, 2)[::2]  # not contiguous
    shelf.store(Outcome(a, 1.0, ODD), Outcome(b, 1.0, every_other))
    for held in (vectors_of(shelf, a, b), all_vectors(shelf)):
        assert held.keys() == {a, b}
        assert all(vector.dtype == np.float32 and vector.tobytes() == ODD.tobytes() for vector in held.values())


def test_a_vector_lies_in_the_catalog_as_little_endian_float32(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    big_endian = np.array([1, -2, 0.5, 3], ">f4")
    shelf.store(Outcome(shelf.ids()["a"], 1.0, big_endian))
    with shelf.catalog.read() as connection:
        held = connection.execute(select(tables.embeddings.c.vector)).scalar_one()
    assert held == struct.pack("<4f", 1, -2, 0.5, 3)


@pytest.mark.parametrize("lengths", [(DIM - 1, DIM + 1), (0, 2 * DIM)])  # together, as long as two
def test_an_embedding_of_the_wrong_length_is_left_out(shelf: Shelf, lengths: tuple[int, int]) -> None:
    """Before, one such vector ended every search."""
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    ids = list(shelf.embed_all())
    with shelf.catalog.write() as connection:
        for id_, length in zip(ids, lengths, strict=True):
            damaged = update(tables.embeddings).where(tables.embeddings.c.clip_id == id_)
            connection.execute(damaged.values(vector=np.eye(1, length, dtype="<f4").tobytes()))
    assert vectors_of(shelf, *ids) == all_vectors(shelf) == {}


def test_a_stored_clip_no_longer_waits_and_knows_its_length(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"), shelf.clip("c"))
    a, b, c = (shelf.ids()[path] for path in "abc")
    outcomes = [
        Outcome(a, 1.25, ODD),
        Outcome(b, refusal=Refusal.NOT_AUDIO, detail="b is a folder."),
        Outcome(c, 0.5, refusal=Refusal.NO_SPEECH, detail="None heard."),
    ]
    assert shelf.store(*outcomes).kept == outcomes
    assert shelf.state() == {"a": "embedded", "b": "not_audio", "c": "no_speech"}
    assert [clip.seconds for clip in clips_by_id(shelf, a, b, c)] == [1.25, None, 0.5]
    space = shelf.opened_space()
    with shelf.catalog.read() as connection:
        assert spaces.count_clips(connection, shelf.space) == ClipCounts(1, 0, 2)
        refused = clips.refused_clips(connection, space)
    assert [(clip.path, clip.reason, clip.detail) for clip in refused] == [
        (shelf.root / "b", "not_audio", "b is a folder."),
        (shelf.root / "c", "no_speech", "None heard."),
    ]


def test_embedded_clips_are_read_with_their_lengths_or_0_where_none_is_known(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    a, b = (shelf.ids()[path] for path in "ab")
    shelf.store(Outcome(a, 1.25, ODD), Outcome(b, None, ODD))
    space = shelf.opened_space()
    with shelf.catalog.read() as connection:
        whole = list(embeddings.all_embedded(connection, space))
        some = list(embeddings.embedded(connection, space, np.array([a, b])))
    for (part,) in (whole, some):
        assert (part.ids.tolist(), part.seconds.tolist(), part.seconds.dtype) == ([a, b], [1.25, 0.0], np.float32)


def test_a_clips_length_stays_what_the_first_space_found(shelf: Shelf) -> None:
    """Views hold it, and another space's log would not tell them that it has changed."""
    shelf.scan(shelf.clip("a"))
    other = shelf.another_space()
    shelf.scan(shelf.clip("a"), space=other)
    a = shelf.ids()["a"]
    shelf.store(Outcome(a, 1.0, ODD))
    before = shelf.position()
    shelf.store(Outcome(a, 1.0000625, ODD), space=other)
    assert [clip.seconds for clip in clips_by_id(shelf, a)] == [1.0]
    assert shelf.position() == before


def test_a_clip_that_another_worker_finished_is_left_as_it_is(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"), shelf.clip("c"))
    a, b, c = (shelf.ids()[path] for path in "abc")
    shelf.store(Outcome(a, 1.0, ODD), Outcome(b, refusal=Refusal.SILENT, detail="."))
    late = [Outcome(id_, 2.0, np.ones(DIM, np.float32)) for id_ in (a, b, c)]
    assert shelf.store(*late).kept == late[2:]
    assert shelf.state() == {"a": "embedded", "b": "silent", "c": "embedded"}
    assert vectors_of(shelf, a)[a].tobytes() == ODD.tobytes()
    assert [clip.seconds for clip in clips_by_id(shelf, a, b, c)] == [1.0, None, 2.0]


def test_a_clip_queued_again_although_it_is_embedded_keeps_its_vector(shelf: Shelf) -> None:
    """A scan that began before another worker stored the clip could queue it once more: it was embedded and logged
    twice.
    """
    shelf.scan(shelf.clip("a"))
    (a,) = shelf.ids().values()
    shelf.store(Outcome(a, 1.0, ODD))
    with shelf.catalog.write() as connection:
        row = {"encoder_id": shelf.space, "clip_id": a, "status": "pending", "kills": 0}
        connection.execute(insert(tables.queue).values(row))
    assert shelf.store(Outcome(a, 2.0, np.ones(DIM, np.float32))).kept == []
    assert shelf.state() == {"a": "embedded"}
    assert vectors_of(shelf, a)[a].tobytes() == ODD.tobytes()
    assert shelf.log() == [Change(shelf.space, "embedded", a, None, shelf.characters()["A"])]


def test_a_clip_that_never_waited_is_not_stored(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    assert shelf.store(Outcome(999, 1.0, ODD)).kept == []
    assert shelf.store(Outcome(shelf.ids()["a"], 1.0, ODD), space=shelf.another_space()).kept == []
    assert shelf.count("embeddings") == 0


def test_what_was_heard_in_a_file_that_has_changed_since_is_not_stored(shelf: Shelf) -> None:
    """A worker that claimed the clip before another program saw the change must not have the last word."""
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    claimed = shelf.waiting()
    shelf.scan(shelf.clip("a", mtime=2), shelf.clip("b"))
    outcomes = [Outcome(clip.id, 1.0, ODD, file=clip.file) for clip in claimed]
    assert shelf.store(*outcomes).kept == outcomes[1:]
    assert shelf.state() == {"a": "pending", "b": "embedded"}
    (again,) = shelf.waiting()
    shelf.store(Outcome(again.id, 1.0, ODD, file=again.file))
    assert shelf.state() == {"a": "embedded", "b": "embedded"}


def test_threads_that_store_the_same_clips_store_each_once(
    shelf: Shelf, all_at_once: Callable[[Callable[[], object], int], list[object]]
) -> None:
    count = IDS_PER_STATEMENT + 50
    shelf.scan(clips=(shelf.clip(f"{n}") for n in range(count)))
    vectors = shelf.vectors(count, 0)
    ids = sorted(shelf.ids().values())
    windows = [range(start, min(start + 300, count)) for start in range(0, count, 300)] + [range(count)]

    def work() -> list[int]:
        kept: list[int] = []
        for window in windows:
            stored = shelf.store(*(Outcome(ids[n], 1.0, vectors[n]) for n in window))
            kept += [outcome.clip_id for outcome in stored.kept]
        return kept

    kept = [id_ for each in all_at_once(work, 2) for id_ in each]  # type: ignore[attr-defined]
    assert sorted(kept) == ids
    assert set(shelf.state().values()) == {"embedded"}
    assert sorted(entry.clip_id for entry in shelf.log()) == ids
    assert {id_: vector.tobytes() for id_, vector in all_vectors(shelf).items()} == {
        id_: vector.tobytes() for id_, vector in zip(ids, vectors, strict=True)
    }


def test_clips_are_claimed_in_parts_in_order_of_their_ids(shelf: Shelf) -> None:
    shelf.scan(*(shelf.clip(f"{n}") for n in range(5)))
    claims = Claims(shelf.catalog, shelf.space, machine="here", pid=1)
    parts = list(iter(lambda: claims.claim(2), []))
    assert [len(part) for part in parts] == [2, 2, 1]
    claimed = [(clip.id, clip.path) for part in parts for clip in part]
    assert claimed == sorted((id_, shelf.root / path) for path, id_ in shelf.ids().items())


def test_a_clip_that_is_not_there_has_no_place(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    a = shelf.ids()["a"]
    with shelf.catalog.read() as connection:
        assert clips.places(connection, a) == [(shelf.root, "a")]
        with pytest.raises(NotFoundError, match="no clip 77"):
            clips.places(connection, 77)
