"""An ingest that is killed, and one stopped by Ctrl-C, go on where they were and end as one that nobody disturbed."""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from end_to_end.bundled import VOICES, Ingested
from end_to_end.forked import DECODING, EMBEDDING
from end_to_end.gates import Gated, gated_command
from end_to_end.held import held
from end_to_end.running import LIMIT_S, Ran, quickly

from speaker_search.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signals are those of POSIX")

INGEST = ("ingest", VOICES, "--encoder", "resemblyzer", "--json")
CLIPS = 193  # in four portions


@dataclass(frozen=True, slots=True)
class Stopped:
    """A home whose ingest was stopped by Ctrl-C, killed, stopped by Ctrl-C again, and then left alone."""

    home: Path
    ran: list[Ran]  #: those stopped
    embedded: list[int]  #: clips after each of them
    last: Ran


def ingest(home: Path, before: str) -> AbstractContextManager[Gated]:
    return gated_command(*INGEST, home=home, before=before)


def embedded(home: Path) -> int:
    """Clips embedded so far, as seen by another program."""
    with closing(sqlite3.connect(f"file:{home / 'catalog.db'}?mode=ro", uri=True, timeout=LIMIT_S)) as database:
        return int(database.execute("SELECT count(*) FROM embeddings").fetchone()[0])


def killed(home: Path) -> Ran:
    """An ingest that is killed before it decodes what it has claimed."""
    with ingest(home, DECODING) as running:
        running.arrives(DECODING)
        running.begun.send(signal.SIGKILL)
        return running.begun.ended()


def told_to_stop(home: Path) -> Ran:
    """An ingest that gets Ctrl-C while it embeds its first portion."""
    with ingest(home, EMBEDDING) as running:
        running.arrives(EMBEDDING)
        running.is_told_to_stop(signal.SIGINT)
        running.passes(waits_again=False)
        return running.begun.ended()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    home = tmp_path_factory.mktemp("stopped") / "home"
    ran, after = [], []
    for stop in (told_to_stop, killed, told_to_stop):
        ran.append(stop(home))
        after.append(embedded(home))
    return Stopped(home, ran, after, quickly(*INGEST, home=home))


def test_ctrl_c_exits_with_130_and_a_sentence(stopped: Stopped) -> None:
    for ctrl_c in stopped.ran[::2]:
        assert (ctrl_c.code, ctrl_c.out) == (130, "")
        assert "run the same command to continue" in ctrl_c.err
        assert "Traceback" not in ctrl_c.err


def test_what_was_embedded_before_a_kill_or_ctrl_c_is_kept(stopped: Stopped) -> None:
    """So is the portion that was being embedded at Ctrl-C."""
    assert [ran.code for ran in stopped.ran] == [130, -signal.SIGKILL, 130]
    first, second, third = stopped.embedded
    assert 0 < first == second < third < CLIPS
    report = stopped.last.document
    assert report["embedded"] == CLIPS - stopped.embedded[-1]
    assert (report["new"], report["known"]) == (0, CLIPS + 2)
    assert report["catalog"] == {"embedded": CLIPS, "pending": 0, "refused": 2}


def test_an_ingest_killed_and_run_again_ends_as_an_undisturbed_one(stopped: Stopped, ingested: Ingested) -> None:
    assert held(Settings(home=stopped.home)) == held(Settings(home=ingested.home))
