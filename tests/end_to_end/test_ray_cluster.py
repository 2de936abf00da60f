"""Clips embedded by the nodes of a Ray cluster: nodes, workers and commands that are killed cost time, nothing else."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
from end_to_end import cluster_program
from end_to_end.cluster_program import POLL_S, FolderGate
from end_to_end.held import Held, held
from end_to_end.running import HERE, LIMIT_S, Begun, Ran, split_off
from sqlalchemy import func, select
from standin import StandInEncoder, write_voice

from speaker_search.catalog import tables
from speaker_search.library import Library
from speaker_search.settings import Settings

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: scripts/test --engines installs it"),
]

CLIPS = 2_000
SECONDS = 0.4  # of each
FEW = 40  # clips of one game
OBJECT_STORE_BYTES = 80_000_000  # the smallest that Ray takes; nothing here needs it
NODE = {"RAY_memory_monitor_refresh_ms": "0"}  # or Ray kills workers where other programs need memory
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}


@dataclass(slots=True)
class Cluster:
    """Nodes of a Ray cluster, each a group of processes on this machine."""

    folder: str
    address: str
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_node(self) -> subprocess.Popen[bytes]:
        head = [f"--port={self.address.rpartition(':')[2]}", "--include-dashboard=false", f"--temp-dir={self.folder}"]
        joining = [f"--address={self.address}"] if self.nodes else ["--head", *head]
        words = ["--num-cpus=1", f"--object-store-memory={OBJECT_STORE_BYTES}", "--disable-usage-stats", "--block"]
        node = subprocess.Popen(
            [str(Path(sys.executable).with_name("ray")), "start", *joining, "--node-ip-address=127.0.0.1", *words],
            env={**os.environ, **NODE, **TOKEN, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE / "tests")])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.nodes.append(node)
        return node

    def remove(self, node: subprocess.Popen[bytes]) -> None:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait(LIMIT_S)

    def workers(self) -> list[psutil.Process]:
        """The processes of workers on all nodes."""
        nodes = [psutil.Process(node.pid) for node in self.nodes if node.poll() is None]
        below = [process for node in nodes for process in node.children(recursive=True)]
        found = []
        for process in below:
            with suppress(psutil.NoSuchProcess):
                found += [process] if "Embedder" in " ".join(process.cmdline()) else []
        return found

    def node_of(self, pid: int) -> subprocess.Popen[bytes]:
        """The node that a worker runs on: the one that its parent, a raylet, belongs to."""
        group = os.getpgid(psutil.Process(pid).ppid())
        return next(node for node in self.nodes if node.pid == group)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with socket.socket() as free, tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        free.bind(("127.0.0.1", 0))
        cluster = Cluster(folder, f"127.0.0.1:{free.getsockname()[1]}")
        free.close()
        cluster.add_node()
        until(lambda: answers(cluster.address))
        cluster.add_node()
        yield cluster
        for node in cluster.nodes:
            if node.poll() is None:
                cluster.remove(node)


def answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as tried:
        return tried.connect_ex((host, int(port))) == 0


def until(condition: Callable[[], Any], running: Begun | None = None) -> Any:
    """Wait until the condition holds, which it must before the command ends; what it returned."""
    deadline = time.monotonic() + LIMIT_S
    while not (found := condition()):
        assert time.monotonic() < deadline
        assert running is None or running.process.is_alive(), running.ended()
        time.sleep(POLL_S)
    return found


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 clips in four games, one of which has FEW."""
    root = tmp_path_factory.mktemp("voices")
    for number in range(CLIPS):
        game = "few" if number < FEW else f"game {number % 3}"
        write_voice(root / "maker" / game / f"役 {number % 7}" / f"{number:04}.wav", number % 7, number, SECONDS)
    return root


