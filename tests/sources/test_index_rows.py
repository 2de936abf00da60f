"""Reading an index.json row by row, and saying what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.errors import SourceError
from speaker_search.sources import GameSource, Layout
from speaker_search.sources.walk import DiskTree

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "index.json"
    path.write_bytes(data)
    return path


def rows(path: Path) -> Iterator[object]:
    return DiskTree(path.parent).rows(path.name)


def complaint(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        list(rows(path))
    assert caught.value.mend
    return str(caught.value)


@settings(deadline=None, derandomize=True, max_examples=80)
@given(values=st.lists(ANY_JSON, max_size=8), indent=st.none() | st.integers(0, 3), ascii_only=st.booleans())
def test_any_list_comes_back_as_json_reads_it(
    tmp_path_factory: pytest.TempPathFactory, values: list[object], indent: int | None, ascii_only: bool
) -> None:
    data = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    path = written(tmp_path_factory.mktemp("rows"), b" \r\n" + data + b"\n")
    assert list(rows(path)) == values


def test_rows_that_cross_the_chunks_stay_whole(tmp_path: Path) -> None:
    values = [{"Speaker": "琴子", "Voice": str(n), "Text": "あ" * (n % 7)} for n in range(60_000)]
    values.insert(30_000, 123_456)
    values.insert(100, "長" * 3_000_000)
    path = written(tmp_path, json.dumps(values, ensure_ascii=False).encode())
    assert list(rows(path)) == values


def test_a_number_cut_by_the_end_of_a_chunk_stays_whole(tmp_path: Path) -> None:
    data = b"[" + b" " * (2**20 - 4) + b"123456,7]"
    assert list(rows(written(tmp_path, data))) == [123_456, 7]


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert list(rows(written(tmp_path, b"\xef\xbb\xbf[1]"))) == [1]


def test_an_empty_list_has_no_rows(tmp_path: Path) -> None:
    assert list(rows(written(tmp_path, b" [ ] "))) == []


@pytest.mark.parametrize(
    "data", [b"", b"  ", b"hello", b"[1,", b"[1 2]", b"[1,]", b"[,]", b'[{"a": 1', b'["a', b"[1}", b"[", b'[{"a"}]']
)
def test_what_is_no_json_is_said_so(tmp_path: Path, data: bytes) -> None:
    assert "breaks off or is no JSON after row" in complaint(written(tmp_path, data))


def test_the_last_good_row_is_named(tmp_path: Path) -> None:
    assert "after row 1,200." in complaint(written(tmp_path, b"[" + b"1," * 1_200 + b"x]"))


@pytest.mark.parametrize("data", [b"[1]]", b"[1] 2", b'[]{"a": 1}'])
def test_what_follows_the_list_is_refused(tmp_path: Path, data: bytes) -> None:
    assert "goes on after its list" in complaint(written(tmp_path, data))


@pytest.mark.parametrize("data", [b'{"rows": []}', b"3", b'"text"', b"null"])
def test_json_without_a_list_is_refused(tmp_path: Path, data: bytes) -> None:
    assert "list of rows" in complaint(written(tmp_path, data))


@pytest.mark.parametrize("data", ['[{"Speaker": "琴子"}]'.encode("shift-jis"), b'["\xff"]', "[1]".encode("utf-16")])
def test_another_encoding_is_refused(tmp_path: Path, data: bytes) -> None:
    assert "is not UTF-8." in complaint(written(tmp_path, data))


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    assert "no JSON" in complaint(written(tmp_path, b"[" * 200_000))


def test_a_number_with_too_many_digits_is_refused(tmp_path: Path) -> None:
    assert "no JSON" in complaint(written(tmp_path, b"[" + b"1" * 10_000 + b"]"))


def test_a_row_without_end_is_not_read_to_the_end(tmp_path: Path) -> None:
    path = written(tmp_path, b'["' + b"x" * 40_000_000)
    assert "no JSON" in complaint(path)


def test_an_index_that_is_a_folder_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "index.json").mkdir()
    assert "cannot be read" in complaint(tmp_path / "index.json")


def test_an_index_that_is_gone_cannot_be_read(tmp_path: Path) -> None:
    assert "cannot be read" in complaint(tmp_path / "index.json")


def test_a_broken_index_gives_no_candidate_at_all(tmp_path: Path) -> None:
    written(tmp_path, b'[{"Speaker": "a", "Voice": "1"}, ')
    with pytest.raises(SourceError):
        next(GameSource(tmp_path, "maker", "title", Layout.DUMP, "index.json").candidates())
