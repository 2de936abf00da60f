"""What a terminal of 80 columns shows, and what comes from a pipe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli.test_output import LOADING
from end_to_end.bundled import VOICES, Ingested, cast
from end_to_end.running import LIMIT_S, PROGRAM, Ran, Word, environment, on_terminal, quickly, spksearch
from rich.cells import cell_len

CLIP = next(role for role in cast() if role.clips()).clips()[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_a_terminal_says_at_once_what_it_waits_for_and_then_shows_lines_that_fit(ingested: Ingested) -> None:
    code, seen = on_terminal("similar", "ミミ", home=ingested.home, columns=80, program=(sys.executable, "-c", LOADING))
    assert code == 0
    waited, _, answer = seen.replace("\r\n", "\n").partition("loading\n")
    assert waited.endswith("Opening the catalog…")
    lines = re.sub(r"\x1b\[\d*m", "", answer.rpartition("\r")[2]).splitlines()
    assert lines[0].split() == ["id", "character", "game", "maker", "clips", "score", "probability"]
    assert max(map(cell_len, lines)) <= 80
    assert len(lines) == 1 + 2 * 10 + 3
    assert all(re.match(r"    clip \d+ +\d\.\d{3}  …\S.*\.ogg ", line) for line in lines[2:21:2])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
@pytest.mark.parametrize(
    ("words", "says"),
    [(("doctor",), "Looking at the encoders…"), (("ingest", VOICES, "--dry-run"), "Looking through the folders…")],
)
def test_a_command_that_opens_no_catalog_says_at_once_what_it_waits_for(
    words: tuple[Word, ...], says: str, tmp_path: Path
) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", LOADING, *words],
        env={**environment(tmp_path / "home"), "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = b""
        while b"loading" not in seen:
            seen += os.read(ours, 65536)
        process.kill()
    os.close(ours)
    assert seen.decode().partition("loading")[0].endswith(says)


def from_stdin(home: Path, content: bytes, *words: str) -> Ran:
    done = subprocess.run(
        [*PROGRAM, "search", *words], env=environment(home), input=content, capture_output=True, timeout=LIMIT_S
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_clip_may_come_from_standard_input(ingested: Ingested) -> None:
    piped = from_stdin(ingested.home, CLIP.read_bytes(), "-", "--json")
    assert piped == quickly("search", CLIP, "--json", home=ingested.home)
    assert piped.code == 0


def test_standard_input_that_is_no_clip_is_reported(ingested: Ingested) -> None:
    assert "Standard input is empty" in from_stdin(ingested.home, b"", "-").err
    assert "can be given only once" in from_stdin(ingested.home, b"x", "-", "--unlike", "-").err
    assert "over 64 MiB" in from_stdin(ingested.home, bytes(2**26 + 1), "-").err


def test_shells_can_complete_commands(ingested: Ingested) -> None:
    asked = {"_SPKSEARCH_COMPLETE": "complete_bash", "COMP_WORDS": "spksearch cat", "COMP_CWORD": "1"}
    assert spksearch(home=ingested.home, **asked).out.split() == ["catalog"]
