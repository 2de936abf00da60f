"""Running the program as people do: its command line and its server as processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self, TextIO, TypeAlias

import httpx
from end_to_end import forked

from speaker_search.cli import STOPPED

PROGRAM = (sys.executable, "-m", "speaker_search")
#: What commands import once they run.
PRELOADED = (
    "speaker_search.cli.program",
    "speaker_search.library",
    "speaker_search.search.cursors",
    "speaker_search.search.answering",
    "speaker_search.search.live",
    "speaker_search.evaluation.evaluating",
    "speaker_search.ingest.pipeline",
    "speaker_search.encoders.campplus",
    "speaker_search.encoders.resemblyzer",
    "speaker_search.web.app",
    "alembic.command",
    "huggingface_hub.file_download",
    "numpy.ma",
    "numpy.random",
    "psycopg",
    "rich.progress",
    "rich.table",
    "typer._adapters",
    "uvicorn",
    "end_to_end.frozen",
)
HERE = Path(__file__).resolve().parents[2]  # where commands work unless told otherwise
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


def environment(home: Path, **settings: str) -> dict[str, str]:
    """The environment of a run: SPKSEARCH_HOME, and the settings by their full names."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPKSEARCH_", "PYTHONIO"))}
    # Where tests share their cores, threads that wait by spinning slow each other down tenfold.
    return {**kept, "SPKSEARCH_HOME": str(home), "OMP_WAIT_POLICY": "PASSIVE", **settings}


def spksearch(*words: Word, home: Path, folder: Path = HERE, **settings: str) -> Ran:
    """Run one command to its end, as a process of its own from the start."""
    environ = environment(home, **settings)
    done = subprocess.run([*PROGRAM, *words], cwd=folder, env=environ, capture_output=True, timeout=LIMIT_S)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def on_terminal(*words: Word, home: Path, columns: int, program: Sequence[Word] = PROGRAM) -> tuple[int, str]:
    """Run one command with a terminal for its output; its exit code, and all that the terminal was sent."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*program, *words],
        env={**environment(home), "COLUMNS": str(columns), "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = b""
        try:
            while more := os.read(ours, 65536):
                seen += more
        except OSError:  # Linux's way to say that the other side is closed
            pass
        os.close(ours)
        return process.wait(LIMIT_S), seen.decode()


@dataclass(slots=True)
class Begun:
    """A process under way, split off one that has imported everything already: importing takes seconds each time.

    A context in which it runs; at the end of the context it is killed if it still does.
    """

    process: BaseProcess
    err: TextIO  #: its stderr, as it comes
    folder: tempfile.TemporaryDirectory[str]  #: with its stdout in it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join()
        self.err.close()
        self.folder.cleanup()

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ended(self) -> Ran:
        """Wait until it has ended. What it left; of stderr what has not been read yet."""
        with limited(self.process):
            err = self.err.read()
            self.process.join()
        code = self.process.exitcode
        assert code is not None
        return Ran(code, Path(self.folder.name, "out").read_text(encoding="utf-8"), err)


@contextmanager
def limited(process: BaseProcess) -> Iterator[None]:
    """Kill the process if it is still running after LIMIT_S, so that what waits for its end fails."""
    timer = threading.Timer(LIMIT_S, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def split_off(target: Callable[..., None], *arguments: object, home: Path, **settings: str) -> Begun:
    """Begin to run a function, that of a module which is quick to import, as a process. Not on Windows."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    folder = tempfile.TemporaryDirectory()
    out = Path(folder.name, "out")
    out.touch()
    reading, writing = context.Pipe(duplex=False)
    with reading, writing:
        beginning = (target, arguments, environment(home, **settings), str(out), writing)
        process = context.Process(target=forked.begin, args=beginning)
        process.start()
        return Begun(process, os.fdopen(os.dup(reading.fileno()), encoding="utf-8"), folder)


def begun(*words: Word, home: Path, folder: Path = HERE, **settings: str) -> Begun:
    """Begin to run one command. Not on Windows."""
    return split_off(forked.command, [os.fsdecode(word) for word in words], folder, home=home, **settings)


def quickly(*words: Word, home: Path, folder: Path = HERE, **settings: str) -> Ran:
    """Run one command to its end, split off where that is possible."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return spksearch(*words, home=home, folder=folder, **settings)
    with begun(*words, home=home, folder=folder, **settings) as running:
        return running.ended()


@dataclass(slots=True)
class Server:
    """A server that runs."""

    url: str
    client: httpx.Client
    log: list[str]  #: lines of its stderr so far
    pid: int  #: of its first process

    @property
    def address(self) -> tuple[str, int]:
        url = httpx.URL(self.url)
        assert url.port is not None
        return url.host, url.port


@contextmanager
def serving(home: Path, *arguments: Word, command: str = "serve", **settings: str) -> Iterator[Server]:
    """A server on a free port, stopped by Ctrl-C at the end, when no request may have made it stumble."""
    with begun(command, "--port", "0", *arguments, home=home, **settings) as running:
        log = [running.err.readline()]
        while log[-1] and not log[-1].startswith("Serving"):
            log.append(running.err.readline())
        url = re.search(r"http://\S+:\d+", log[-1])
        assert url, log
        reader = threading.Thread(target=log.extend, args=(running.err,))  # a full pipe would stop the server
        reader.start()
        with httpx.Client(base_url=url[0], timeout=LIMIT_S, trust_env=False) as client:
            assert running.process.pid is not None
            yield Server(url[0], client, log, running.process.pid)
        running.send(signal.SIGINT)
        with limited(running.process):
            reader.join()
        assert running.ended().code == STOPPED
    assert "Traceback" not in "".join(log), "".join(log)