@pytest.fixture(scope="module")
def undisturbed(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Held:
    settings = Settings(home=tmp_path_factory.mktemp("undisturbed"), encoder="stand-in")
    with Library(settings, encoder=StandInEncoder()) as library:
        library.ingest([voices], processes=2)
    found = held(settings)
    assert (len(found.vectors), found.refused, found.pending) == (CLIPS, {}, 0)
    return found


@dataclass(frozen=True, slots=True)
class Waiting:
    """A catalog whose clips wait for the cluster."""

    cluster: Cluster
    settings: Settings
    gate: FolderGate

    def begin(self, *deadly: Path, drain: bool = True, other_weights: bool = False, **environ: str) -> Begun:
        arguments = (self.cluster.address, self.gate.folder, deadly, drain, other_weights)
        settings = {"SPKSEARCH_DATABASE_URL": str(self.settings.database_url), **TOKEN, **environ}
        return split_off(cluster_program.work, *arguments, home=self.settings.home, **settings)

    def counts(self) -> tuple[int, int]:
        """How many clips are embedded and pending."""
        with Library(self.settings, encoder=StandInEncoder()) as library:
            counts = library.counts()
        return counts.embedded, counts.pending

    def enqueue(self, voices: Path) -> None:
        with Library(self.settings, encoder=StandInEncoder()) as library:
            library.ingest([voices], enqueue=True)


@pytest.fixture
def waiting(cluster: Cluster, postgres_catalog_url: str, tmp_path: Path) -> Waiting:
    gate = FolderGate(tmp_path / "gate")
    gate.folder.mkdir()
    gate.make()
    settings = Settings(home=tmp_path / "home", database_url=postgres_catalog_url, encoder="stand-in")
    return Waiting(cluster, settings, gate)


def test_a_node_a_worker_and_the_command_are_killed_and_every_clip_is_embedded_once(
    waiting: Waiting, voices: Path, undisturbed: Held
) -> None:
    waiting.enqueue(voices)
    gate, cluster = waiting.gate, waiting.cluster
    with waiting.begin() as first:
        until(lambda: len(gate.waiting) == 2, first)
        for name in ("first", "second"):
            gate.permit(name)
        until(lambda: not gate.permits and len(gate.waiting) == 2, first)
        killed, other = sorted(gate.waiting, key=lambda pid: cluster.node_of(pid) is not cluster.nodes[0])
        os.kill(killed, signal.SIGKILL)
        (third,) = until(lambda: gate.waiting - {killed, other}, first)  # started in its place
        assert cluster.node_of(third) is cluster.nodes[0]
        cluster.remove(cluster.node_of(other))
        until(lambda: not psutil.pid_exists(other))
        first.process.kill()
        until(lambda: not psutil.pid_exists(third))
    cluster.add_node()
    gate.open()
    with waiting.begin() as second:
        ran = second.ended()
    assert ran.code == 0, ran.err
    assert report_of(ran)["catalog"] == {"embedded": CLIPS, "pending": 0, "refused": 0}
    assert held(waiting.settings) == undisturbed


def report_of(ran: Ran) -> Any:
    assert ran.code == 0, ran.err
    return ran.document


def test_a_clip_that_kills_its_worker_is_refused_after_three_deaths_and_the_command_ends(
    waiting: Waiting, voices: Path, undisturbed: Held
) -> None:
    game = voices / "maker" / "few"
    deadly = next(game.rglob("0017.wav"))
    waiting.enqueue(game)
    waiting.gate.open()
    with waiting.begin(deadly) as running:
        report = report_of(running.ended())
    assert report["refused"] == {"kills_worker": 1}
    found = held(waiting.settings)
    others = {path: row for path, row in undisturbed.vectors.items() if Path(path).is_relative_to(game)}
    del others[str(deadly)]
    assert (found.vectors, found.refused) == (others, {str(deadly): "kills_worker"})


def test_a_command_told_to_stop_has_workers_store_the_portions_in_hand_and_give_back_the_rest(
    waiting: Waiting, voices: Path
) -> None:
    waiting.enqueue(voices)
    with waiting.begin() as running:
        until(lambda: waiting.gate.waiting, running)
        running.send(signal.SIGTERM)
        until((waiting.gate.folder / "stopping").exists, running)
        waiting.gate.open()
        ran = running.ended()
    assert ran.code == 130, ran.err
    with Library(waiting.settings, encoder=StandInEncoder()) as library:
        assert 0 < library.counts().embedded < CLIPS
        with library.catalog.read() as connection:
            assert connection.execute(select(func.count()).select_from(tables.workers)).scalar_one() == 0
            left = connection.execute(select(tables.queue.c.status, tables.queue.c.kills)).all()
    assert {tuple(row) for row in left} == {("pending", 0)}


def test_a_command_that_waits_for_clips_keeps_no_worker_while_there_are_none(waiting: Waiting, voices: Path) -> None:
    waiting.enqueue(voices / "maker" / "few")
    waiting.gate.open()
    with waiting.begin(drain=False) as running:
        until(waiting.cluster.workers, running)
        until(lambda: waiting.counts() == (FEW, 0) and not waiting.cluster.workers(), running)
        waiting.enqueue(voices)
        until(lambda: waiting.counts() == (CLIPS, 0), running)
        running.send(signal.SIGINT)
        assert running.ended().code == 130


def test_a_node_with_other_weights_is_named_and_embeds_nothing(waiting: Waiting, voices: Path) -> None:
    waiting.enqueue(voices / "maker" / "few")
    with waiting.begin(other_weights=True) as running:
        ran = running.ended()
    assert ran.code == 3
    assert re.match(
        r"No node can embed\. Node \S+: The catalog's embeddings are in stand-in@000000000000, but the loaded weights "
        r"are stand-in@111111111111\. \(1 other node left out, too\.\) Set SPKSEARCH_CHECKPOINT ",
        ran.err,
    )
    assert waiting.counts() == (0, FEW)


def test_another_token_is_one_sentence(waiting: Waiting, voices: Path) -> None:
    waiting.enqueue(voices / "maker" / "few")
    with waiting.begin(RAY_AUTH_TOKEN="1" * 64) as running:
        ran = running.ended()
    assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
    assert ran.err.startswith(f"The Ray cluster at {waiting.cluster.address} takes another token")


def test_with_nothing_pending_the_command_ends_without_the_cluster(waiting: Waiting) -> None:
    with waiting.begin() as running:
        assert running.ended().code == 0


def test_a_command_whose_head_is_gone_says_so_and_keeps_what_is_embedded(waiting: Waiting, voices: Path) -> None:
    """The last test of the cluster."""
    waiting.enqueue(voices)
    with waiting.begin() as running:
        until(lambda: len(waiting.gate.waiting) == 2, running)
        waiting.cluster.remove(waiting.cluster.nodes[0])
        waiting.gate.open()
        ran = running.ended()
    assert ran.code == 2, ran.err
    assert re.search(
        r"^The Ray cluster no longer answers at \S+: .* Start its head, then the same command", ran.err, re.M
    )
    embedded, pending = waiting.counts()
    assert embedded + pending == CLIPS
