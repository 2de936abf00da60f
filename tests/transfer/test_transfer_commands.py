"""`spksearch backup`, `restore`, `export` and `catalog import`, as people run them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from end_to_end.running import Ran, Word, on_terminal, quickly
from search.filling import fill, some_voices
from standin import StandInEncoder
from transfer.travelling import write_voices
from views.made_up import unit

from speaker_search.library import Library
from speaker_search.settings import Settings

CLIPS = 84  # of two games


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with voices, an export and a backup of them in the folder around it."""
    folder = tmp_path_factory.mktemp("commands")
    with Library(Settings(home=folder / "home", encoder="stand-in"), encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=2), heard=True)
        library.backup(folder / "backup")
        library.export(folder / "voices.parquet")
    (folder / "cut").write_bytes((folder / "backup").read_bytes()[:-1])
    (folder / "text").write_text("a text")
    write_voices(folder / "bad.parquet", space=StandInEncoder.space, path=["a", "/b"], embedding=list(unit(2, 0, 32)))
    write_voices(folder / "other.parquet", path=["a"], embedding=list(unit(1, 0, 4)))
    return folder / "home"


def test_all_four_commands_for_people(home: Path, tmp_path: Path) -> None:
    def run(*words: Word, at: Path = home) -> Ran:
        done = quickly(*words, home=at)
        assert (done.code, done.err) == (0, "")
        return done

    assert f"Backed up {CLIPS} clips to " in run("backup", tmp_path / "b").out
    checked = run("restore", tmp_path / "b", "--dry-run", at=tmp_path / "new").out
    assert re.search(r"^clips +84$", checked, re.M)
    assert checked.endswith("in stand-in@000000000000. The file is whole. Nothing was written.\n")
    assert run("restore", tmp_path / "b", at=tmp_path / "new").out.endswith(" Restored.\n")
    assert run("verify", at=tmp_path / "new").out.endswith("ok\n")
    assert (
        f"Exported {CLIPS} clips in stand-in@000000000000 to " in run("export", tmp_path / "v", at=tmp_path / "new").out
    )
    assert (
        f"Imported {CLIPS} rows in stand-in@000000000000: {CLIPS} new, 0 known"
        in run("catalog", "import", tmp_path / "v", at=tmp_path / "third").out
    )


def test_all_four_commands_for_programs(home: Path, tmp_path: Path) -> None:
    made = quickly("backup", tmp_path / "b", "--json", home=home)
    assert (made.code, made.err) == (0, "")
    assert made.document["bytes"] == (tmp_path / "b").stat().st_size
    assert made.document["schema"]
    done = quickly("restore", tmp_path / "b", "--json", home=tmp_path / "new")
    assert done.document == {**made.document, "restored": True}
    export = quickly("export", tmp_path / "v", "--json", home=tmp_path / "new").document
    assert (export["clips"], export["left_out"]) == (CLIPS, 0)
    done = quickly("catalog", "import", tmp_path / "v", "--json", home=tmp_path / "new")
    assert (done.code, done.document["known"], done.document["problems"]) == (0, CLIPS, [])


def test_an_import_with_malformed_rows_exits_with_1_and_names_them(home: Path, tmp_path: Path) -> None:
    done = quickly("catalog", "import", home.parent / "bad.parquet", home=tmp_path / "home")
    assert (done.code, done.err) == (1, "")
    assert "1 new, 0 known, 0 with the audio of an older clip, 1 malformed" in done.out
    assert "Malformed: Row 2: its path is empty, too long, or leads out of its folder." in done.out


WRONG: dict[str, tuple[Callable[[Path], tuple[Word, ...]], int, str]] = {
    "a backup over a file": (lambda at: ("backup", at / "text"), 2, "text exists already. Name a new file"),
    "a backup onto a folder": (lambda at: ("backup", at), 2, "is a folder. Name a file in it"),
    "a backup into nowhere": (lambda at: ("backup", at / "no" / "b"), 2, "There is no folder"),
    "an export over a file": (lambda at: ("export", at / "text"), 2, "exists already"),
    "an export of a space that is not there": (
        lambda at: ("export", at / "new", "--encoder", "campplus"),
        3,
        "holds no embeddings of campplus",
    ),
    "a restore of a text": (lambda at: ("restore", at / "text"), 2, "text is not a backup. Name a file that"),
    "a restore of a folder": (lambda at: ("restore", at), 2, "cannot be read: Is a directory"),
    "a restore of nothing": (lambda at: ("restore", at / "none", "--dry-run"), 2, "cannot be read: No such file"),
    "a restore of half a backup": (lambda at: ("restore", at / "cut"), 2, "checksum does not match. Copy it again"),
    "a restore of an export": (lambda at: ("restore", at / "voices.parquet"), 2, "is not a backup"),
    "a restore into voices": (lambda at: ("restore", at / "backup"), 3, "is not empty. Set SPKSEARCH_HOME"),
    "an import of a text": (lambda at: ("catalog", "import", at / "text"), 2, "cannot be read as Parquet"),
    "an import of a backup": (lambda at: ("catalog", "import", at / "backup"), 2, "cannot be read as Parquet"),
    "an import of another space": (
        lambda at: ("catalog", "import", at / "other.parquet"),
        2,
        "holds voices in other@1, and the catalog in stand-in@000000000000",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_reported_in_a_sentence_with_its_exit_code(home: Path, name: str) -> None:
    words, code, says = WRONG[name]
    done = quickly(*words(home.parent), home=home)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "Traceback" not in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_a_terminal_shows_how_far_a_backup_is(home: Path, tmp_path: Path) -> None:
    code, seen = on_terminal("backup", tmp_path / "backup", home=home, columns=100)
    assert code == 0
    shown = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", seen)
    assert re.search(r"backing up .* (\d+)/\1 .* rows/s", shown)
