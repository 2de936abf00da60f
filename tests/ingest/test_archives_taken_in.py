"""Voices in archives and lists end as the same voices in folders do, and can be played."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sources.packing import sevenzipped, tarred, zipped
from standin import StandInEncoder, write_voice

from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.embeddings import all_embedded
from speaker_search.catalog.people import characters_by_id
from speaker_search.errors import NotFoundError, SourceError
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web import sounds

#: What these tests ask of a database, tests/catalog asks of both.
pytestmark = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)

PASSWORD = "ひみつ"  # noqa: S105
ROWS = [
    {"Speaker": who, "Voice": f"{who}{take}.wav", "Text": f"{take}"} for who in ("アン", "ボブ") for take in range(3)
]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """A game as its archive holds it: an index.json and six voiced lines."""
    content = {"index.json": json.dumps(ROWS, ensure_ascii=False).encode()}
    for number, row in enumerate(ROWS):
        content[f"{row['Speaker']}/{row['Voice']}"] = write_voice(
            tmp_path / "one.wav", number // 3, number
        ).read_bytes()
    return content


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    chosen = settings.model_copy(update={"archive_password": SecretStr(PASSWORD)})
    with Library(chosen, encoder=StandInEncoder()) as opened:
        yield opened


def vectors(library: Library) -> dict[str, bytes]:
    """Each embedded clip's vector, by character and text."""
    space = library.space
    with library.catalog.read() as connection:
        (held,) = all_embedded(connection, space)
        clips = clips_by_id(connection, held.ids.tolist())
        names = characters_by_id(connection, space, held.characters.tolist())
    return {
        names[character].name + clips[id_].text: vector.tobytes()
        for id_, character, vector in zip(held.ids.tolist(), held.characters.tolist(), held.vectors, strict=True)
    }


def pack(kind: str, place: Path, files: dict[str, bytes]) -> Path:
    place.mkdir()
    path = place / f"工房_題.{kind}"
    if kind == "zip":
        return zipped(path, files)
    if kind == "tar":
        return tarred(path, files)
    return sevenzipped(path, files, PASSWORD, names=True)


@pytest.mark.parametrize("kind", ["zip", "tar", "7z"])
def test_a_game_in_an_archive_ends_as_the_same_game_unpacked(
    library: Library, settings: Settings, tmp_path: Path, files: dict[str, bytes], kind: str
) -> None:
    archive = pack(kind, tmp_path / "packed", files)
    report = library.ingest([archive], processes=1)
    assert (report.new, report.embedded, report.problems, dict(report.refused)) == (6, 6, [], {})
    if kind != "tar":  # a tar without sidecars is read as folders: it has no texts
        for name, content in files.items():
            path = tmp_path / "unpacked/工房_題" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        other = Settings(home=tmp_path / "other", encoder="stand-in")
        with Library(other, encoder=StandInEncoder()) as unpacked:
            unpacked.ingest([tmp_path / "unpacked/工房_題"], processes=1)
            assert vectors(library) == vectors(unpacked)
    again = library.ingest([archive], processes=1)
    assert (again.known, again.opened) == (6, 0)
    assert library.verify().ok


@pytest.mark.parametrize("kind", ["zip", "tar", "7z"])
def test_a_clip_in_an_archive_can_be_played(
    library: Library, tmp_path: Path, files: dict[str, bytes], kind: str
) -> None:
    library.ingest([pack(kind, tmp_path / "packed", files)], processes=1)
    heard = set()
    for clip_id in range(1, 7):
        sound = library.sound(clip_id)
        assert isinstance(sound.source, bytes)
        whole = sounds.response(sound, {})
        part = sounds.response(sound, {"range": "bytes=4-7"})
        assert (whole.status_code, whole.media_type) == (200, "audio/wav")
        assert (part.status_code, part.body) == (206, whole.body[4:8])
        assert part.headers["content-range"] == f"bytes 4-7/{len(whole.body)}"
        heard.add(bytes(whole.body))
    assert heard == {content for name, content in files.items() if name.endswith(".wav")}


def test_an_archive_that_went_away_leaves_its_clips_waiting_and_says_so(
    library: Library, tmp_path: Path, files: dict[str, bytes]
) -> None:
    archive = pack("zip", tmp_path / "packed", files)
    library.ingest([archive], enqueue=True)
    archive.rename(tmp_path / "elsewhere.zip")
    report = library.work(drain=True, processes=1)
    assert (report.embedded, report.pending) == (0, 6)
    assert "is not there" in report.problems[0]
    with pytest.raises(NotFoundError, match="no longer where it was"):
        library.sound(1)


def test_the_clips_of_an_archive_written_anew_are_listened_to_again(
    library: Library, tmp_path: Path, files: dict[str, bytes]
) -> None:
    archive = pack("zip", tmp_path / "packed", files)
    library.ingest([archive], processes=1)
    before = vectors(library)
    written = archive.stat()
    archive.unlink()
    rows = [*ROWS, {"Speaker": "アン", "Voice": "新.wav", "Text": "新"}]
    new = {"index.json": json.dumps(rows).encode(), "アン/新.wav": write_voice(tmp_path / "one.wav", 5).read_bytes()}
    zipped(archive, {**files, **new})
    os.utime(archive, ns=(written.st_atime_ns, written.st_mtime_ns + 1))  # later, however quick the machine
    report = library.ingest([archive], processes=1)
    assert (report.changed, report.new, report.embedded) == (6, 1, 7)
    after = vectors(library)
    assert after.pop("アン新")
    assert after == before


def test_a_wrong_password_is_said_with_the_settings_that_mend_it(
    settings: Settings, tmp_path: Path, files: dict[str, bytes]
) -> None:
    archive = pack("7z", tmp_path / "packed", files)
    with (
        Library(settings, encoder=StandInEncoder()) as library,
        pytest.raises(SourceError, match="SPKSEARCH_ARCHIVE_PASSWORD"),
    ):
        library.ingest([archive])


def test_a_list_of_several_games_is_taken_in_game_by_game(library: Library, tmp_path: Path) -> None:
    rows = ["path,maker,game,character,text"]
    for number in range(6):
        write_voice(tmp_path / f"voices/{number}.wav", number % 2, number)
        rows.append(f"{number}.wav,工房,題{number % 2},役{number % 2},「{number}」")
    (tmp_path / "voices/manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    report = library.ingest([tmp_path / "voices"], processes=1)
    assert (report.games, report.new, report.embedded) == (2, 6, 6)
    found = library.characters().characters
    assert [(one.address, one.clips) for one in found] == [("工房/題0/役0", 3), ("工房/題1/役1", 3)]
    assert "manifest.csv" in report.recognised[0]
    text = (tmp_path / "voices/manifest.csv").read_text(encoding="utf-8").replace("4.wav,工房,題0", "4.wav,工房,題1")
    (tmp_path / "voices/manifest.csv").write_text(text, encoding="utf-8")
    report = library.ingest([tmp_path / "voices"], processes=1)
    assert (report.new, report.opened, report.embedded) == (0, 0, 0)
    found = library.characters().characters
    assert [(one.address, one.clips) for one in found] == [
        ("工房/題0/役0", 2),
        ("工房/題1/役1", 3),
        ("工房/題1/役0", 1),
    ]
