"""Makers, games and characters renamed and merged by people: what finds them, what scans make of their old names."""

from __future__ import annotations

from dataclasses import replace

import pytest
from catalog.mender import Mender
from catalog.shelf import Shelf, replayed
from sqlalchemy import insert, select

from speaker_search.catalog import people, tables
from speaker_search.catalog.mending.standing import standing
from speaker_search.errors import NotFoundError, UsageError


@pytest.fixture
def mender(shelf: Shelf) -> Mender:
    """A maker with two games: `title` with A, B and an unknown speaker, and `other` with A and C."""
    shelf.scan(shelf.clip("1", "A"), shelf.clip("2", "B"), shelf.clip("3", None))
    second(shelf).scan(shelf.clip("1", "A"), shelf.clip("2", "C"))
    shelf.embed_all()
    return Mender(shelf.catalog)


def second(shelf: Shelf) -> Shelf:
    return replace(shelf, root=shelf.root.parent / "maker_other", title="other")


def scan_all_again(shelf: Shelf) -> int:
    """Scan both folders with the names that they had at first; how many clips were relabelled."""
    first = shelf.scan(shelf.clip("1", "A"), shelf.clip("2", "B"), shelf.clip("3", None))
    again = second(shelf).scan(shelf.clip("1", "A"), shelf.clip("2", "C"))
    assert (first.new, again.new, first.gone, again.gone) == (0, 0, 0, 0)
    return first.relabelled + again.relabelled


def check_log(shelf: Shelf) -> None:
    """The change log alone gives each clip the character that the catalog says."""
    assert replayed(shelf.log()) == shelf.embedded_characters()


def test_a_renamed_character_is_found_by_both_names_and_scans_keep_it(shelf: Shelf, mender: Mender) -> None:
    _, id_ = mender.found("title/A")
    mender.rename("character", id_, "Aoi")
    assert mender.found("title/A") == mender.found("maker/title/aoi") == ("maker/title/Aoi", id_)
    assert mender.listed() == ["maker/title/Aoi", "maker/title/B", "maker/other/A", "maker/other/C"]
    position = shelf.position()
    assert scan_all_again(shelf) == 0
    assert shelf.position() == position
    assert mender.found("A") == ("maker/other/A", mender.found("other/A")[1])  # the one that is called so now


def test_clips_of_a_merged_character_come_to_the_other_and_so_do_later_ones(shelf: Shelf, mender: Mender) -> None:
    a, b = mender.found("title/A")[1], mender.found("title/B")[1]
    mender.merge("character", b, a)
    assert mender.found("title/B") == mender.found(str(b)) == ("maker/title/A", a)
    assert scan_all_again(shelf) == 0
    shelf.scan(shelf.clip("1", "A"), shelf.clip("2", "B"), shelf.clip("3", None), shelf.clip("4", "B"))
    shelf.embed_all()
    assert list(shelf.embedded_characters().values()).count(a) == 3
    assert len(mender.listed()) == 3
    check_log(shelf)


def test_merged_games_merge_their_characters_of_one_name(shelf: Shelf, mender: Mender) -> None:
    a, c = mender.found("title/A")[1], mender.found("other/C")[1]
    mender.merge("game", 2, 1)
    assert mender.listed() == ["maker/title/A", "maker/title/B", "maker/title/C"]
    assert mender.found("other/A") == ("maker/title/A", a)
    assert mender.found("maker/other/C") == mender.found("title/C") == ("maker/title/C", c)
    assert set(shelf.rows("clips.game_id")) == {1}
    assert scan_all_again(shelf) == 0
    another = replace(second(shelf), root=shelf.root / "more")
    another.scan(shelf.clip("9", "D"))
    assert mender.found("D")[0] == "maker/title/D"
    check_log(shelf)


def test_merged_makers_merge_their_games_of_one_title(shelf: Shelf, mender: Mender) -> None:
    brand = replace(shelf, maker="Brand", root=shelf.root.parent / "brand_title")
    brand.scan(shelf.clip("1", "A"), shelf.clip("2", "E"))
    replace(brand, title="third", root=shelf.root.parent / "brand_third").scan(shelf.clip("1", "F"))
    mender.merge("maker", 2, 1)
    assert mender.listed()[-2:] == ["maker/title/E", "maker/third/F"]
    assert mender.found("brand/title/A") == mender.found("maker/title/A")
    assert brand.scan(shelf.clip("1", "A"), shelf.clip("2", "E")).relabelled == 0
    with shelf.catalog.read() as connection:
        assert people.makers_called(connection, ["Brand"]) == {1}
        assert people.games_called(connection, ["third"]) == {4}


