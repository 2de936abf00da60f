"""Reading an index.json row by row, and saying what is wrong with it."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.errors import SourceError
from speaker_search.sources import GameSource, Layout
from speaker_search.sources.layouts.index_json import rows
from speaker_search.sources.trees.disk_tree import DiskTree

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def read(data: bytes) -> list[object]:
    return list(rows(io.BytesIO(data), "index.json"))


def complaint(values: Iterator[object]) -> str:
    with pytest.raises(SourceError) as caught:
        list(values)
    assert caught.value.mend
    return caught.value.detail


def complaint_about(data: bytes) -> str:
    return complaint(rows(io.BytesIO(data), "index.json"))


@settings(deadline=None, derandomize=True, max_examples=80)
@given(values=st.lists(ANY_JSON, max_size=8), indent=st.none() | st.integers(0, 3), ascii_only=st.booleans())
def test_any_list_comes_back_as_json_reads_it(values: list[object], indent: int | None, ascii_only: bool) -> None:
    data = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert read(b" \r\n" + data + b"\n") == values


def test_rows_that_cross_the_chunks_stay_whole() -> None:
    values: list[object] = [{"Speaker": "琴子", "Voice": str(n), "Text": "あ" * (n % 7)} for n in range(30_000)]
    values.insert(20_000, 123_456)
    values.insert(100, "長" * 3_000_000)
    assert read(json.dumps(values, ensure_ascii=False).encode()) == values
    assert read(b"[" + b" " * (2**20 - 4) + b"123456,7]") == [123_456, 7]  # a number cut by the end of a chunk


def test_the_rows_before_a_fault_come_first() -> None:
    values = rows(io.BytesIO(b"[1, 2, x]"), "index.json")
    assert [next(values), next(values)] == [1, 2]
    assert "after row 2." in complaint(values)


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b"\xef\xbb\xbf[1]", [1]),
        (b" [ ] ", []),
        (b"[Infinity, -Infinity]", [math.inf, -math.inf]),
        (b"[123456789012345678901234567890]", [123456789012345678901234567890]),
        (b'["\\ud800", "\\udfff"]', ["\ud800", "\udfff"]),
    ],
)
def test_what_python_writes_as_json_is_read(data: bytes, values: list[object]) -> None:
    assert read(data) == values


def test_a_text_that_pandas_wrote_as_nan_is_no_reason_to_refuse_the_list() -> None:
    ((first, second),) = [read(b'[{"Text": NaN}, {"Text": "x"}]')]
    assert isinstance(first, dict)
    assert math.isnan(first["Text"])
    assert second == {"Text": "x"}


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"  ", b"hello", b"[1,", b"[1 2]", b"[1,]", b"[,]", b'[{"a": 1', b'["a', b"[1}", b"[", b'[{"a"}]'),
        b"[" * 200_000,
        b"[" + b"1" * 10_000 + b"]",
    ],
)
def test_invalid_json_is_told(data: bytes) -> None:
    assert "is truncated or not valid JSON after row" in complaint_about(data)


def test_the_last_good_row_is_named() -> None:
    assert complaint_about(b"[" + b"1," * 1_200 + b"x]").endswith("after row 1,200.")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        *((data, "continues after its list of rows.") for data in (b"[1]]", b"[1] 2", b'[]{"a": 1}')),
        *((data, "not a list of rows.") for data in (b'{"rows": []}', b"3", b'"text"', b"null")),
        *((data, "is not UTF-8.") for data in ('["琴子"]'.encode("shift-jis"), b'["\xff"]', "[1]".encode("utf-16"))),
    ],
)
def test_anything_but_one_list_in_utf_8_is_refused(data: bytes, sentence: str) -> None:
    assert complaint_about(data).endswith(sentence)


def test_a_row_without_an_end_is_not_read_to_the_end_of_the_file() -> None:
    file = io.BytesIO(b'["' + b"x" * 60_000_000)
    assert "not valid JSON" in complaint(rows(file, "index.json"))
    assert file.tell() < 40_000_000


@pytest.mark.parametrize("is_folder", [True, False])
def test_an_index_that_is_a_folder_or_gone_cannot_be_read(tmp_path: Path, is_folder: bool) -> None:
    if is_folder:
        (tmp_path / "index.json").mkdir()
    assert "cannot be read" in complaint(DiskTree(tmp_path).rows("index.json"))


def test_a_truncated_index_gives_no_candidate_at_all(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_bytes(b'[{"Speaker": "a", "Voice": "1"}, ')
    with pytest.raises(SourceError):
        next(GameSource(tmp_path, "maker", "title", Layout.DUMP, "index.json").candidates())
