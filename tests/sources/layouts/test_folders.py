"""Folders as characters, at whatever depth they begin."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources.packing import found, touched

from speaker_search.errors import SourceError
from speaker_search.sources import Layout, Route, scan


def voices(path: Path, maker: str | None = None, title: str | None = None) -> list[tuple[str, str, str, str | None]]:
    """(maker, title, path, character) of every clip."""
    clips = found(scan(path, maker=maker, title=title))
    assert {route for _, _, _, route, _ in clips} <= {Route.FOLDER}
    return [(made_by, called, name, who) for made_by, called, name, _, who in clips]


def test_a_candidate_of_a_folder_carries_size_and_time_but_no_text(tmp_path: Path) -> None:
    (game,) = scan(touched(tmp_path, "琴子/1.ogg"))
    (clip,) = game.candidates()
    status = (tmp_path / "琴子/1.ogg").stat()
    assert game.layout is Layout.FOLDERS
    assert (clip.route, clip.text) == (Route.FOLDER, "")
    assert (clip.size, clip.mtime_ns) == (status.st_size, status.st_mtime_ns)


def test_three_folders_are_maker_game_and_character(tmp_path: Path) -> None:
    touched(tmp_path, "Leaf/痕/千鶴/ch1/1.ogg", "Key/AIR/観鈴/2.flac", "Key/AIR/観鈴/1.OPUS", "Key/Kanon/名雪/1.mp3")
    assert voices(tmp_path) == [
        ("Key", "AIR", "観鈴/1.OPUS", "観鈴"),
        ("Key", "AIR", "観鈴/2.flac", "観鈴"),
        ("Key", "Kanon", "名雪/1.mp3", "名雪"),
        ("Leaf", "痕", "千鶴/ch1/1.ogg", "千鶴"),
    ]


def test_two_folders_are_game_and_character_of_the_maker_asked_for(tmp_path: Path) -> None:
    touched(tmp_path / "Key", "AIR/観鈴/1.ogg", "Kanon/名雪/1.ogg", "empty/x/readme.txt")
    assert voices(tmp_path / "Key") == [("Key", "AIR", "観鈴/1.ogg", "観鈴"), ("Key", "Kanon", "名雪/1.ogg", "名雪")]


def test_one_folder_is_a_character_of_the_game_asked_for(tmp_path: Path) -> None:
    touched(tmp_path / "Key/AIR", "観鈴/1.ogg", "往人/sub/1.ogg")
    assert voices(tmp_path / "Key/AIR") == [
        ("Key", "AIR", "往人/sub/1.ogg", "往人"),
        ("Key", "AIR", "観鈴/1.ogg", "観鈴"),
    ]


def test_the_names_are_the_same_from_any_height(tmp_path: Path) -> None:
    touched(tmp_path, "Key/AIR/観鈴/1.ogg")
    assert voices(tmp_path) == voices(tmp_path / "Key") == voices(tmp_path / "Key/AIR")


def test_the_least_nested_audio_file_tells_the_depth(tmp_path: Path) -> None:
    touched(tmp_path / "Key", "AIR/観鈴/ch1/1.ogg", "AIR/観鈴/ch1/deep/2.ogg", "Kanon/名雪/1.ogg")
    assert {(maker, title) for maker, title, _, _ in voices(tmp_path / "Key")} == {("Key", "AIR"), ("Key", "Kanon")}


def test_maker_and_title_given_make_the_path_the_game(tmp_path: Path) -> None:
    touched(tmp_path, "観鈴/a/b/1.ogg", "2.ogg")
    assert voices(tmp_path, "Key", "AIR") == [("Key", "AIR", "2.ogg", None), ("Key", "AIR", "観鈴/a/b/1.ogg", "観鈴")]


def test_a_title_alone_takes_the_maker_from_the_path(tmp_path: Path) -> None:
    touched(tmp_path / "Key", "観鈴/1.ogg")
    assert voices(tmp_path / "Key", title="AIR") == [("Key", "AIR", "観鈴/1.ogg", "観鈴")]


def test_a_maker_alone_makes_the_folders_its_games(tmp_path: Path) -> None:
    touched(tmp_path, "AIR/観鈴/deep/er/1.ogg", "AIR/0.ogg", "Kanon/1.ogg")
    assert voices(tmp_path, maker="Key") == [
        ("Key", "AIR", "0.ogg", None),
        ("Key", "AIR", "観鈴/deep/er/1.ogg", "観鈴"),
        ("Key", "Kanon", "1.ogg", None),
    ]


def test_a_maker_alone_leaves_no_clip_outside_of_the_games(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="beside its game folders"):
        scan(touched(tmp_path, "AIR/観鈴/1.ogg", "0.ogg"), maker="Key")


@pytest.mark.parametrize("asked", ["moe-speech", "moe-speech/data"])
def test_moe_speech_keeps_its_files_in_wav_folders(tmp_path: Path, asked: str) -> None:
    touched(tmp_path, "moe-speech/data/0a1b2c3d/wav/0a1b2c3d_1.wav", "moe-speech/data/ffff0000/wav/ffff0000_1.wav")
    assert [voice[:2] + voice[3:] for voice in voices(tmp_path / asked)] == [
        ("moe-speech", "data", "0a1b2c3d"),
        ("moe-speech", "data", "ffff0000"),
    ]


@pytest.mark.parametrize("path", ["0.ogg", "wav/1.wav", "？？？/1.ogg", "？/1.ogg", "???/1.ogg", "\u3000/1.ogg"])
def test_a_file_in_no_folder_or_an_unknown_speakers_has_no_character(tmp_path: Path, path: str) -> None:
    touched(tmp_path / "Key/AIR", path, "観鈴/1.ogg")
    assert set(voices(tmp_path / "Key/AIR")) == {("Key", "AIR", path, None), ("Key", "AIR", "観鈴/1.ogg", "観鈴")}


def test_links_out_of_the_folder_are_counted_and_never_opened(tmp_path: Path) -> None:
    touched(tmp_path, "secret.ogg", "Key/AIR/観鈴/1.ogg")
    (tmp_path / "Key/AIR/観鈴/2.ogg").symlink_to(tmp_path / "secret.ogg")
    (tmp_path / "Key/AIR/loop").symlink_to(tmp_path / "Key")
    (game,) = scan(tmp_path / "Key/AIR")
    assert [(clip.path, clip.route, clip.size) for clip in game.candidates()] == [
        ("観鈴/1.ogg", Route.FOLDER, (tmp_path / "Key/AIR/観鈴/1.ogg").stat().st_size),
        ("loop", Route.MALFORMED, -1),
        ("観鈴/2.ogg", Route.MALFORMED, -1),
    ]


def test_file_names_stay_as_on_disk(tmp_path: Path) -> None:
    name = "か\u3099ＡＢ/ｱ １.OGG"
    touched(tmp_path / "Key/AIR", name)
    assert [path for _, _, path, _ in voices(tmp_path / "Key/AIR")] == [name]


def test_a_file_name_that_is_not_utf_8_is_malformed(tmp_path: Path) -> None:
    try:
        touched(tmp_path / "Key/AIR", "観鈴/1.ogg", "観鈴/2.ogg")
        (tmp_path / "Key/AIR/観鈴/2.ogg").rename(tmp_path / "Key/AIR/観鈴/\udcff.ogg")
    except (OSError, UnicodeError):
        pytest.skip("file names must be Unicode here")
    (game,) = scan(tmp_path / "Key/AIR")
    assert [(clip.path, clip.route, clip.character) for clip in game.candidates()] == [
        ("観鈴/1.ogg", Route.FOLDER, "観鈴"),
        ("観鈴/\\udcff.ogg", Route.MALFORMED, None),
    ]


def test_a_folder_deleted_while_it_is_read_is_told(tmp_path: Path) -> None:
    (game,) = scan(touched(tmp_path / "Key/AIR", "観鈴/1.ogg"))
    (tmp_path / "Key/AIR").rename(tmp_path / "gone")
    with pytest.raises(SourceError, match="cannot be read"):
        list(game.candidates())