def test_a_game_goes_into_one_of_another_maker(shelf: Shelf, mender: Mender) -> None:
    brand = replace(shelf, maker="Brand", root=shelf.root.parent / "brand_alike")
    brand.title = "alike"
    brand.scan(shelf.clip("1", "A"))
    edit = mender.merge("game", 3, 1)
    assert mender.found("Brand/alike/A") == mender.found("maker/title/A")
    merged = mender.merge("maker", 1, 2)  # `alike` is a former name of `title`: neither is lost
    assert mender.found("Brand/alike/A") == mender.found("maker/title/A")
    mender.undo(merged)
    mender.undo(edit)
    assert mender.found("Brand/alike/A")[0] == "Brand/alike/A"


def test_a_game_of_equal_title_of_a_merged_maker_trades_places_with_its_former_name(
    shelf: Shelf, mender: Mender
) -> None:
    replace(shelf, maker="Brand", root=shelf.root.parent / "brand_title").scan(shelf.clip("1", "A"))
    mender.merge("game", 3, 1)
    before = mender.everything()
    edit = mender.merge("maker", 1, 2)
    assert mender.found("maker/title/B") == mender.found("Brand/title/B")
    assert mender.listed() == ["Brand/title/A", "Brand/title/B", "Brand/other/A", "Brand/other/C"]
    mender.undo(edit)
    assert mender.everything() == before


def test_the_same_name_in_other_letters_is_still_one_name(shelf: Shelf, mender: Mender) -> None:
    edit = mender.rename("character", 1, "ａ")
    assert mender.found("title/A") == ("maker/title/ａ", 1)
    mender.undo(edit)
    assert mender.found("title/A") == ("maker/title/A", 1)


