"""An object as a file: the same bytes as the object, by few requests."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources.objects.memory import GoogleInMemory, google

from speaker_search.entities import ObjectPath
from speaker_search.sources.objects.object_file import FIRST_BYTES, ObjectFile
from speaker_search.sources.objects.store import store

CONTENT = random.Random(7).randbytes(24 * 2**20)
SMALL = CONTENT[:700_000]


@pytest.fixture(scope="module", autouse=True)
def storage() -> Iterator[type[GoogleInMemory]]:
    with google({"b/large": CONTENT, "b/small": SMALL}) as files:
        yield files


def opened(name: str, size: int) -> ObjectFile:
    return ObjectFile(store("gs"), ObjectPath("gs", f"b/{name}"), size)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SMALL) + 10), st.integers(-1, 2 * FIRST_BYTES)), max_size=12))
def test_reads_anywhere_give_the_bytes_that_are_there(reads: list[tuple[int, int]]) -> None:
    ours, theirs = opened("small", len(SMALL)), io.BytesIO(SMALL)
    for place, count in reads:
        assert ours.seek(place) == theirs.seek(place)
        assert ours.read(count) == theirs.read(count)
        assert ours.tell() == theirs.tell()
    assert ours.seek(-5, io.SEEK_END) == theirs.seek(-5, io.SEEK_END)
    assert ours.read() == theirs.read()


def test_reading_from_front_to_back_takes_few_requests(storage: type[GoogleInMemory]) -> None:
    storage.reads = 0
    file = opened("large", len(CONTENT))
    assert b"".join(iter(lambda: file.read(30_000), b"")) == CONTENT
    assert storage.reads <= 10


def test_a_jump_fetches_little(storage: type[GoogleInMemory]) -> None:
    file, fetched = opened("large", len(CONTENT)), 0
    for place in (20_000_000, 5_000_000, len(CONTENT) - 22, 12_000_000):
        storage.reads = 0
        file.seek(place)
        file.read(22)
        fetched += storage.reads
    assert fetched == 4


def test_a_file_that_was_replaced_by_a_shorter_one_is_an_error() -> None:
    with pytest.raises(OSError, match="was replaced by a shorter object"):
        opened("small", len(SMALL) + 50).read()
