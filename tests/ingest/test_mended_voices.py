"""Folders that keep their old names while people rename and merge what is in them, through the library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ingest.taking import CLIPS, take_in
from standin import StandInEncoder, write_voice

from speaker_search.documents import SearchOptions
from speaker_search.errors import NotFoundError, UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings


def names(library: Library) -> dict[str, int]:
    """Every character's address and embedded clips."""
    return {one.address: one.clips for one in library.characters().characters}


def test_folders_are_known_by_their_old_names_after_every_kind_of_edit(library: Library, voices: Path) -> None:
    take_in(library, voices)
    library.rename("maker", "maker", "Kumo Soft")
    library.rename("game", "one", "First")
    library.rename("character", "First/Ann", "Anna")
    library.merge("character", "First/Bob", "Anna")
    library.merge("game", "two", "First")
    report = take_in(library, voices)
    assert (report.new, report.known, report.relabelled, report.opened) == (0, CLIPS, 0, 0)
    assert names(library) == {"Kumo Soft/First/Anna": 6, "Kumo Soft/First/Cid": 3}
    assert library.character("maker/one/Bob").name == library.character("Ann").name == "Anna"
    write_voice(voices / "maker/one/Bob/new.wav", 2, 50)
    write_voice(voices / "maker/two/Dora/new.wav", 3, 51)
    assert take_in(library, voices).new == 2
    assert names(library) == {"Kumo Soft/First/Anna": 7, "Kumo Soft/First/Cid": 3, "Kumo Soft/First/Dora": 1}


def test_undoing_all_edits_and_ingesting_again_restores_the_catalog(library: Library, voices: Path) -> None:
    take_in(library, voices)
    before = names(library)
    library.rename("maker", "maker", "Kumo Soft", author="ann")
    library.merge("game", "two", "one", author="ann")
    library.merge("character", "Cid", "Ann", author="bob")
    write_voice(voices / "maker/two/Cid/new.wav", 1, 50)
    take_in(library, voices)
    first, *later = reversed(library.edits().edits)
    with pytest.raises(UsageError, match=f"^Edit {later[1].id} builds on edit {later[0].id}"):
        library.undo_edit(later[0].id)
    for edit in (first, *reversed(later)):
        assert library.undo_edit(edit.id, author="cleo").edit.undone_by == "cleo"
    assert names(library) == before | {"maker/one/Ann": 4}  # the new clip of Cid's
    take_in(library, voices)
    assert names(library) == before | {"maker/two/Cid": 4}


def test_searches_follow_a_merge(library: Library, voices: Path) -> None:
    take_in(library, voices)
    cid = library.character("Cid")
    library.merge("game", "two", "one")
    library.merge("character", "Bob", "Ann")
    library.refresh()
    found = library.similar_document("Ann", SearchOptions(), same_game=True)
    assert [(match.character.address, match.character.clips) for match in found.matches if match.character] == [
        ("maker/one/Cid", 3)
    ]
    assert library.similar("Ann").matches == ()  # nobody is in another game
    assert library.character(cid.id).game.title == "one"


def test_a_moved_folder_keeps_the_names_that_people_gave(library: Library, voices: Path) -> None:
    take_in(library, voices)
    library.merge("game", "two", "one")
    library.rename("game", "one", "First")
    (voices / "maker/two").rename(voices / "maker/elsewhere")
    (voices / "maker").rename(voices / "brand")
    report = take_in(library, voices)
    assert (report.new, report.known, report.relabelled) == (0, CLIPS, 0)
    assert names(library) == {"maker/First/Ann": 3, "maker/First/Bob": 3, "maker/First/Cid": 3}
    assert take_in(library, voices).relabelled == 0
    assert library.character("brand/elsewhere/Cid").address == "maker/First/Cid"


def test_an_import_and_a_restore_keep_mended_names(library: Library, voices: Path, tmp_path: Path) -> None:
    take_in(library, voices)
    library.export(tmp_path / "before.parquet")
    edit = library.merge("game", "two", "one").edit.id
    library.rename("character", "Cid", "Sid")
    assert library.import_voices(tmp_path / "before.parquet").new == 0
    assert names(library) == {"maker/one/Ann": 3, "maker/one/Bob": 3, "maker/one/Sid": 3}
    library.backup(tmp_path / "all.backup")
    other = Settings(home=tmp_path / "other", encoder="stand-in")
    Library.restore(other, tmp_path / "all.backup")
    with Library(other, encoder=StandInEncoder()) as restored:
        assert restored.character("two/Cid").address == "maker/one/Sid"
        with pytest.raises(UsageError, match=f"builds on edit {edit}"):
            restored.undo_edit(edit)
        assert restored.verify(deep=True).ok


def test_known_voice_actors_are_found_by_former_names(library: Library, voices: Path, tmp_path: Path) -> None:
    take_in(library, voices)
    cast = {"one": {"Ann": "x", "Bob": "y"}, "two": {"Cid": "x"}}
    truth = [
        {"maker": "maker", "game": game, "character": name, "voice_actor": actor}
        for game, characters in cast.items()
        for name, actor in characters.items()
    ]
    (tmp_path / "cast.json").write_text(json.dumps(truth), encoding="utf-8")
    library.rename("game", "one", "First")
    library.rename("character", "Cid", "Sid")
    assert library.evaluate(tmp_path / "cast.json").characters == 3
    library.merge("character", "Bob", "Ann")  # two actors: it says nothing about either
    library.refresh()
    assert library.evaluate(tmp_path / "cast.json").characters == 1


def test_wrong_edits_are_answered_in_a_sentence(library: Library, voices: Path) -> None:
    take_in(library, voices)
    library.merge("character", "Bob", "Ann")
    with pytest.raises(UsageError, match=r"^one/Bob is part of maker/one/Ann \(id 1\) already"):
        library.merge("character", "one/Bob", "Cid")
    with pytest.raises(NotFoundError, match=r"^There is no maker Makers\. Did you mean maker\?"):
        library.rename("maker", "Makers", "Kumo")
    with pytest.raises(NotFoundError, match=r"^There is no game maker/on\. Did you mean maker/one\?"):
        library.merge("game", "maker/on", "two")
    with pytest.raises(NotFoundError, match=r"^There is no edit 99\. `spksearch catalog edits` lists them"):
        library.undo_edit(99)
    with pytest.raises(
        UsageError, match=r"^There is a game maker/two already \(id 2\)\. `spksearch catalog merge game`"
    ):
        library.rename("game", "one", "TWO")
