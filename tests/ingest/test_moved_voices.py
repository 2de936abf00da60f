"""Voices that are moved or renamed on disk stay the clips they are, real files and folders."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ingest.taking import CLIPS, dump, embedded, refusals, take_in
from standin import write_dump, write_voice

from speaker_search.errors import NotFoundError, SourceError
from speaker_search.library import Library

#: What these tests ask of a database, tests/catalog asks of both.
pytestmark = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


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
    assert library.forget_gone(voices).clips == 0
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


def test_a_game_renamed_in_case_alone_has_its_new_name(library: Library, voices: Path) -> None:
    """Its folder was found, but the title stayed."""
    take_in(library, voices)
    (voices / "maker/two").rename(voices / "maker/TWO")
    report = take_in(library, voices)
    assert (report.new, report.opened, len(report.moved)) == (0, 0, 1)
    assert library.character("maker/TWO/Cid").address == "maker/TWO/Cid"
    (voices / "maker").rename(voices / "Maker")
    assert len(take_in(library, voices).moved) == 2
    assert {one.game.maker.name for one in library.characters().characters} == {"Maker"}


def test_a_moved_list_of_several_games_takes_them_all_along(library: Library, tmp_path: Path) -> None:
    """The first game was compared with the clips of all of them, so nothing was recognised."""
    rows = ["path,character"]
    for number in range(9):
        name = f"game{number // 3}/Ann/{number}.wav"
        write_voice(tmp_path / "maker" / name, number % 2, number)
        rows.append(f"{name},Ann")
    (tmp_path / "maker/manifest.csv").write_text("\n".join(rows))
    assert take_in(library, tmp_path / "maker").games == 3
    before = {one.game.title: (one.id, one.clips) for one in library.characters().characters}
    (tmp_path / "maker").rename(tmp_path / "brand")
    report = take_in(library, tmp_path / "brand")
    assert (report.new, report.known, report.opened, report.relabelled, report.gone) == (0, 9, 0, 0, 0)
    assert len(report.moved) == 1
    after = library.characters().characters
    assert {one.game.title: (one.id, one.clips) for one in after} == before
    assert {one.game.maker.name for one in after} == {"brand"}


def test_a_moved_archive_of_several_games_takes_them_all_along(library: Library, tmp_path: Path) -> None:
    write_dump(tmp_path / "packed", {f"maker/{title}": {"Ann": 1, "Bob": 2} for title in ("one", "two", "three")})
    (tmp_path / "here").mkdir()
    shutil.make_archive(str(tmp_path / "here/all"), "zip", tmp_path / "packed")
    take_in(library, tmp_path / "here/all.zip")
    (tmp_path / "there").mkdir()
    (tmp_path / "here/all.zip").rename(tmp_path / "there/all.zip")
    report = take_in(library, tmp_path / "there/all.zip")
    assert (report.new, report.known, report.opened, len(report.moved)) == (0, 18, 0, 1)


def test_the_clips_of_a_folder_that_was_emptied_can_be_forgotten(library: Library, voices: Path) -> None:
    """It had to be ingested again first, which an empty folder cannot be."""
    take_in(library, voices)
    for name in ("Ann", "Bob"):
        shutil.rmtree(voices / "maker/one" / name)
    with pytest.raises(SourceError, match="holds no audio"):
        library.ingest([voices / "maker/one"])
    assert library.forget_gone().clips == 0
    assert library.forget_gone(voices / "maker/one").clips == 6
    library.refresh()
    assert len(embedded(library)) == CLIPS - 6


@pytest.mark.parametrize("named", [".", "maker", "maker/two", "maker/two/Cid"])
def test_a_folder_is_looked_through_whatever_is_left_of_it(library: Library, voices: Path, named: str) -> None:
    """Of the folder around a game that was deleted, it said that it is still there."""
    take_in(library, voices)
    shutil.rmtree(voices / "maker/two")
    assert library.forget_gone(voices / named).clips == 3
    library.refresh()
    assert library.verify().ok


def test_a_row_whose_file_was_missing_is_forgotten_with_the_last_file_of_its_game(
    library: Library, tmp_path: Path
) -> None:
    game = dump(tmp_path / "maker_game", [("Ann", "a.wav"), ("Ann", "b.wav"), ("Ann", "lost.wav")])
    for number, name in enumerate("ab"):
        write_voice(game / f"{name}.wav", 1, number)
    take_in(library, game)
    (game / "a.wav").unlink()
    assert library.forget_gone(game).clips == 1
    assert refusals(library) == {"lost.wav": "missing"}
    (game / "b.wav").unlink()
    assert library.forget_gone(game).clips == 2
    assert refusals(library) == {}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_files_below_a_folder_that_cannot_be_looked_into_are_not_gone(library: Library, voices: Path) -> None:
    take_in(library, voices)
    voices.chmod(0)
    try:
        assert library.forget_gone(voices).clips == 0
    finally:
        voices.chmod(0o755)
