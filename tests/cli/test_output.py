"""Output in any encoding, into a closed pipe, onto a full disk, and until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.bundled import VOICES, Ingested, cast
from end_to_end.running import LIMIT_S, PROGRAM, environment, quickly, spksearch

NAME = cast()[0].character


def test_json_is_utf8_whatever_the_terminal_speaks(ingested: Ingested) -> None:
    done = spksearch("catalog", "list", "--json", home=ingested.home, PYTHONIOENCODING="cp1252")
    assert done.document["characters"][0]["name"] == NAME
    assert NAME in done.out
    assert (done.code, done.err) == (0, "")


def test_a_table_is_printed_even_where_its_letters_are_unknown(ingested: Ingested) -> None:
    done = spksearch("catalog", "list", home=ingested.home, PYTHONIOENCODING="ascii")
    assert NAME.encode("ascii", "backslashreplace").decode() in done.out
    assert (done.code, done.err) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a device that is always full")
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_full_disk_is_reported(ingested: Ingested, flags: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "catalog", "list", *flags],
            env=environment(ingested.home),
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=LIMIT_S,
        )
    assert "spksearch: " in done.stderr
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == 2


def test_a_reader_that_has_stopped_sees_no_error(ingested: Ingested) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PROGRAM, "catalog", "list"],
        env=environment(ingested.home),
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=LIMIT_S,
    )
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode in (0, 1)


#: The program, except that it waits when it is about to import sqlalchemy.
LOADING = """
import runpy, sys

def wait(event, arguments):
    if event == "import" and arguments[0] == "sqlalchemy":
        print("loading", flush=True)
        sys.stdin.read()

sys.addaudithook(wait)
runpy.run_module("speaker_search", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to whole consoles")
def test_ctrl_c_while_the_program_is_loading_ends_it_without_a_traceback(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOADING, "ingest", VOICES],
        env=environment(tmp_path / "home"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 130
        assert process.communicate() == ("", "")


#: A program whose terminal gets Ctrl-C while it is written to. In a process of its own: a signal too many would end the
#: test's.
INTERRUPTED = """
import io, signal, sys
from speaker_search.cli.stopping import stoppable

class Interrupted(io.RawIOBase):
    def writable(self):
        return True

    def write(self, data):
        signal.raise_signal(signal.SIGINT)
        return memoryview(data).nbytes

with stoppable() as stop:
    before, sys.stderr = sys.stderr, io.TextIOWrapper(io.BufferedWriter(Interrupted()), line_buffering=True)
    print("so many clips so far", file=sys.stderr)
    sys.stderr = before
print(stop.asked)
"""


def test_ctrl_c_while_stderr_is_written_to_is_noted() -> None:
    """The message about it went through the same buffer, which cannot be entered twice, and the program ended with
    RuntimeError.
    """
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=LIMIT_S)
    assert (done.returncode, done.stdout) == (0, "True\n")
    assert done.stderr.startswith("Stopping once the current clips are stored")


def test_a_command_writes_nothing_into_its_working_directory(ingested: Ingested, tmp_path: Path) -> None:
    assert quickly("similar", "1", "--json", home=ingested.home, folder=tmp_path).document["matches"]
    assert list(tmp_path.iterdir()) == []
