"""What the containers run, as plain processes: compose.yaml's commands in its environment, with real PostgreSQL."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from alembic import command
from docker.files import DEMANDED, services, variables, words
from end_to_end.running import LIMIT_S, Begun, begun, environment, quickly
from sqlalchemy import Connection, create_engine, text
from standin import write_voice

from speaker_search.catalog import schema
from speaker_search.cli import CATALOG, STOPPED

POLL_S = 0.05
PROGRAM = Path(sys.executable).with_name(words("ENTRYPOINT")[0])
CLIPS = 8


@pytest.fixture
def database(postgres: str, postgres_admin: Connection) -> Iterator[str]:
    """The database that compose.yaml's `db` makes, new; its URL with the tests' server in place of that container."""
    wanted = services()["db"]["environment"]
    user, name = wanted["POSTGRES_USER"], wanted["POSTGRES_DB"]
    postgres_admin.execute(text(f"CREATE ROLE {user} LOGIN PASSWORD '{wanted['POSTGRES_PASSWORD']}'"))
    postgres_admin.execute(text(f"CREATE DATABASE {name} OWNER {user}"))
    url = services()["server"]["environment"]["SPKSEARCH_DATABASE_URL"]
    yield f"{url.replace('@db/', '@/')}?{postgres.split('?')[1]}"
    postgres_admin.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    postgres_admin.execute(text(f"DROP ROLE {user}"))


@pytest.fixture
def volumes(tmp_path: Path) -> tuple[Path, Path]:
    """A home with nothing in it, and a folder of voices."""
    home, voices = tmp_path / "data", tmp_path / "voices"
    home.mkdir()
    for game, character in ((0, 1), (0, 2), (1, 1), (1, 3)):
        for take in range(2):
            path = voices / "工房" / f"game {game}" / f"voice {character}" / f"{take}.wav"
            write_voice(path, character, 10 * game + take, seconds=1.5)
    return home, voices


def settings(service: str, home: Path, voices: Path, url: str) -> dict[str, str]:
    """A container's own environment, with folders in place of its volumes."""
    given = {**DEMANDED, "SPKSEARCH_ENCODER": "resemblyzer"}
    wired = {**variables(), **services(given)[service]["environment"], "SPKSEARCH_DATABASE_URL": url}
    del wired["PATH"], wired["SPKSEARCH_HOME"]
    places = {variables()["SPKSEARCH_HOME"]: str(home), variables()["SPKSEARCH_INGEST_ROOTS"]: str(voices)}
    for inside, outside in places.items():
        wired = {name: re.sub(rf"^{inside}\b", outside, value) for name, value in wired.items()}
    return wired


def is_healthy(url: httpx.URL) -> bool:
    """What the image's health check says of a server."""
    _, *check = (word.replace("8000", str(url.port)) for word in words("HEALTHCHECK"))
    return subprocess.run([sys.executable, *check], capture_output=True, timeout=LIMIT_S).returncode == 0


def embedded(client: httpx.Client) -> int:
    """How many clips the server has seen embedded; a catalog without any cannot be asked yet."""
    answer = client.get("/v1/characters")
    return sum(character["clips"] for character in answer.json()["characters"]) if answer.is_success else 0


def work(client: httpx.Client, worker: Begun, voices: Path) -> None:
    """Let the server register voices, and the worker embed them, until the server finds them."""
    asked = client.post("/v1/ingest", json={"paths": [str(voices)], "enqueue": True})
    assert asked.status_code == 202, asked.text
    give_up = time.monotonic() + LIMIT_S
    while embedded(client) < CLIPS:
        assert time.monotonic() < give_up
        assert worker.process.is_alive(), worker.ended()
        time.sleep(POLL_S)


def test_server_and_worker_start_on_empty_volumes_and_end_with_sigterm(
    database: str, volumes: tuple[Path, Path]
) -> None:
    home, voices = volumes
    serve = [*services()["server"]["command"], "--port", "0"]
    wired = environment(home, **settings("server", home, voices, database))
    server = subprocess.Popen([PROGRAM, *serve], env=wired, cwd=home, stderr=subprocess.PIPE, text=True)
    timer = threading.Timer(LIMIT_S, server.kill)
    timer.start()
    assert server.stderr is not None
    try:
        found = next(found for line in server.stderr if (found := re.search(r"http://0\.0\.0\.0:(\d+)", line)))
        with httpx.Client(base_url=f"http://127.0.0.1:{found[1]}", timeout=LIMIT_S, trust_env=False) as client:
            assert is_healthy(client.base_url)
            assert client.get("/v1/characters").status_code == 401
            client.headers["X-API-Key"] = DEMANDED["SPKSEARCH_API_KEYS"]
            own = settings("worker", home, voices, database)
            with begun(*services()["worker"]["command"], home=home, folder=home, **own) as worker:
                work(client, worker, voices)
                worker.send(signal.SIGTERM)
                done = worker.ended()
            assert (done.code, "Traceback" in done.err) == (STOPPED, False), done.err
            answer = client.post("/v1/search", json={"like": [{"character": 1}], "limit": 3})
            assert answer.status_code == 200, answer.text
            assert answer.json()["matches"]
            server.send_signal(signal.SIGTERM)
            said = server.stderr.read()
            assert server.wait() in (0, -signal.SIGTERM), said  # a container's exit code is then 0 or 143
            assert "Traceback" not in said
            assert not is_healthy(client.base_url)
    finally:
        server.kill()
        server.wait()
        timer.cancel()
        server.stderr.close()


def test_an_older_catalog_stops_both_until_it_is_upgraded(postgres_url: str, volumes: tuple[Path, Path]) -> None:
    """With a sentence that names the command: the migration runs when somebody has made a backup."""
    home, voices = volumes
    engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        config = schema.migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, schema.known()[1])
    engine.dispose()
    for service in ("server", "worker"):
        own = settings(service, home, voices, postgres_url)
        refused = quickly(*services()[service]["command"], home=home, folder=home, **own)
        assert refused.code == CATALOG
        assert "run `spksearch catalog upgrade`" in refused.err
        assert "Traceback" not in refused.err
    own = settings("server", home, voices, postgres_url)
    assert quickly("catalog", "upgrade", home=home, folder=home, **own).code == 0
    drained = quickly(*services()["worker"]["command"], "--drain", home=home, folder=home, **own)
    assert drained.code == 0, drained.err
