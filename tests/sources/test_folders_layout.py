"""Folders as characters, at whatever depth they begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from speaker_search.errors import SourceError
from speaker_search.sources import Layout, Route, scan


def tree(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def voices(path: Path, maker: str | None = None, title: str | None = None) -> list[tuple[str, str, str, str | None]]:
    """(maker, title, path, character) of every clip."""
    return [
        (game.maker, game.title, clip.path, clip.character)
        for game in scan(path, maker=maker, title=title)
        for clip in game.candidates()
    ]


def test_a_candidate_of_a_folder_carries_size_and_time_but_no_text(tmp_path: Path) -> None:
    (game,) = scan(tree(tmp_path, "琴子/1.ogg"))
    (clip,) = game.candidates()
    status = (tmp_path / "琴子/1.ogg").stat()
    assert game.layout is Layout.FOLDERS
    assert (clip.route, clip.text) == (Route.FOLDER, "")
    assert (clip.size, clip.mtime_ns) == (status.st_size, status.st_mtime_ns)


def test_three_folders_are_maker_game_and_character(tmp_path: Path) -> None:
    tree(tmp_path, "Leaf/痕/千鶴/ch1/1.ogg", "Key/AIR/観鈴/2.flac", "Key/AIR/観鈴/1.OPUS", "Key/Kanon/名雪/1.mp3")
    assert voices(tmp_path) == [
        ("Key", "AIR", "観鈴/1.OPUS", "観鈴"),
        ("Key", "AIR", "観鈴/2.flac", "観鈴"),
        ("Key", "Kanon", "名雪/1.mp3", "名雪"),
        ("Leaf", "痕", "千鶴/ch1/1.ogg", "千鶴"),
    ]


def test_two_folders_are_game_and_character_of_the_maker_asked_for(tmp_path: Path) -> None:
    tree(tmp_path / "Key", "AIR/観鈴/1.ogg", "Kanon/名雪/1.ogg", "empty/x/readme.txt")
    assert voices(tmp_path / "Key") == [("Key", "AIR", "観鈴/1.ogg", "観鈴"), ("Key", "Kanon", "名雪/1.ogg", "名雪")]


def test_one_folder_is_a_character_of_the_game_asked_for(tmp_path: Path) -> None:
    tree(tmp_path / "Key/AIR", "観鈴/1.ogg", "往人/sub/1.ogg")
    assert voices(tmp_path / "Key/AIR") == [
        ("Key", "AIR", "往人/sub/1.ogg", "往人"),
        ("Key", "AIR", "観鈴/1.ogg", "観鈴"),
    ]


def test_files_directly_in_a_game_have_no_character(tmp_path: Path) -> None:
    tree(tmp_path / "Key/AIR", "観鈴/1.ogg", "0.ogg")
    assert voices(tmp_path / "Key/AIR") == [("Key", "AIR", "0.ogg", None), ("Key", "AIR", "観鈴/1.ogg", "観鈴")]


def test_the_names_are_the_same_from_any_height(tmp_path: Path) -> None:
    tree(tmp_path, "Key/AIR/観鈴/1.ogg")
    assert voices(tmp_path) == voices(tmp_path / "Key") == voices(tmp_path / "Key/AIR")


def test_the_audio_file_with_the_fewest_folders_tells_the_depth(tmp_path: Path) -> None:
    tree(tmp_path / "Key", "AIR/観鈴/ch1/1.ogg", "AIR/観鈴/ch1/deep/2.ogg", "Kanon/名雪/1.ogg")
    assert {(maker, title) for maker, title, _, _ in voices(tmp_path / "Key")} == {("Key", "AIR"), ("Key", "Kanon")}


def test_maker_and_title_given_make_path_the_game(tmp_path: Path) -> None:
    tree(tmp_path, "観鈴/a/b/1.ogg", "2.ogg")
    assert voices(tmp_path, "Key", "AIR") == [("Key", "AIR", "2.ogg", None), ("Key", "AIR", "観鈴/a/b/1.ogg", "観鈴")]


def test_a_title_alone_takes_the_maker_from_path(tmp_path: Path) -> None:
    tree(tmp_path / "Key", "観鈴/1.ogg")
    assert voices(tmp_path / "Key", title="AIR") == [("Key", "AIR", "観鈴/1.ogg", "観鈴")]


def test_a_maker_alone_makes_the_folders_its_games(tmp_path: Path) -> None:
    tree(tmp_path, "AIR/観鈴/deep/er/1.ogg", "AIR/0.ogg", "Kanon/1.ogg")
    assert voices(tmp_path, maker="Key") == [
        ("Key", "AIR", "0.ogg", None),
        ("Key", "AIR", "観鈴/deep/er/1.ogg", "観鈴"),
        ("Key", "Kanon", "1.ogg", None),
    ]


@pytest.mark.parametrize("asked", ["moe-speech", "moe-speech/data"])
def test_moe_speech_keeps_its_files_in_wav_folders(tmp_path: Path, asked: str) -> None:
    tree(tmp_path, "moe-speech/data/0a1b2c3d/wav/0a1b2c3d_1.wav", "moe-speech/data/ffff0000/wav/ffff0000_1.wav")
    assert [voice[:2] + voice[3:] for voice in voices(tmp_path / asked)] == [
        ("moe-speech", "data", "0a1b2c3d"),
        ("moe-speech", "data", "ffff0000"),
    ]


def test_a_wav_folder_is_no_character(tmp_path: Path) -> None:
    tree(tmp_path / "Key/AIR", "wav/1.wav")
    assert voices(tmp_path / "Key/AIR") == [("Key", "AIR", "wav/1.wav", None)]


def test_a_maker_alone_leaves_no_clip_outside_of_the_games(tmp_path: Path) -> None:
    tree(tmp_path, "AIR/観鈴/1.ogg", "0.ogg")
    with pytest.raises(SourceError, match="beside its game folders"):
        scan(tmp_path, maker="Key")


@pytest.mark.parametrize("folder", ["？？？", "？", "???", "\u3000"])
def test_a_folder_of_unknown_speakers_is_no_character(tmp_path: Path, folder: str) -> None:
    tree(tmp_path / "Key/AIR", f"{folder}/1.ogg")
    assert [character for _, _, _, character in voices(tmp_path / "Key/AIR")] == [None]


def test_an_index_is_not_read_when_the_layout_is_folders(tmp_path: Path) -> None:
    tree(tmp_path / "Key/AIR", "index.json", "観鈴/1.ogg")
    (game,) = scan(tmp_path / "Key/AIR", layout=Layout.FOLDERS)
    assert [clip.route for clip in game.candidates()] == [Route.FOLDER]


def test_links_out_of_the_folder_are_counted_and_never_opened(tmp_path: Path) -> None:
    tree(tmp_path, "secret.ogg", "Key/AIR/観鈴/1.ogg")
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
    tree(tmp_path / "Key/AIR", name)
    assert [path for _, _, path, _ in voices(tmp_path / "Key/AIR")] == [name]


def test_a_file_name_that_is_no_utf_8_is_malformed(tmp_path: Path) -> None:
    tree(tmp_path / "Key/AIR", "観鈴/1.ogg")
    try:
        (tmp_path / "Key/AIR/観鈴/\udcff.ogg").touch()
    except (OSError, UnicodeError):
        pytest.skip("file names must be Unicode here")
    (game,) = scan(tmp_path / "Key/AIR")
    clips = list(game.candidates())
    assert [clip.route for clip in clips] == [Route.FOLDER, Route.MALFORMED]
    assert clips[1].path == "観鈴/\\udcff.ogg"
    assert clips[1].character is None


def test_a_folder_deleted_while_it_is_read_is_told(tmp_path: Path) -> None:
    (game,) = scan(tree(tmp_path / "Key/AIR", "観鈴/1.ogg"))
    (tmp_path / "Key/AIR").rename(tmp_path / "gone")
    with pytest.raises(SourceError, match="cannot be read"):
        list(game.candidates())
