"""Voices in m4a, webm, mp4 and the like end as voices in wav do, from folders and archives, and can be played."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("av", reason="the optional package av is not installed")

import soundfile
import soxr
from audio.boxes import KINDS, boxed
from end_to_end.running import quickly, spksearch
from fastapi.testclient import TestClient
from sources.packing import sevenzipped, tarred, zipped
from standin import RATE, voice, write_voice

from speaker_search.audio import containers
from speaker_search.library import Library
from speaker_search.web.app import create_app

BOXES = {"m4a": "m4a", "aac": "aac", "mp4": "mp4", "webm": "webm", "wma": "wma", "mkv": "mkv", "mka": "mkv"}
PACKS = {"zip": zipped, "tar": tarred, "7z": sevenzipped}


def line(suffix: str, number: int) -> bytes:
    kind = BOXES[suffix]
    return boxed(soxr.resample(voice(number), RATE, KINDS[kind][2]), kind, film=suffix == "mp4")


@pytest.fixture(scope="module")
def lines() -> dict[str, bytes]:
    """A line in each format, of two characters."""
    return {f"{'Ann' if n % 2 else 'Bob'}/{n}.{suffix}": line(suffix, n % 2) for n, suffix in enumerate(BOXES)}


def written(root: Path, lines: dict[str, bytes]) -> Path:
    for name, content in lines.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_a_folder_of_them_is_ingested_and_known_the_next_time(
    library: Library, tmp_path: Path, lines: dict[str, bytes]
) -> None:
    root = written(tmp_path / "maker/game", lines)
    (root / "Ann/broken.m4a").write_bytes(lines["Bob/0.m4a"][:2_000])
    report = library.ingest([root], processes=1)
    assert (report.embedded, report.refused, report.needs_av) == (len(lines), {"not_audio": 1}, 0)
    again = library.ingest([root], processes=1)
    assert (again.known, again.opened) == (len(lines) + 1, 0)
    write_voice(root / "Ann/plain.wav", 1)
    library.ingest([root], processes=1)
    best = library.search(write_voice(tmp_path / "q.wav", 1), by="clip", limit=len(lines) + 1).matches
    names = [match.hits[0].clip.path.parent.name for match in best]
    assert names == ["Ann"] * 4 + ["Bob"] * 4


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", PACKS)
def test_members_of_archives_are_ingested_and_keep_their_sound(
    library: Library, tmp_path: Path, lines: dict[str, bytes], kind: str
) -> None:
    report = library.ingest([PACKS[kind](tmp_path / f"maker_game.{kind}", lines)], processes=1)
    assert (report.embedded, report.refused) == (len(lines), {})
    sounds = {library.clips([id_])[id_].path.name: library.sound(id_) for id_ in range(1, len(lines) + 1)}
    assert {name: sound.source for name, sound in sounds.items()} == {
        Path(name).name: content for name, content in lines.items()
    }


@pytest.fixture
def http(library: Library, tmp_path: Path, lines: dict[str, bytes]) -> Iterator[TestClient]:
    library.ingest([written(tmp_path / "maker/game", lines)], processes=1)
    with TestClient(create_app(library), base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_browsers_are_given_what_they_play(library: Library, http: TestClient, lines: dict[str, bytes]) -> None:
    types = {}
    for id_ in range(1, len(lines) + 1):
        path = library.clips([id_])[id_].path
        answer = http.get(f"/v1/clips/{id_}/audio")
        types[path.suffix] = answer.headers["content-type"]
        if types[path.suffix] == "audio/wav":
            samples, rate = soundfile.read(io.BytesIO(answer.content))
            assert (rate, len(samples)) == (RATE, pytest.approx(0.6 * RATE, abs=0.2 * RATE))
            part = http.get(f"/v1/clips/{id_}/audio", headers={"Range": "bytes=10-19"})
            assert (part.status_code, part.content) == (206, answer.content[10:20])
        else:
            assert answer.content == path.read_bytes()
    assert types == {
        ".m4a": "audio/mp4",
        ".aac": "audio/aac",
        ".mp4": "audio/mp4",
        ".webm": "audio/webm",
        ".wma": "audio/wav",
        ".mkv": "audio/wav",
        ".mka": "audio/wav",
    }


def test_without_the_package_each_is_refused_and_told_what_it_needs(tmp_path: Path, lines: dict[str, bytes]) -> None:
    """A program that lacks av, as after an installation without the extra."""
    without = tmp_path / "without"
    without.mkdir()
    (without / "sitecustomize.py").write_text("import sys\nsys.modules['av'] = None\n", encoding="utf-8")
    hidden = {"PYTHONPATH": os.pathsep.join([str(without), *filter(None, [os.environ.get("PYTHONPATH")])])}
    root = written(tmp_path / "maker/game", lines)
    seen = spksearch("ingest", root, "--dry-run", home=tmp_path / "home", **hidden)
    needs = f"{len(lines)} sounds in formats that need the extra `containers` (the package av), which is not installed"
    assert needs in seen.out
    assert "pip install av" in seen.out
    done = spksearch("ingest", root, "--encoder", "resemblyzer", "--json", home=tmp_path / "home", **hidden)
    assert (done.code, done.document["refused"]) == (1, {"not_audio": len(lines)})
    assert needs in done.document["advice"][0]
    listed = quickly("catalog", "refused", "--json", home=tmp_path / "home").document["clips"]
    assert all("needs the extra `containers` (the package av)" in clip["detail"] for clip in listed)
    assert len(listed) == len(lines)
    tried = quickly("ingest", root, "--retry-refused", "--json", home=tmp_path / "home")
    assert (tried.document["embedded"], tried.document["needs_av"]) == (len(lines), 0)


def test_whether_the_package_is_there_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert containers.installed()
    monkeypatch.setitem(sys.modules, "av", None)
    assert not containers.installed.__wrapped__()
