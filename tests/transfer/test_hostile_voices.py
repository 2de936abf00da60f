"""A file of voices that anybody may have written: rows that cannot be used are counted and named, others taken in."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from standin import StandInEncoder
from transfer.travelling import write_voices
from views.made_up import unit

from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings

GOOD = unit(1, 0, 4)[0]
#: One row each: what differs from a good one, and what is wrong with it.
ROWS: list[tuple[dict[str, Any], str]] = [
    ({"path": ""}, "its path is empty, too long, or leads out of its folder"),
    ({"path": None}, "its path is empty"),
    ({"path": "../../etc/passwd"}, "leads out of its folder"),
    ({"path": "/etc/passwd"}, "leads out of its folder"),
    ({"path": "C:\\a.ogg"}, "leads out of its folder"),
    ({"path": "a\\..\\..\\b"}, "leads out of its folder"),
    ({"path": "x" * 2_000}, "too long"),
    ({"path": "a\0b"}, "its path"),
    ({"game": ""}, "it names no game"),
    ({"game": None}, "it names no game"),
    ({"game": "g" * 5_000}, "a name that is not valid Unicode, or too long"),
    ({"maker": "m\0"}, "a name that is not valid Unicode"),
    ({"character": "ﷺ" * 500}, "too long"),
    ({"root": "r" * 1_000_000}, "too long"),
    ({"text": "t" * 200_000}, "its text is over 100,000 characters"),
    ({"seconds": -1.0}, "its length is not between"),
    ({"seconds": float("nan")}, "its length is not between"),
    ({"seconds": float("inf")}, "its length is not between"),
    ({"fingerprint": "zz" * 16}, "its fingerprint is not 32 hexadecimal digits"),
    ({"fingerprint": "0a"}, "its fingerprint"),
    ({"embedding": np.full(4, np.nan, np.float32)}, "its vector is not finite"),
    ({"embedding": np.full(4, 3e38, np.float32)}, "its vector is not finite"),
    ({"embedding": 2 * GOOD}, "the length of its vector is not 1"),
    ({"embedding": 0 * GOOD}, "the length of its vector is not 1"),
    ({"embedding": GOOD[:3]}, "its vector has not 4 numbers"),
    ({"embedding": np.concatenate([GOOD, GOOD])}, "its vector has not 4 numbers"),
    ({"embedding": None}, "its vector has not 4 numbers"),
]
PLAIN = {
    "maker": "M",
    "game": "G",
    "character": "？？？",
    "root": "../../..",
    "path": "ok.ogg",
    "text": "\x1b[2J",
    "seconds": 1.0,
    "fingerprint": None,
    "embedding": GOOD,
}


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in PLAIN}


def test_rows_that_cannot_be_used_are_counted_and_named(settings: Settings, tmp_path: Path) -> None:
    rows = [PLAIN, *({**PLAIN, **wrong} for wrong, _ in ROWS), {**PLAIN, "path": "too.ogg"}]
    file = write_voices(tmp_path / "voices.parquet", **columns(rows))
    with Library(settings.model_copy(update={"encoder": None})) as library:
        done = library.import_voices(file)
        assert (done.rows, done.new, done.malformed) == (len(rows), 2, len(ROWS))
        assert library.verify().ok
        assert str(library.clips([1])[1].path) == "imported:voices.parquet/../../../ok.ogg"  # and never opened
    assert len(done.problems) == 10
    assert done.problems[0] == "Row 2: its path is empty, too long, or leads out of its folder."


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_what_is_wrong_with_a_row_is_said(number: int, sqlite_catalog_url: str, tmp_path: Path) -> None:
    wrong, says = ROWS[number]
    file = write_voices(tmp_path / "voices.parquet", **columns([PLAIN, {**PLAIN, **wrong}]))
    with Library(Settings(home=tmp_path, database_url=sqlite_catalog_url)) as library:
        (problem,) = library.import_voices(file).problems
    assert problem.startswith("Row 2: ")
    assert says in problem


def with_column(file: Path, name: str, values: pa.Array) -> None:
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.schema.names.index(name), name, values), file)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("maker", pa.array([1, 2])),
        ("path", pa.array([b"a", b"b"])),
        ("character", pa.array([["a"], ["b"]])),
        ("seconds", pa.array(["1", "2"])),
        ("embedding", pa.array(["a", "b"])),
        ("embedding", pa.array([[1, 0, 0, 0]] * 2)),
        ("embedding", pa.array([["a"] * 4] * 2)),
        ("fingerprint", pa.array([1.5, 2.5])),
    ],
)
def test_a_column_of_another_type_is_refused_in_a_sentence(name: str, values: pa.Array, tmp_path: Path) -> None:
    file = write_voices(tmp_path / "voices.parquet", **columns([PLAIN, PLAIN]))
    with_column(file, name, values)
    with Library(Settings(home=tmp_path / "home")) as library:
        with pytest.raises(UsageError, match=f"voices.parquet has a column {name} of another type than an export"):
            library.import_voices(file)
        assert library.empty


def test_other_spellings_of_the_same_types_are_read(tmp_path: Path) -> None:
    """As pandas and others write them."""
    file = write_voices(tmp_path / "voices.parquet", **columns([PLAIN, {**PLAIN, "path": "b"}]))
    with_column(file, "maker", pa.array(["M", "M"]).dictionary_encode())
    with_column(file, "text", pa.array([None, None], pa.null()))
    with_column(file, "game", pa.array(["G", "G"], pa.large_string()))
    with_column(file, "embedding", pa.array([GOOD.astype(float)] * 2, pa.large_list(pa.float64())))
    with Library(Settings(home=tmp_path / "home")) as library:
        assert library.import_voices(file).new == 2
        assert library.verify().ok


def test_bytes_that_are_not_utf8_are_escaped(tmp_path: Path) -> None:
    file = write_voices(tmp_path / "voices.parquet", **columns([{**PLAIN, "text": "QQQQ"}, {**PLAIN, "path": "b"}]))
    file.write_bytes(file.read_bytes().replace(b"QQQQ", b"\xff\xfeQQ"))
    with Library(Settings(home=tmp_path / "home")) as library:
        assert library.import_voices(file).new == 2
        assert library.clips([1])[1].text == "\\xff\\xfeQQ"


def test_what_is_no_file_of_voices_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("no parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    pq.write_table(
        pa.table({"a": [1]}).replace_schema_metadata({"spksearch.space": "a@1"}), tmp_path / "lacking.parquet"
    )
    strange = write_voices(tmp_path / "strange.parquet", space="../..", path=["a"], embedding=[GOOD])
    says = {
        tmp_path / "text.parquet": "cannot be read as Parquet",
        tmp_path / "nothing.parquet": "cannot be read as Parquet: No such file",
        tmp_path: "cannot be read as Parquet",
        tmp_path / "other.parquet": "does not say in which space its vectors are",
        tmp_path / "lacking.parquet": "has no column maker. Its columns are: a",
        strange: "does not say in which space",
        write_voices(tmp_path / "none.parquet", path=["a"], embedding=[np.zeros(0, np.float32)]): "have 0 numbers",
    }
    with Library(Settings(home=tmp_path / "home")) as library:
        for file, words in says.items():
            with pytest.raises(UsageError, match=words):
                library.import_voices(file)
        assert library.empty


def test_a_damaged_file_of_voices_never_ends_in_a_traceback(tmp_path: Path) -> None:
    """Bits are flipped, and the file is cut off."""
    paths = [f"{row}.ogg" for row in range(50)]
    file = write_voices(tmp_path / "whole.parquet", path=paths, embedding=list(unit(50, 0, 4)))
    with Library(Settings(home=tmp_path / "a", encoder="stand-in"), encoder=StandInEncoder()) as library:
        whole, rng, refused = file.read_bytes(), random.Random(3), 0
        for number in range(150):
            content = bytearray(whole[: rng.randrange(len(whole))] if number % 5 == 0 else whole)
            for _ in range(rng.choice((1, 4))):
                if content:
                    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            (tmp_path / "damaged.parquet").write_bytes(content)
            try:
                library.import_voices(tmp_path / "damaged.parquet")
            except UsageError:
                refused += 1
    assert refused > 30
