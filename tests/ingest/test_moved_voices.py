"""Voices that are moved or renamed on disk stay the clips they are, real files and folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ingest.taking import CLIPS, embedded, take_in
from standin import write_voice

from speaker_search.errors import NotFoundError, UsageError
from speaker_search.library import Library


def test_renaming_the_makers_folder_renames_the_maker_and_opens_no_file(library: Library, voices: Path) -> None:
    take_in(library, voices)
    before = library.character("maker/one/Ann")
    vectors = sorted(embedded(library).values())
    (voices / "maker").rename(voices / "brand")
    report = take_in(library, voices)
    assert (report.new, report.known, report.opened, report.gone, report.relabelled) == (0, CLIPS, 0, 0, 0)
    after = library.character("brand/one/Ann")
    assert (after.id, after.clips) == (before.id, before.clips)
    assert {one.game.maker.name for one in library.characters().characters} == {"brand"}
    assert sorted(embedded(library).values()) == vectors
    old, new = (voices.resolve() / name for name in ("maker/one", "brand/one"))
    assert report.moved[0] == f"{old} is now {new}; its clips were kept."


def test_a_file_deleted_after_its_dump_was_moved_is_gone(library: Library, voices: Path, tmp_path: Path) -> None:
    take_in(library, voices)
    moved = voices.rename(tmp_path / "moved")
    (moved / "maker/one/Ann/000.wav").unlink()
    report = take_in(library, moved)
    assert (report.new, report.known, report.gone) == (0, CLIPS - 1, 1)
    (moved / "maker/one/Ann/001.wav").unlink()
    assert take_in(library, moved).gone == 2
    assert library.forget_gone().clips == 2


def test_a_clip_is_gone_when_no_copy_of_its_file_is_left(library: Library, voices: Path, tmp_path: Path) -> None:
    take_in(library, voices)
    second = Path(shutil.copytree(voices, tmp_path / "second"))
    assert take_in(library, second).merged == CLIPS
    shutil.rmtree(voices)
    assert take_in(library, second).gone == 0
    (second / "maker/one/Ann/000.wav").unlink()
    assert take_in(library, second).gone == 1
    shutil.copytree(second, voices)
    write_voice(voices / "maker/one/Ann/000.wav", 1)
    assert (take_in(library, voices).gone, library.forget_gone().clips) == (0, 0)


def test_a_folder_that_is_gone_is_forgotten_when_it_is_named(library: Library, voices: Path, tmp_path: Path) -> None:
    take_in(library, voices)
    shutil.copytree(voices / "maker/two", tmp_path / "copy/maker/two")
    assert take_in(library, tmp_path / "copy").merged == 3
    with pytest.raises(UsageError, match="is still there"):
        library.forget_gone(voices)
    with pytest.raises(NotFoundError, match="has no clips from"):
        library.forget_gone(tmp_path / "nowhere")
    shutil.rmtree(voices)
    assert library.forget_gone(voices).clips == CLIPS - 3
    library.refresh()
    assert library.verify().ok
    assert library.character("maker/two/Cid").clips == len(embedded(library)) == 3


def test_renaming_a_characters_folder_moves_its_clips(library: Library, tmp_path: Path) -> None:
    game = tmp_path / "maker/game"
    for take in range(3):
        write_voice(game / f"Ann/{take}.wav", 1, seconds=0.6 + take / 10)
    take_in(library, game)
    (game / "Ann").rename(game / "Anna")
    report = take_in(library, game)
    assert (report.new, report.gone, report.merged) == (3, 3, 3)
    assert library.character("maker/game/Anna").clips == 3
    assert library.character("maker/game/Ann").clips == 0
    assert take_in(library, game).gone == 0


def test_a_folder_is_not_taken_for_one_that_it_shares_a_few_files_with(
    library: Library, voices: Path, tmp_path: Path
) -> None:
    take_in(library, voices)
    away = voices.rename(tmp_path / "away")
    some = tmp_path / "extract/brand_one/Ann"
    some.mkdir(parents=True)
    shutil.copy2(away / "maker/one/Ann/000.wav", some)
    report = take_in(library, tmp_path / "extract")
    assert (report.new, report.moved) == (1, [])
    assert library.character("maker/one/Ann").clips == 3
    assert take_in(library, away).known == CLIPS
