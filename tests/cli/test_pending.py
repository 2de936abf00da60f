"""What commands say while all clips are still to be embedded."""

from __future__ import annotations

from pathlib import Path

import pytest
from end_to_end.bundled import VOICES
from end_to_end.running import quickly

PENDING = "Note: Provisional, because clips are still to be embedded (194 of 194): matches may change.\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("pending") / "home"
    quickly("ingest", VOICES, "--enqueue", "--encoder", "resemblyzer", home=home)
    return home


def test_an_evaluation_measures_nothing_and_says_why(home: Path) -> None:
    """It printed a precision of 0.000, with an interval."""
    done = quickly("evaluate", "--truth", VOICES / "cast.json", home=home)
    assert (done.code, PENDING in done.err) == (0, True)
    assert "0.000" not in done.out
    assert "1.000" not in done.out


def test_an_exported_cast_comes_with_its_warnings(home: Path, tmp_path: Path) -> None:
    """An empty table was written without a word on why."""
    done = quickly("cast", "--export", tmp_path / "cast.csv", home=home)
    assert (done.code, done.out) == (1, "")
    assert PENDING in done.err
    assert "Note: No voices: the catalog holds too few characters or games" in done.err
    assert "0 recurring voices written to" in done.err


def test_a_character_waits_for_a_worker(home: Path) -> None:
    done = quickly("similar", "1", home=home)
    assert (done.code, done.out) == (2, "")
    assert "194 clips of the catalog are still to be embedded" in done.err
    assert "`spksearch worker --drain`" in done.err
