"""Several server processes behind one port: they answer alike, one may die, and all of them end together."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from end_to_end.bundled import Ingested
from end_to_end.running import LIMIT_S, Server, begun, limited, serving
from library.models.two_spaces import Sharp, fill_both
from search.filling import some_voices
from standin import write_voice

from speaker_search.catalog.knowledge.adoptions import keep_adoption
from speaker_search.catalog.spaces import spaces
from speaker_search.library import Library
from speaker_search.settings import Settings

POLL_S = 0.2  # looking which process answers costs as much as the answer
PROCESSES = 2


@pytest.fixture(scope="module")
def server(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("several")
    for take in range(4):
        write_voice(place / "voices/工房/新作/役" / f"{take}.wav", 3, take, seconds=1.5)
    home = ingested.copy(place / "home")
    with serving(home, "--processes", str(PROCESSES), SPKSEARCH_INGEST_ROOTS=str(place / "voices")) as server:
        until(lambda: len(answering(server)) == PROCESSES)
        yield server


@pytest.fixture
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return next(tmp_path_factory.getbasetemp().glob("several*")) / "voices"


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(POLL_S)


def servers(pid: int) -> list[psutil.Process]:
    """The processes that answer, which the first one has started."""
    found = []
    for one in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):  # it has ended since
            if "spawn_main" in " ".join(one.cmdline()):
                found.append(one)
    return found


@contextmanager
def connections(url: str, count: int = PROCESSES) -> Iterator[list[httpx.Client]]:
    """Clients that keep one connection each."""
    clients = [httpx.Client(base_url=url, timeout=LIMIT_S, trust_env=False) for _ in range(count)]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


def who(server: Server, client: httpx.Client) -> int:
    """The process that answers on a connection."""
    _, port = client.get("/healthz").extensions["network_stream"].get_extra_info("client_addr")
    (found,) = (
        one.pid
        for one in servers(server.pid)
        if any(other.raddr and other.raddr.port == port for other in one.net_connections())
    )
    return found


def answering(server: Server) -> set[int]:
    """The processes that take connections."""
    with connections(server.url) as clients:
        return {who(server, client) for client in clients}


def test_connections_go_to_the_processes_in_turn_and_are_answered_alike(server: Server) -> None:
    with connections(server.url, 2 * PROCESSES) as clients:
        answers = [client.post("/v1/search", json={"like": [{"clip": 1}]}) for client in clients]
        assert {answer.status_code for answer in answers} == {200}
        assert answers[0].json()["matches"]
        assert all(answer.json() == answers[0].json() for answer in answers)
        of_each = Counter(who(server, client) for client in clients)
        assert list(of_each.values()) == [2] * PROCESSES


def test_an_ingest_is_run_by_one_process_and_seen_by_all(server: Server, voices: Path) -> None:
    with connections(server.url) as clients:
        asked = clients[0].post("/v1/ingest", json={"paths": [str(voices)]}).json()
        for client in clients:
            until(lambda client=client: client.get(f"/v1/ingest/{asked['id']}").json()["state"] == "done")
        documents = [client.get(f"/v1/ingest/{asked['id']}").json() for client in clients]
        assert documents[0]["progress"]["opened"] == 4
        assert documents[1] == documents[0]
        for client in clients:
            (character,) = client.get("/v1/characters", params={"game": "新作"}).json()["characters"]
            question = {"like": [{"character": character["id"]}], "limit": 1}
            until(lambda client=client, question=question: client.post("/v1/search", json=question).status_code == 200)


def test_figures_are_those_of_all_processes(server: Server) -> None:
    def counted(client: httpx.Client) -> float:
        row = r'(?m)^spksearch_requests_total{method="GET",route="/v1/makers",status="200"} (\S+)'
        found = re.search(row, client.get("/metrics").text)
        return float(found[1]) if found else 0.0

    with connections(server.url) as clients:
        before = counted(clients[0])
        for client in clients:
            client.get("/v1/makers")
        assert [counted(client) for client in clients] == [before + PROCESSES] * PROCESSES


def test_a_killed_process_is_replaced_and_requests_go_on(server: Server) -> None:
    before = servers(server.pid)
    before[0].kill()
    before[0].wait(LIMIT_S)
    for _ in range(2 * PROCESSES):
        assert httpx.get(f"{server.url}/v1/makers", trust_env=False, timeout=LIMIT_S).status_code == 200
    until(lambda: len(answering(server)) == PROCESSES)
    assert {one.pid for one in servers(server.pid)} - {one.pid for one in before}
    assert any("A server process ended with exit code -9." in line for line in server.log)


def test_a_process_started_after_an_adoption_answers_in_the_space_of_the_others(tmp_path: Path) -> None:
    with Library(Settings(home=tmp_path, encoder=Sharp.name), encoder=Sharp()) as library:
        fill_both(library, some_voices(games=2))
        with serving(tmp_path, "--processes", str(PROCESSES)) as server:
            until(lambda: len(answering(server)) == PROCESSES)
            with library.catalog.write() as connection:
                keep_adoption(connection, spaces(connection)[1], None, "someone")
            killed = servers(server.pid)[0]
            killed.kill()
            killed.wait(LIMIT_S)
            until(lambda: len(answering(server)) == PROCESSES)
            with connections(server.url) as clients:
                answers = [client.post("/v1/search", json={"like": [{"clip": 1}]}).json() for client in clients]
                assert len({who(server, client) for client in clients}) == PROCESSES
    assert [answer["query"]["encoder"] for answer in answers] == [Sharp.space] * PROCESSES


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_when_the_first_process_ends_all_end(tmp_path: Path, sent: int, code: int) -> None:
    with begun("serve", "--port", "0", "--processes", str(PROCESSES), home=tmp_path / "home") as running:
        assert running.process.pid is not None
        url = re.search(r"http://\S+:\d+", running.err.readline())
        assert url
        assert httpx.get(f"{url[0]}/healthz", trust_env=False, timeout=LIMIT_S).json() == {"status": "ok"}
        others = servers(running.process.pid)
        assert len(others) == PROCESSES
        running.send(sent)
        with limited(running.process):
            running.process.join()
        assert running.process.exitcode == code
        assert not psutil.wait_procs(others, LIMIT_S)[1]
