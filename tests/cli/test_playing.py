"""`spksearch play`: the sound as it is stored goes to a player, or to a file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from end_to_end.bundled import VOICES, Ingested
from end_to_end.running import LIMIT_S, PROGRAM, Ran, environment, quickly

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the players here are scripts of a shell")

GAME = VOICES / "こもれび工房_星降る坂の約束"


def player(folder: Path, name: str, ends: int = 0) -> Path:
    """A folder with a player in it, which notes its words and keeps what it plays."""
    folder.mkdir()
    script = f'#!/bin/sh\nprintf "%s\\n" "$@" > "{folder}/words"\nfor last; do :; done\n'
    script += f'/bin/cp "$last" "{folder}/played"\nexit {ends}\n'
    (folder / name).write_text(script, encoding="utf-8")
    (folder / name).chmod(0o755)
    return folder


def play(home: Path, path: Path, *words: str | Path) -> Ran:
    return quickly("play", *words, home=home, PATH=str(path))


def test_the_first_player_gets_the_file_as_an_absolute_path(ingested: Ingested, tmp_path: Path) -> None:
    path = player(tmp_path / "bin", "mpv")
    done = play(ingested.home, path, "1", "--json")
    (*flags, file) = (path / "words").read_text(encoding="utf-8").splitlines()
    assert (done.code, done.document["id"], done.document["path"]) == (0, 1, file)
    assert flags[-1] == "--"
    assert (path / "played").read_bytes() == Path(file).read_bytes()


def test_a_clip_in_an_archive_is_played_and_no_copy_is_left(tmp_path: Path) -> None:
    sound = next(GAME.rglob("*.ogg"))
    with zipfile.ZipFile(tmp_path / "M_G.zip", "w") as archive:
        archive.write(sound, "A/-x.ogg")
    home, path, temporary = tmp_path / "home", player(tmp_path / "bin", "ffplay"), tmp_path / "tmp"
    temporary.mkdir()
    taken = quickly("ingest", tmp_path / "M_G.zip", "--enqueue", "--encoder", "resemblyzer", home=home)
    assert taken.code == 0, taken.err
    done = quickly("play", "1", home=home, PATH=str(path), TMPDIR=str(temporary))
    assert (done.code, done.err) == (0, "")
    assert (path / "played").read_bytes() == sound.read_bytes()
    assert list(temporary.iterdir()) == []
    assert play(home, path, "1", "--output", tmp_path / "out.ogg").code == 0
    assert (tmp_path / "out.ogg").read_bytes() == sound.read_bytes()


def test_a_clip_in_a_container_goes_to_a_player_that_plays_it(tmp_path: Path) -> None:
    """SoX plays no m4a, and a file with the suffix of mp3 is none."""
    sound = b"\0\0\0\x20ftypM4A "
    with zipfile.ZipFile(tmp_path / "M_G.zip", "w") as archive:
        archive.writestr("A/x.m4a", sound)
    home = tmp_path / "home"
    taken = quickly("ingest", tmp_path / "M_G.zip", "--enqueue", "--encoder", "resemblyzer", home=home)
    assert taken.code == 0, taken.err
    assert "No player for this clip" in play(home, player(tmp_path / "sox", "play"), "1").err
    path = player(tmp_path / "bin", "ffplay")
    assert play(home, path, "1").code == 0
    assert (path / "played").read_bytes() == sound
    assert (path / "words").read_text(encoding="utf-8").splitlines()[-1].endswith(".mp4")


def test_a_dash_stands_for_standard_output(ingested: Ingested, tmp_path: Path) -> None:
    """It was taken for a file called "-"."""
    written = subprocess.run(
        [*PROGRAM, "play", "1", "--output", "-"],
        cwd=tmp_path,
        env=environment(ingested.home),
        capture_output=True,
        timeout=LIMIT_S,
    )
    line = written.stderr.decode()
    assert (written.returncode, line.startswith("clip 1: "), line.count("\n")) == (0, True, 1)
    assert written.stdout == Path(line.rstrip(")\n").rpartition("(")[2]).read_bytes()
    assert list(tmp_path.iterdir()) == []
    both = quickly("play", "1", "--output", "-", "--json", home=ingested.home)
    assert (both.code, both.out, "Leave one of them out" in both.err) == (2, "", True)


def test_a_terminal_gets_no_sound(ingested: Ingested) -> None:
    ours, theirs = os.openpty()
    done = subprocess.run(
        [*PROGRAM, "play", "1", "--output", "-"],
        env=environment(ingested.home),
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=LIMIT_S,
    )
    os.close(theirs)
    os.close(ours)
    assert (done.returncode, b"Standard output is a terminal. Pipe it: " in done.stderr) == (2, True)


def test_what_is_missing_is_said_in_a_sentence(ingested: Ingested, tmp_path: Path) -> None:
    wav_only = player(tmp_path / "bin", "aplay")
    done = play(ingested.home, wav_only, "1")
    assert (done.code, "Install ffplay" in done.err, "--output FILE" in done.err) == (2, True, True)
    failing = play(ingested.home, player(tmp_path / "failing", "play", ends=3), "1")
    assert (failing.code, "play could not play the clip (exit code 3)" in failing.err) == (2, True)
    assert "'a.ogg' is not a clip's id" in play(ingested.home, wav_only, "a.ogg").err
    assert "There is no clip 9999" in play(ingested.home, wav_only, "9999").err
    unwritable = play(ingested.home, wav_only, "1", "--output", tmp_path / "no" / "a.ogg")
    assert (unwritable.code, "cannot be written" in unwritable.err) == (2, True)


def test_a_clip_whose_file_is_gone_is_reported(tmp_path: Path) -> None:
    shutil.copytree(GAME, tmp_path / "M_G")
    home = tmp_path / "home"
    assert quickly("ingest", tmp_path / "M_G", "--enqueue", "--encoder", "resemblyzer", home=home).code == 0
    shutil.rmtree(tmp_path / "M_G")
    done = play(home, Path(os.devnull), "1")
    assert (done.code, "no longer where it was" in done.err) == (2, True)
