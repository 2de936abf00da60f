"""Running the program as people do: its command line and its server as processes, and one home with voices in it."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import httpx

import speaker_search
from speaker_search.cli import STOPPED, main

VOICES = Path(speaker_search.__file__).parent / "demo" / "voices"
PROGRAM = (sys.executable, "-m", "speaker_search")
#: What commands import once they run.
PRELOADED = (
    "speaker_search.cli.program",
    "speaker_search.library",
    "speaker_search.library.conversion",
    "speaker_search.search.live",
    "speaker_search.evaluation.evaluating",
    "speaker_search.ingest.running",
    "speaker_search.encoders.resemblyzer",
    "alembic.command",
    "rich.progress",
    "rich.table",
    "uvicorn",
)
LIMIT_S = 300.0  # for any one run: only a hang takes as long


Word: TypeAlias = str | bytes | Path  #: of a command line


@dataclass(frozen=True, slots=True)
class Ran:
    """What a finished command left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document that is all of stdout."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Role:
    """A character of the bundled voices and who speaks it."""

    maker: str
    game: str
    character: str
    voice_actor: str

    @property
    def address(self) -> str:
        return f"{self.maker}/{self.game}/{self.character}"

    def clips(self) -> list[Path]:
        """Its eight sound files; none for the game whose folders are not called like its characters."""
        return sorted((VOICES / f"{self.maker}_{self.game}" / self.character).glob("*.ogg"))[:8]


def environment(home: Path, **settings: str) -> dict[str, str]:
    """The environment of a run: SPKSEARCH_HOME, and the settings by their full names."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPKSEARCH_", "PYTHONIO"))}
    # Where tests share their cores, threads that wait by spinning slow each other down tenfold.
    return {**kept, "SPKSEARCH_HOME": str(home), "OMP_WAIT_POLICY": "PASSIVE", **settings}


def spksearch(*words: Word, home: Path, **settings: str) -> Ran:
    """Run one command to its end, as a process of its own from the start."""
    done = subprocess.run(
        [*PROGRAM, *words], env=environment(home, **settings), capture_output=True, timeout=LIMIT_S, check=False
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def quickly(*words: Word, home: Path, **settings: str) -> Ran:
    """The same in a process split off one that has imported everything already: importing takes seconds each time."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return spksearch(*words, home=home, **settings)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("out", "err")]
        arguments = ([os.fsdecode(word) for word in words], environment(home, **settings), streams)
        process = context.Process(target=_run, args=arguments)
        process.start()
        process.join(LIMIT_S)
        code = process.exitcode
        if code is None:
            process.kill()
            process.join()
        process.close()
        assert code is not None, words
        return Ran(code, *(stream.read_text(encoding="utf-8") for stream in streams))


def _run(words: list[str], environ: dict[str, str], streams: list[Path]) -> None:
    """In the new process: the program's own way in, its output going to files."""
    os.environ.clear()
    os.environ.update(environ)
    for number, stream in enumerate(streams, start=1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = ["spksearch", *words]
    main()


def started(*arguments: str | Path, home: Path, **settings: str) -> subprocess.Popen[str]:
    """Start a command and leave it running."""
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        env=environment(home, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def cast() -> list[Role]:
    """Who really speaks in the bundled voices."""
    return [Role(**row) for row in json.loads((VOICES / "cast.json").read_text(encoding="utf-8"))]


def recurring() -> set[frozenset[str]]:
    """The characters, by address, of each voice actor who plays in several games."""
    by_actor: dict[str, set[str]] = {}
    for role in cast():
        by_actor.setdefault(role.voice_actor, set()).add(role.address)
    return {frozenset(roles) for roles in by_actor.values() if len(roles) > 1}


@dataclass(frozen=True, slots=True)
class Ingested:
    """A home with the bundled voices in it, and what taking them in said. Copy it to change anything."""

    home: Path
    first: Ran

    def copy(self, to: Path) -> Path:
        shutil.copytree(self.home, to)
        return to


@cache
def ingested(session: Path) -> Ingested:
    """The bundled voices taken in once, below the session's own folder."""
    home = session / "ingested"
    return Ingested(home, quickly("ingest", VOICES, "--encoder", "resemblyzer", "--json", home=home))


@dataclass(slots=True)
class Server:
    """A server that runs."""

    url: str
    client: httpx.Client
    process: subprocess.Popen[str]
    log: list[str]  #: lines of its stderr so far

    @property
    def address(self) -> tuple[str, int]:
        url = httpx.URL(self.url)
        assert url.port is not None
        return url.host, url.port


@contextmanager
def serving(home: Path, *arguments: str, **settings: str) -> Iterator[Server]:
    """A server process on a free port, stopped by Ctrl-C at the end, when no request may have made it stumble."""
    process = started("serve", "--port", "0", *arguments, home=home, **settings)
    assert process.stdout is not None
    assert process.stderr is not None
    log = [process.stderr.readline()]
    try:
        while log[-1] and not log[-1].startswith("Serving"):
            log.append(process.stderr.readline())
        url = re.search(r"http://\S+:\d+", log[-1])
        assert url, log
        reader = threading.Thread(target=log.extend, args=(process.stderr,))  # a full pipe would stop the server
        reader.start()
        with httpx.Client(base_url=url[0], timeout=LIMIT_S, trust_env=False) as client:
            yield Server(url[0], client, process, log)
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == STOPPED
        reader.join(LIMIT_S)
    finally:
        process.kill()
        process.wait(LIMIT_S)
        process.stdout.close()
        process.stderr.close()
    assert "Traceback" not in "".join(log), "".join(log)


def passes(process: subprocess.Popen[str], seconds: float) -> bool:
    """Let a process go on for a while; whether it still runs."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False
