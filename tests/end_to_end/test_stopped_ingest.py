"""An ingest killed at any moment, or stopped by Ctrl-C, ends as one that nobody disturbed."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile
from end_to_end.bundled import VOICES
from end_to_end.running import LIMIT_S, Ran, passes, quickly, spksearch, started

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signals are those of POSIX")

SEED = 20260
LINES = 160  # of the bundled ones
GAMES = 3  # each holds a copy of them
CLIPS = LINES * GAMES  # some 142 make a portion: the moments below are between those
LINE_SECONDS = 0.9  # of each bundled line: enough for one pass of the network
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Held:
    """What a catalog holds, by the clips' paths."""

    vectors: dict[str, bytes]
    refused: dict[str, str]
    pending: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """A home whose ingest was killed again and again, then stopped by Ctrl-C, then left alone."""

    home: Path
    killed_at: list[int]  #: clips embedded when each kill had been sent
    ctrl_c: Ran
    at_ctrl_c: int
    last: Ran


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled lines, cut short, in games of several names; with one that is no sound."""
    root = tmp_path_factory.mktemp("lines")
    for clip in [clip for clip in sorted(VOICES.rglob("*.ogg")) if _decodes(clip)][:LINES]:
        samples, rate = soundfile.read(clip)
        for number in range(GAMES):
            path = root / "Maker" / f"Game {number}" / clip.parent.name / f"{clip.stem}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples[: int(LINE_SECONDS * rate)], rate)
    (root / "Maker" / "Game 0" / "broken.wav").write_text("no sound")
    return root


def _decodes(clip: Path) -> bool:
    try:
        return bool(soundfile.info(clip).frames)
    except soundfile.LibsndfileError:
        return False


def arguments(voices: Path) -> tuple[str | Path, ...]:
    return ("ingest", voices, "--encoder", "resemblyzer", "--json")


@pytest.fixture(scope="module")
def undisturbed(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Held:
    home = tmp_path_factory.mktemp("undisturbed")
    done = spksearch(*arguments(voices), home=home)
    assert (done.code, done.document["embedded"]) == (1, CLIPS)
    return held(home)


@pytest.fixture(scope="module")
def stopped(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    home = tmp_path_factory.mktemp("stopped")
    rng = random.Random(SEED)
    moments: list[tuple[Callable[[], bool], float]] = [  # and for how many seconds at most it may go on from there
        ((home / "catalog.db").exists, 0.0),  # before there are tables
        (lambda: embedded(home) > killed_at[-1], 0.7),
        (lambda: embedded(home) > killed_at[-1], 0.7),
    ]
    killed_at: list[int] = []
    for moment, longest_s in moments:
        process = started(*arguments(voices), home=home)
        wait_until(moment, process)
        passes(process, rng.uniform(0, longest_s))  # somewhere in the window that is under way
        process.kill()
        process.communicate(timeout=LIMIT_S)
        assert process.returncode == -signal.SIGKILL
        killed_at.append(embedded(home))
    process = started(*arguments(voices), home=home)
    wait_until(lambda: embedded(home) > killed_at[-1], process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_S)
    at_ctrl_c = embedded(home)
    return Stopped(
        home, killed_at, Ran(process.returncode, out, err), at_ctrl_c, spksearch(*arguments(voices), home=home)
    )


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Look again and again while the process runs."""
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert passes(process, POLL_S), process.communicate()
        assert time.monotonic() < deadline


def embedded(home: Path) -> int:
    """Clips embedded so far, as seen by another program."""
    try:
        with closing(sqlite3.connect(f"file:{home / 'catalog.db'}?mode=ro", uri=True, timeout=LIMIT_S)) as database:
            return int(database.execute("SELECT count(*) FROM embeddings").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet, or still without tables
        return 0


def held(home: Path) -> Held:
    paths = "clips JOIN roots ON roots.id = clips.root_id"
    with closing(sqlite3.connect(home / "catalog.db")) as database:
        vectors = database.execute(
            f"SELECT roots.path || '/' || clips.path, vector FROM {paths} JOIN embeddings ON clip_id = clips.id"  # noqa: S608
        ).fetchall()
        waiting = database.execute(
            f"SELECT roots.path || '/' || clips.path, status, reason FROM {paths} JOIN queue ON clip_id = clips.id"  # noqa: S608
        ).fetchall()
        clips = database.execute("SELECT count(*) FROM clips").fetchone()[0]
    assert len(vectors) + len(waiting) == clips  # every clip embedded exactly once, or else waiting or refused
    assert len(dict(vectors)) == len(vectors)
    return Held(
        dict(vectors),
        {path: reason for path, status, reason in waiting if status == "refused"},
        sum(status == "pending" for _, status, _ in waiting),
    )


def test_each_kill_came_before_the_end(stopped: Stopped) -> None:
    assert stopped.killed_at[0] == 0
    assert 0 < stopped.killed_at[1] < stopped.killed_at[2] < CLIPS


def test_an_ingest_killed_and_run_again_ends_as_an_undisturbed_one(stopped: Stopped, undisturbed: Held) -> None:
    found = held(stopped.home)
    assert found.vectors.keys() == undisturbed.vectors.keys()
    assert [path for path in found.vectors if found.vectors[path] != undisturbed.vectors[path]] == []
    assert found.refused == undisturbed.refused
    assert (len(found.vectors), len(found.refused), found.pending) == (CLIPS, 1, 0)


def test_after_kills_the_index_equals_the_catalog(stopped: Stopped) -> None:
    verified = quickly("verify", "--json", home=stopped.home)
    assert (verified.code, verified.document["ok"]) == (0, True)
    assert verified.document["clips"] == {"embedded": CLIPS, "pending": 0, "refused": 1}
    assert verified.document["index"]["vectors"] == CLIPS


def test_ctrl_c_exits_with_130_and_a_sentence(stopped: Stopped) -> None:
    assert stopped.ctrl_c.code == 130
    assert "run the same command to continue" in stopped.ctrl_c.err
    assert "Traceback" not in stopped.ctrl_c.err
    assert stopped.ctrl_c.out == ""


def test_the_run_after_ctrl_c_goes_on_where_it_was(stopped: Stopped) -> None:
    report = json.loads(stopped.last.out)
    assert stopped.killed_at[-1] < stopped.at_ctrl_c < CLIPS
    assert report["embedded"] == CLIPS - stopped.at_ctrl_c
    assert (report["new"], report["known"]) == (0, CLIPS + 1)
    assert report["catalog"] == {"embedded": CLIPS, "pending": 0, "refused": 1}
