"""Archives opened when needed, and how a file is recognised as one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from sources.packing import found, refusal, zipped

from speaker_search.entities import Refusal
from speaker_search.sources import Archives, is_archive


def test_a_replaced_archive_is_opened_again(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"1.ogg": b"old"})
    with Archives() as archives:
        assert archives.read(archive, "1.ogg") == b"old"
        zipped(archive, {"1.ogg": b"of another size"})
        assert archives.read(archive, "1.ogg") == b"of another size"
        archive.unlink()
        assert refusal(archives, archive, "1.ogg") is Refusal.MISSING


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be replaced there")
def test_an_archive_with_another_inode_alone_is_not_opened_again(tmp_path: Path) -> None:
    """Some mounts number a file anew now and then: a large tar would be listed again for every clip."""
    archive = zipped(tmp_path / "a.zip", {"1.ogg": b"1"})
    with Archives() as archives:
        with archives.opened(archive) as first:
            shutil.copy2(archive, tmp_path / "copy")
            (tmp_path / "copy").replace(archive)
        with archives.opened(archive) as second:
            assert second is first


def test_more_archives_than_are_kept_open_can_be_read_in_turn(tmp_path: Path) -> None:
    with Archives() as archives:
        for turn in range(2):
            for number in range(12):
                archive = tmp_path / f"{number}.zip"
                if not turn:
                    zipped(archive, {"1.ogg": bytes([number])})
                assert archives.read(archive, "1.ogg") == bytes([number])


def test_an_archive_is_recognised_by_its_name_or_its_first_bytes(tmp_path: Path) -> None:
    packed = zipped(tmp_path / "voices.bin", {"Key/AIR/観鈴/1.ogg": b"1"})
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "notes.txt").write_text("PKey")
    assert is_archive(packed)
    assert found(packed)[0][:2] == ("Key", "AIR")
    assert is_archive(tmp_path / "away.7z")
    assert not any(is_archive(tmp_path / name) for name in ("folder.zip", "notes.txt", "gone", "."))


@pytest.mark.skipif(os.name == "nt", reason="names of 300 letters give other errors there")
@pytest.mark.parametrize(("suffix", "archive"), [(".zip", True), (".7z", True), (".bin", False), ("", False)])
def test_a_place_that_the_file_system_does_not_tell_about_goes_by_its_name(
    tmp_path: Path, suffix: str, archive: bool
) -> None:
    place = tmp_path / f"{'x' * 300}{suffix}"  # ENAMETOOLONG, as a disk that is away gives ESTALE, even to root
    with pytest.raises(OSError, match="too long"):
        place.is_file()
    assert is_archive(place) is archive
    with Archives() as archives:
        assert refusal(archives, place, "1.ogg") is Refusal.UNREADABLE
