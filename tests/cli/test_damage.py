"""A damaged catalog or index is reported with the way to repair it, and that way works."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from end_to_end.bundled import Ingested
from end_to_end.running import quickly


@pytest.fixture
def home(ingested: Ingested, tmp_path: Path) -> Path:
    return ingested.copy(tmp_path / "home")


def the_only(home: Path, pattern: str) -> Path:
    (found,) = (home / "index").glob(pattern)
    return found


def flip(file: Path, at: float) -> None:
    """Change one byte, at a fraction of the file's length."""
    content = bytearray(file.read_bytes())
    content[int(at * len(content))] ^= 0x20
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("pattern", "at"),
    [("*/*/*/vectors.npy", 0.5), ("*/*/*/tail.npz", 0.0), ("*/*/*/stamp.json", 0.5), ("*/*/current", 0.5)],
)
def test_a_flipped_bit_in_the_index_is_reported_and_index_build_repairs_it(home: Path, pattern: str, at: float) -> None:
    flip(the_only(home, pattern), at)
    done = quickly("verify", home=home)
    assert "Traceback" not in done.err
    assert "spksearch index build" in done.err
    assert (done.code, done.out) == (3, "")
    mended = quickly("index", "build", "--json", home=home)
    assert (mended.code, mended.document["ok"], mended.document["index"]["vectors"]) == (0, True, 193)


@pytest.mark.parametrize("words", [("index", "status"), ("verify",)])
def test_an_index_without_the_version_it_names_is_reported(home: Path, words: tuple[str, ...]) -> None:
    stamp = the_only(home, "*/*/*/stamp.json")
    stamp.parent.rename(home / "elsewhere")
    done = quickly(*words, home=home)
    assert "Traceback" not in done.err
    assert "spksearch index build" in done.err
    assert done.code == 3


def test_a_deleted_index_costs_nothing(home: Path, tmp_path: Path) -> None:
    before = quickly("cast", "--json", home=home)
    (home / "index").rename(tmp_path / "elsewhere")
    assert quickly("cast", "--json", home=home) == before


def test_damaged_profiles_are_built_again_silently(home: Path) -> None:
    before = quickly("similar", "1", "--json", home=home)
    for damage in (lambda file: flip(file, 0.5), lambda file: file.write_bytes(file.read_bytes()[:100])):
        damage(the_only(home, "*/*/scores/*/profiles.npz"))
        assert quickly("similar", "1", "--json", home=home) == before


def test_a_catalog_of_another_schema_is_left_alone(home: Path) -> None:
    with closing(sqlite3.connect(home / "catalog.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    done = quickly("cast", home=home)
    assert "schema version 9999" in done.err
    assert "Traceback" not in done.err
    assert done.code == 3
    upgraded = quickly("catalog", "upgrade", home=home)
    assert ("9999" in upgraded.err, "Traceback" in upgraded.err, upgraded.code) == (True, False, 3)


def test_a_damaged_vector_is_named_with_the_command_that_mends_it(home: Path) -> None:
    with closing(sqlite3.connect(home / "catalog.db")) as database, database:
        database.execute("UPDATE embeddings SET vector = x'00' WHERE clip_id = 7")
    found = quickly("verify", home=home)
    assert "clip 7: its vector has 1 bytes, not 1,024: " in found.out
    assert (found.out.splitlines()[-1], found.code) == ("not ok: run `spksearch verify --repair`", 3)
    mended = quickly("verify", "--repair", home=home)
    assert (mended.out.splitlines()[-1], mended.code) == ("ok", 0)
    assert "Queued 1 clip: `spksearch worker --drain` embeds what is queued." in mended.err
    assert quickly("verify", "--json", home=home).document["clips"] == {"embedded": 192, "pending": 1, "refused": 2}


def test_upgrading_a_catalog_that_is_up_to_date_changes_nothing(home: Path) -> None:
    before = quickly("catalog", "list", "--json", home=home)
    upgraded = quickly("catalog", "upgrade", "--json", home=home)
    assert (upgraded.code, list(upgraded.document)) == (0, ["schema"])
    assert f"at schema {upgraded.document['schema']}." in quickly("catalog", "upgrade", home=home).out
    assert quickly("catalog", "list", "--json", home=home) == before


def test_a_catalog_that_is_not_a_database_is_reported(home: Path) -> None:
    (home / "catalog.db").write_text("no database " * 1000)
    done = quickly("cast", home=home)
    assert "catalog.db is not a database. Set SPKSEARCH_HOME" in done.err
    assert "Traceback" not in done.err
    assert done.code == 3


@pytest.mark.parametrize(
    "words", [("verify",), ("verify", "--repair"), ("similar", "1"), ("index", "build"), ("catalog", "list")]
)
def test_a_damaged_page_of_the_catalog_is_one_sentence_with_a_way_out(home: Path, words: tuple[str, ...]) -> None:
    """Before, verify said "ok" unless its own queries met the page."""
    content = bytearray((home / "catalog.db").read_bytes())
    with closing(sqlite3.connect(home / "catalog.db")) as database:
        wanted = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        read = "characters" if words[0] in ("catalog", "similar") else "embeddings"
        (page,) = database.execute(wanted, (read,)).fetchone()
    content[4096 * (page - 1) : 4096 * page] = bytes(4096)
    (home / "catalog.db").write_bytes(content)
    done = quickly(*words, home=home)
    (sentence,) = done.err.splitlines()
    assert "is damaged: " in sentence
    assert sentence.endswith("Restore a backup; without one, move the file away and ingest your folders again.")
    assert (done.code, done.out) == (3, "")
