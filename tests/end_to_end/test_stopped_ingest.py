"""An ingest that is killed, and one stopped by Ctrl-C, go on where they were and end as one that nobody disturbed."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from end_to_end.bundled import VOICES, Ingested
from end_to_end.held import held
from end_to_end.running import LIMIT_S, Begun, Ran, begun

from speaker_search.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signals are those of POSIX")

CLIPS = 193  # in four portions
LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Stopped:
    """A home whose ingest was killed, stopped by Ctrl-C, killed again, and then left alone."""

    home: Path
    ran: list[Ran]  #: those stopped
    embedded: list[int]  #: clips after each of them
    last: Ran


def ingest(home: Path) -> Begun:
    return begun("ingest", VOICES, "--encoder", "resemblyzer", "--json", home=home)


def begins_to_embed(running: Begun) -> None:
    """Wait until it is about to embed the first portion."""
    assert any(json.loads(line)["phase"] == "embedding" for line in running.err)


def embeds(running: Begun, home: Path, before: int) -> None:
    """Wait until it has stored a portion more."""
    while embedded(home) == before:
        running.process.join(LOOK_EVERY_S)
        assert running.process.is_alive()


def embedded(home: Path) -> int:
    """Clips embedded so far, as seen by another program."""
    with closing(sqlite3.connect(f"file:{home / 'catalog.db'}?mode=ro", uri=True, timeout=LIMIT_S)) as database:
        return int(database.execute("SELECT count(*) FROM embeddings").fetchone()[0])


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    home = tmp_path_factory.mktemp("stopped") / "home"
    ran, after = [], []
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        with ingest(home) as running:
            begins_to_embed(running)
            if number == signal.SIGINT:
                embeds(running, home, after[-1])
            running.send(number)
            ran.append(running.ended())
        after.append(embedded(home))
    with ingest(home) as running:
        return Stopped(home, ran, after, running.ended())


def test_ctrl_c_exits_with_130_and_a_sentence(stopped: Stopped) -> None:
    ctrl_c = stopped.ran[1]
    assert (ctrl_c.code, ctrl_c.out) == (130, "")
    assert "run the same command to continue" in ctrl_c.err
    assert "Traceback" not in ctrl_c.err


def test_what_was_embedded_before_a_kill_or_ctrl_c_is_kept(stopped: Stopped) -> None:
    assert [ran.code for ran in stopped.ran] == [-signal.SIGKILL, 130, -signal.SIGKILL]
    first, second, third = stopped.embedded
    assert 0 <= first < second <= third < CLIPS
    report = stopped.last.document
    assert report["embedded"] == CLIPS - stopped.embedded[-1]
    assert (report["new"], report["known"]) == (0, CLIPS + 2)
    assert report["catalog"] == {"embedded": CLIPS, "pending": 0, "refused": 2}


def test_an_ingest_killed_and_run_again_ends_as_an_undisturbed_one(stopped: Stopped, ingested: Ingested) -> None:
    assert held(Settings(home=stopped.home)) == held(Settings(home=ingested.home))