def test_what_was_renamed_takes_its_old_name_back(shelf: Shelf, mender: Mender) -> None:
    first = mender.rename("character", 1, "Aoi")
    before = mender.everything()
    second = mender.rename("character", 1, "A")
    assert mender.found("title/Aoi") == ("maker/title/A", 1)
    assert scan_all_again(shelf) == 0
    with pytest.raises(
        UsageError, match=rf"^Edit {second} builds on edit {first}\. Run `spksearch catalog undo {second}`"
    ):
        mender.undo(first)
    mender.undo(second)
    assert mender.everything() == before


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda m: m.rename("character", 1, "b"), r"^There is a character maker/title/B already \(id 2\)\. `.* merge"),
        (lambda m: m.rename("character", 1, "A"), "^maker/title/A is called that already"),
        (lambda m: m.rename("game", 1, "  "), "^A game needs a name"),
        (lambda m: m.merge("character", 1, 1), "^maker/title/A cannot be merged into itself"),
        (lambda m: m.merge("character", 1, 3), "^maker/title/A and maker/other/A are in different games"),
        (lambda m: m.undo(1), "^There is no edit 1"),
        (lambda m: m.undo(10**23), "^There is no edit 1"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(mender: Mender, wrong: object, sentence: str) -> None:
    before = mender.everything()
    with pytest.raises((UsageError, NotFoundError), match=sentence):
        wrong(mender)  # type: ignore[operator]
    assert mender.everything() == before


def test_a_former_name_of_another_is_not_given_away(mender: Mender) -> None:
    mender.rename("character", 1, "Aoi")
    with pytest.raises(UsageError, match=r"^A is a former name of maker/title/Aoi \(id 1\), which still finds it"):
        mender.rename("character", 2, "A")


def say(shelf: Shelf, one: int, other: int, *, same: bool) -> int:
    words = {
        "one_id": min(one, other),
        "other_id": max(one, other),
        "same": same,
        "author": "ann",
        "note": "",
        "at": 1.0,
    }
    with shelf.catalog.write() as connection:
        return int(connection.execute(insert(tables.verdicts).values(words)).inserted_primary_key[0])


def test_characters_that_a_verdict_calls_different_are_not_merged(shelf: Shelf, mender: Mender) -> None:
    verdict = say(shelf, 1, 2, same=False)
    before = mender.everything()
    with pytest.raises(
        UsageError, match=rf"^Verdict {verdict} calls maker/title/A and maker/title/B different, .* one"
    ):
        mender.merge("character", 1, 2)
    assert mender.everything() == before


def test_games_are_not_merged_against_a_verdict_that_follows_from_others(shelf: Shelf, mender: Mender) -> None:
    say(shelf, 1, 2, same=True)
    verdict = say(shelf, 2, 3, same=False)
    with pytest.raises(UsageError, match=f"^Verdict {verdict} calls"):
        mender.merge("game", 2, 1)


def test_what_a_verdict_was_about_is_followed_through_merges(shelf: Shelf, mender: Mender) -> None:
    mender.merge("character", 1, 2)
    mender.rename("character", 2, "Beni")
    mender.merge("game", 1, 2)
    with shelf.catalog.read() as connection:
        assert standing(connection, [1, 2, 3]) == {1: 2, 2: 2, 3: 3}
        assert people.characters_by_id(connection, None, [1])[1].address == "maker/other/Beni"


def test_an_undone_merge_leaves_later_clips_until_their_folder_is_scanned(shelf: Shelf, mender: Mender) -> None:
    edit = mender.merge("character", 2, 1)
    more = [shelf.clip("1", "A"), shelf.clip("2", "B"), shelf.clip("3", None), shelf.clip("4", "B")]
    shelf.scan(*more)
    shelf.embed_all()
    assert mender.undo(edit) == 1
    speakers = shelf.embedded_characters()
    assert sorted(who or 0 for who in speakers.values()).count(2) == 1
    assert shelf.scan(*more).relabelled == 1
    assert sorted(who or 0 for who in shelf.embedded_characters().values()).count(2) == 2
    check_log(shelf)


def test_what_moved_into_a_merged_game_since_blocks_its_undoing(mender: Mender) -> None:
    games = mender.merge("game", 2, 1)
    later = mender.merge("character", 4, 1)
    with pytest.raises(UsageError, match=f"^Edit {later} builds on edit {games}"):
        mender.undo(games)
    mender.undo(later)
    mender.undo(games)


def test_undoing_an_edit_again_changes_nothing(mender: Mender) -> None:
    games = mender.merge("game", 2, 1)
    mender.undo(games)
    character = mender.merge("character", 1, 2)
    assert mender.undo(games) is None
    assert mender.undo(character) is not None


def test_a_character_comes_back_only_into_a_game_that_is_there(mender: Mender) -> None:
    first = mender.merge("character", 1, 2)
    later = mender.merge("game", 1, 2)
    with pytest.raises(UsageError, match=f"^Edit {later} builds on edit {first}"):
        mender.undo(first)


def test_the_first_of_two_merges_into_one_character_is_undone_alone(shelf: Shelf, mender: Mender) -> None:
    shelf.scan(*(shelf.clip(str(n), who) for n, who in enumerate(["A", "B", None, "D"], start=1)))
    shelf.embed_all()
    first = mender.merge("character", 1, 2)
    mender.merge("character", 5, 2)
    mender.undo(first)
    assert mender.found("title/A") == ("maker/title/A", 1)
    assert mender.found("title/D") == ("maker/title/B", 2)
    check_log(shelf)


def test_copies_of_a_merged_characters_clips_stay_copies(shelf: Shelf, mender: Mender) -> None:
    twice = [*(shelf.clip(str(n), "B") for n in (5, 6)), shelf.clip("1", "A"), shelf.clip("2", "B")]
    twice.append(shelf.clip("3", None))
    shelf.scan(*twice)
    shelf.hear(**{"5": "A"})
    shelf.hear(**{"6": "A"})
    assert shelf.count("copies") == 1
    edit = mender.merge("character", 2, 1)
    counts = shelf.scan(*twice)
    assert (counts.new, counts.relabelled, shelf.count("copies")) == (0, 0, 1)
    changed = [replace(twice[0], size=1), *twice[1:]]  # what is another file now leaves its copy behind
    shelf.scan(*changed)
    assert shelf.count("copies") == 0
    with shelf.catalog.read() as connection:
        c = tables.clips.c
        of = dict(connection.execute(select(c.path, c.character_id).where(c.root_id == 1)).all())
    assert (of["5"], of["6"]) == (1, 1)
    mender.undo(edit)
    assert shelf.scan(*changed).new == 0
    assert mender.found("title/B")[1] == 2


def test_rows_without_a_file_stay_when_a_folder_lists_two_merged_games(shelf: Shelf, mender: Mender) -> None:
    both = [replace(shelf, title=title, root=shelf.root.parent / "both") for title in ("title", "other")]

    def scan() -> int:
        return sum(one.scan(shelf.missing(f"{one.title}.wav", "A")).new for one in both)

    assert scan() == 2
    mender.merge("game", 2, 1)
    assert scan() == 0
    assert {"title.wav", "other.wav"} <= shelf.ids().keys()
