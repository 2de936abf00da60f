"""Storing what became of clips: each once, as it was, and never for a file that is another by now."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from catalog.shelf import DIM, Shelf
from sqlalchemy import select, update

from speaker_search.catalog import embedding, reading, storing, tables
from speaker_search.catalog.chunks import IDS_PER_STATEMENT
from speaker_search.catalog.claiming import Claims
from speaker_search.catalog.embedding import ClipCounts
from speaker_search.catalog.storing import Outcome
from speaker_search.entities import Refusal
from speaker_search.errors import CatalogError, NotFoundError
from speaker_search.settings import DEFAULT_ENCODER

ODD = np.array([-0.0, 1e-45, np.nextafter(np.float32(1), np.float32(2)), -3.4e38], np.float32)


def vectors_of(shelf: Shelf, *ids: int) -> dict[int, np.ndarray]:
    with shelf.catalog.read() as connection:
        return embedding.vectors_of(connection, shelf.opened_space(), ids)


def log(shelf: Shelf, after: int = 0) -> list[tuple[int, np.ndarray]]:
    """Clip ids and vectors of the change log."""
    space = shelf.opened_space()
    with shelf.catalog.read() as connection:
        parts = list(embedding.embedded_between(connection, space, after, space.changes))
    return [(int(id_), vector) for ids, vectors in parts for id_, vector in zip(ids, vectors, strict=True)]


def test_vectors_come_back_bit_for_bit(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    a, b = (shelf.ids()[path] for path in "ab")
    every_other = np.repeat(ODD, 2)[::2]  # not contiguous
    storing.store(shelf.catalog, shelf.space, [Outcome(a, 1.0, ODD), Outcome(b, 1.0, every_other)])
    assert {id_: vector.tobytes() for id_, vector in vectors_of(shelf, a, b).items()} == dict.fromkeys(
        (a, b), ODD.tobytes()
    )
    assert all(vector.dtype == np.float32 and vector.tobytes() == ODD.tobytes() for _, vector in log(shelf))


def test_a_vector_lies_in_the_catalog_as_little_endian_float32(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    big_endian = np.array([1, -2, 0.5, 3], ">f4")
    storing.store(shelf.catalog, shelf.space, [Outcome(shelf.ids()["a"], 1.0, big_endian)])
    with shelf.catalog.read() as connection:
        held = connection.execute(select(tables.embeddings.c.vector)).scalar_one()
    assert held == struct.pack("<4f", 1, -2, 0.5, 3)


@pytest.mark.parametrize("lengths", [(DIM - 1, DIM), (DIM + 1, DIM), (0, DIM), (DIM - 1, DIM + 1)])
def test_an_embedding_of_the_wrong_length_is_a_catalog_error(shelf: Shelf, lengths: tuple[int, int]) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    ids = list(shelf.embed_all())
    with shelf.catalog.write() as connection:
        for id_, length in zip(ids, lengths, strict=True):
            damaged = update(tables.embeddings).where(tables.embeddings.c.clip_id == id_)
            connection.execute(damaged.values(vector=b"\0\0\0\0" * length))
    for reader in (lambda: vectors_of(shelf, *ids), lambda: log(shelf)):
        with pytest.raises(CatalogError, match="holds an embedding of the wrong length") as refusal:
            reader()
        assert refusal.value.mend == "Restore a backup of the catalog."


def test_a_stored_clip_waits_no_more_and_knows_its_length(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"), shelf.clip("c"))
    a, b, c = (shelf.ids()[path] for path in "abc")
    outcomes = [
        Outcome(a, 1.25, ODD),
        Outcome(b, refusal=Refusal.NOT_AUDIO, detail="b is a folder."),
        Outcome(c, 0.5, refusal=Refusal.NO_SPEECH, detail="None heard."),
    ]
    assert storing.store(shelf.catalog, shelf.space, outcomes).kept == outcomes
    assert shelf.state() == {"a": "embedded", "b": "not_audio", "c": "no_speech"}
    with shelf.catalog.read() as connection:
        assert embedding.count_clips(connection, shelf.space) == ClipCounts(1, 0, 2)
        held = reading.clips_by_id(connection, [a, b, c])
        assert [held[id_].seconds for id_ in (a, b, c)] == [1.25, None, 0.5]
        refused = list(reading.refused_clips(connection, shelf.opened_space()))
    assert [(clip.path, clip.reason, clip.detail) for clip in refused] == [
        (shelf.root / "b", "not_audio", "b is a folder."),
        (shelf.root / "c", "no_speech", "None heard."),
    ]


def test_a_refusal_takes_no_place_in_the_change_log(shelf: Shelf) -> None:
    shelf.scan(*map(shelf.clip, "abc"))
    a, b, c = (shelf.ids()[path] for path in "abc")
    refused = [Outcome(id_, refusal=Refusal.SILENT, detail="Silent.") for id_ in (a, c)]
    storing.store(shelf.catalog, shelf.space, [refused[0], Outcome(b, 1.0, ODD), refused[1]])
    assert shelf.opened_space().changes == 1
    assert shelf.rows("embeddings.seq") == [1]


def test_a_clip_that_another_worker_finished_is_left_as_it_is(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"), shelf.clip("c"))
    a, b, c = (shelf.ids()[path] for path in "abc")
    storing.store(shelf.catalog, shelf.space, [Outcome(a, 1.0, ODD), Outcome(b, refusal=Refusal.SILENT, detail=".")])
    late = [Outcome(id_, 2.0, np.ones(DIM, np.float32)) for id_ in (a, b, c)]
    assert storing.store(shelf.catalog, shelf.space, late).kept == late[2:]
    assert shelf.state() == {"a": "embedded", "b": "silent", "c": "embedded"}
    assert vectors_of(shelf, a)[a].tobytes() == ODD.tobytes()
    with shelf.catalog.read() as connection:
        held = reading.clips_by_id(connection, [a, b, c])
    assert [held[id_].seconds for id_ in (a, b, c)] == [1.0, None, 2.0]


def test_a_clip_that_never_waited_is_not_stored(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    assert storing.store(shelf.catalog, shelf.space, [Outcome(999, 1.0, ODD)]).kept == []
    assert storing.store(shelf.catalog, shelf.another_space(), [Outcome(shelf.ids()["a"], 1.0, ODD)]).kept == []
    assert shelf.count("embeddings") == 0


def test_what_was_heard_in_a_file_that_has_changed_since_is_not_stored(shelf: Shelf) -> None:
    """A worker that claimed the clip before another program saw the change must not have the last word."""
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    claimed = shelf.waiting()
    shelf.scan(shelf.clip("a", mtime=2), shelf.clip("b"))
    outcomes = [Outcome(clip.id, 1.0, ODD, file=clip.file) for clip in claimed]
    assert storing.store(shelf.catalog, shelf.space, outcomes).kept == outcomes[1:]
    assert shelf.state() == {"a": "pending", "b": "embedded"}
    (again,) = shelf.waiting()
    storing.store(shelf.catalog, shelf.space, [Outcome(again.id, 1.0, ODD, file=again.file)])
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
            outcomes = [Outcome(ids[n], 1.0, vectors[n]) for n in window]
            kept += [outcome.clip_id for outcome in storing.store(shelf.catalog, shelf.space, outcomes).kept]
        return kept

    kept = [id_ for each in all_at_once(work, 2) for id_ in each]  # type: ignore[attr-defined]
    assert sorted(kept) == ids
    assert set(shelf.state().values()) == {"embedded"}
    seqs = shelf.rows("embeddings.seq")
    assert len(set(seqs)) == count
    assert {id_: vector.tobytes() for id_, vector in log(shelf)} == {
        id_: vector.tobytes() for id_, vector in zip(ids, vectors, strict=True)
    }


def test_clips_are_claimed_in_parts_in_order_of_their_ids(shelf: Shelf) -> None:
    shelf.scan(*(shelf.clip(f"{n}") for n in range(5)))
    claims = Claims(shelf.catalog, shelf.space, machine="here", pid=1)
    parts = list(iter(lambda: claims.claim(2), []))
    assert [len(part) for part in parts] == [2, 2, 1]
    claimed = [(clip.id, clip.path) for part in parts for clip in part]
    assert claimed == sorted((id_, shelf.root / path) for path, id_ in shelf.ids().items())


def test_a_space_is_chosen_by_name_by_its_own_name_as_the_only_one_or_as_the_default(shelf: Shelf) -> None:
    with shelf.catalog.read() as connection:
        for wanted in (None, "first", "first@1"):
            assert embedding.choose_space(connection, wanted) == shelf.opened_space()
        with pytest.raises(CatalogError, match="holds no embeddings of second, only of first@1") as refusal:
            embedding.choose_space(connection, "second")
        assert "spksearch ingest --encoder second" in refusal.value.mend
    shelf.another_space()
    with shelf.catalog.read() as connection:
        with pytest.raises(CatalogError, match="several spaces: first@1, other@1"):
            embedding.choose_space(connection, None)
        assert embedding.choose_space(connection, "other").dim == DIM
    shelf.another_space(DEFAULT_ENCODER)
    with shelf.catalog.read() as connection:
        assert embedding.choose_space(connection, None).name == DEFAULT_ENCODER


def test_a_catalog_without_voices_has_no_space(catalog: object, shelf: Shelf) -> None:
    with shelf.catalog.write() as connection:
        connection.execute(tables.encoders.delete())
    with shelf.catalog.read() as connection, pytest.raises(CatalogError, match="holds no voices yet"):
        embedding.choose_space(connection, None)


def test_a_clip_that_is_not_there_has_no_root(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    with shelf.catalog.read() as connection:
        assert reading.addresses(connection, shelf.ids()["a"]) == [(shelf.root, "a")]
        with pytest.raises(NotFoundError, match="no clip 77"):
            reading.addresses(connection, 77)
