"""Clips registered by one command and embedded by another, and clips whose files are gone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from end_to_end.bundled import VOICES, Ingested
from end_to_end.running import Ran, quickly
from standin import write_voice

RESEMBLYZER = ("--encoder", "resemblyzer")
GAME = VOICES / "こもれび工房_星降る坂の約束"
CLIPS = 48  # of it, and one that is no sound


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose voices are registered and not embedded."""
    home = tmp_path_factory.mktemp("registered")
    done = quickly("ingest", GAME, "--enqueue", *RESEMBLYZER, "--json", home=home)
    report = done.document
    again = quickly("ingest", GAME, "--enqueue", *RESEMBLYZER, home=home)
    assert "Scanned 1 game: exact 49." in again.out
    assert again.out.endswith("Next: `spksearch worker --drain --encoder resemblyzer` embeds what is pending.\n")
    assert (done.code, report["new"], report["opened"], report["pending"]) == (0, CLIPS + 1, 0, CLIPS + 1)
    return home


@pytest.fixture(scope="module")
def worked(home: Path) -> Ran:
    return quickly("worker", "--drain", "--workers", "1", "--json", home=home)


def test_a_worker_embeds_what_another_command_registered(worked: Ran, home: Path) -> None:
    report = worked.document
    assert worked.code == 1
    assert (report["opened"], report["embedded"], report["refused"]) == (CLIPS + 1, CLIPS, {"not_audio": 1})
    assert report["catalog"] == {"embedded": CLIPS, "pending": 0, "refused": 1}
    assert quickly("verify", home=home).code == 0


def test_a_draining_worker_with_nothing_to_do_exits_with_0(worked: Ran, home: Path) -> None:
    done = quickly("worker", "--drain", "--json", home=home)
    assert (done.code, done.document["opened"]) == (0, 0)
    in_words = quickly("worker", "--drain", home=home)
    assert in_words.out == f"The catalog holds {CLIPS} embedded, 0 pending and 1 refused clip.\n"
    last = json.loads(done.err.splitlines()[-1])
    assert (last["event"], last["phase"]) == ("progress", "done")


def test_clips_that_are_gone_are_counted_and_forgotten_on_request(ingested: Ingested, tmp_path: Path) -> None:
    home, voices = ingested.copy(tmp_path / "home"), tmp_path / "voices"
    for take in range(2):
        write_voice(voices / "工房/新作/役" / f"{take}.wav", 3, take, seconds=1.5)
    assert quickly("ingest", voices, home=home).code == 0
    shutil.rmtree(voices / "工房/新作/役")
    write_voice(voices / "工房/新作/別/0.wav", 3, 7, seconds=1.5)
    gone = quickly("ingest", voices, home=home)
    assert "2 gone" in gone.out
    assert "spksearch catalog forget --gone" in gone.out
    assert "Forgot 2 clips." in quickly("catalog", "forget", "--gone", home=home).out
    assert quickly("catalog", "forget", "--gone", "--json", home=home).document == {"clips": 0}
    assert quickly("verify", "--json", home=home).document["clips"]["embedded"] == 194


def test_forgetting_nothing_in_particular_is_wrong_usage(ingested: Ingested) -> None:
    done = quickly("catalog", "forget", home=ingested.home)
    assert (done.code, "--gone" in done.err) == (2, True)
