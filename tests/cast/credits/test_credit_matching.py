"""Which games and characters a list of credits means: a test for each rule."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from speaker_search.cast.credits.listed import (
    Key,
    ListedCast,
    ListedCharacter,
    ListedCredit,
    ListedGame,
    Malformed,
    Person,
)
from speaker_search.cast.credits.matching import Fit, Found, match
from speaker_search.cast.credits.spellings import compact, main_title, romaji
from speaker_search.catalog.knowledge.kept_credits import RosterCharacter, RosterGame


@dataclass
class Said:
    """A list: title and maker of each game -> its characters, aliases after a "|". Each has an actor of its own."""

    said: dict[tuple[str, str], list[str]]
    related: dict[str, list[str]] = field(default_factory=dict)  # by title
    same_actor: bool = False
    source: str = "vndb"
    malformed: Malformed = field(default_factory=Malformed)
    persons: dict[Key, Person] = field(default_factory=dict)
    left_out: int = 0

    @property
    def games(self) -> list[ListedGame]:
        return [
            ListedGame(f"{title}@{maker}", title.split("/")[0], tuple(title.split("/")), (maker,) if maker else ())
            for title, maker in self.said
        ]

    def cast(self, game: ListedGame) -> ListedCast:
        title, _, maker = game.id.partition("@")
        own = self.said[title, maker]
        return ListedCast(tuple(map(self._character, own)), tuple(map(self._character, self.related.get(title, []))))

    def _character(self, written: str) -> ListedCharacter:
        names, _, aliases = written.partition("|")
        actor = "one" if self.same_actor else written
        credit = ListedCredit(("vndb", actor), actor)
        all_names = tuple(names.split("/"))
        return ListedCharacter(all_names[0], all_names, tuple(filter(None, aliases.split("/"))), (credit,))


def held(*games: tuple[str, str, list[str]]) -> list[RosterGame]:
    """A catalog: title, maker and characters of each game; ids are numbers from 1 and 101 on."""
    number, found = 100, []
    for id_, (title, maker, names) in enumerate(games, start=1):
        people = []
        for name in names:
            number += 1
            people.append(RosterCharacter(number, tuple(name.split("/"))))
        found.append(RosterGame(id_, tuple(title.split("/")), (maker,), tuple(people)))
    return found


def one_game(said: list[str], ours: list[str], **more: object) -> dict[str, Found]:
    """What becomes of the characters of a game that both have."""
    listed = Said({("Umi", "Aozora"): said}, **more)  # type: ignore[arg-type]
    return {
        found.character.name: found for found in match(listed, held(("Umi", "Aozora", ours)), every_game=True).found
    }


def games_of(said: dict[tuple[str, str], list[str]], *ours: tuple[str, str, list[str]]) -> tuple[dict, dict]:  # type: ignore[type-arg]
    """The list's games by the catalog's, by their numbers: those chosen, and those that are unclear."""
    found = match(Said(said), held(*ours), every_game=True).games
    return dict(found.chosen), dict(found.possible)


# -- spellings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ｕｍｉ no-Koe!", "umi no koe"),
        ("あおい そら☆", "アオイソラ"),
        ("D.C.～ダ・カーポ～", "d.c. ダカーポ"),
        ("♥♥", "♥♥"),
    ],
)
def test_width_case_signs_spaces_and_kind_of_kana_make_no_difference(one: str, other: str) -> None:
    assert compact(one) == compact(other)


def test_titles_of_signs_alone_stay_apart() -> None:
    assert compact("!?") != compact("…")


@pytest.mark.parametrize(
    ("kana", "latin"),
    [
        ("こうさかきょうこ", "Kōsaka Kyouko"),
        ("しんいち", "Shin'ichi"),
        ("ジェーン", "Jēn"),
        ("つづきのふじ", "Tudzuki no Huzi"),
        ("まっちゃ", "Matcha"),
        ("しゃちょう", "Syatyou"),
        ("さんぽ", "Sampo"),
    ],
)
def test_kana_and_their_usual_spellings_in_latin_letters_are_alike(kana: str, latin: str) -> None:
    assert romaji(kana) == romaji(latin) != ""


def test_kanji_have_no_spelling_in_latin_letters() -> None:
    assert romaji("古河 渚") == romaji("17") == ""


@pytest.mark.parametrize(
    ("title", "main"),
    [
        ("海の声 ～Voice～", "海の声"),
        ("Umi: The Sea", "Umi"),
        ("Umi - the sea", "Umi"),
        ("Ever-17", "Ever-17"),
        ("〜海〜", "〜海"),
        ("海（上）", "海"),
    ],
)
def test_a_subtitle_begins_at_a_sign(title: str, main: str) -> None:
    assert main_title(title) == main


# -- games --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ours", ["Umi no Koe", "ＵＭＩ ＮＯ ＫＯＥ", "umi-no-koe!", "うみのこえ"])
def test_a_title_is_found_in_any_spelling(ours: str) -> None:
    assert games_of({("海の声/Umi no Koe", "Aozora"): []}, (ours, "Aozora", [])) == (
        {1: "海の声/Umi no Koe@Aozora"},
        {},
    )


def test_the_maker_tells_games_of_one_title_apart() -> None:
    said = {("Umi", "Aozora"): [], ("Umi", "Yozora"): []}
    assert games_of(said, ("Umi", "yozora", [])) == ({1: "Umi@Yozora"}, {})


def test_a_title_of_another_maker_is_unclear() -> None:
    assert games_of({("Umi", "Aozora"): ["Rin"]}, ("Umi", "Yozora", ["Rin"])) == ({}, {1: ("Umi@Aozora",)})


def test_two_characters_confirm_a_game_of_another_maker() -> None:
    said = {("Umi", "Aozora"): ["Rin", "Ai"], ("Umi", "Midori"): ["Rin", "Yui"]}
    assert games_of(said, ("Umi", "Yozora", ["rin", "ai", "Kei"])) == ({1: "Umi@Aozora"}, {})


def test_a_list_without_makers_is_matched_by_title_where_that_is_unique() -> None:
    assert games_of({("Umi", ""): []}, ("Umi", "Aozora", [])) == ({1: "Umi@"}, {})


def test_a_subtitle_may_be_missing_where_the_maker_is_the_same() -> None:
    said = {("Umi ～the sea～", "Aozora"): []}
    assert games_of(said, ("Umi", "Aozora", [])) == ({1: "Umi ～the sea～@Aozora"}, {})
    assert games_of(said, ("Umi", "Yozora", [])) == ({}, {})


def test_two_subtitles_are_two_games() -> None:
    assert games_of({("Umi ～one～", "Aozora"): []}, ("Umi ～two～", "Aozora", [])) == ({}, {})


def test_a_title_that_another_game_has_in_full_is_not_taken_for_one_without_its_subtitle() -> None:
    said = {("Umi", "Aozora"): []}
    assert games_of(said, ("Umi", "Aozora", []), ("Umi ～two～", "Aozora", [])) == ({1: "Umi@Aozora"}, {})


def test_a_game_is_found_under_a_title_that_it_had_before() -> None:
    assert games_of({("Umi", "Aozora"): []}, ("The Sea/Umi", "Aozora", [])) == ({1: "Umi@Aozora"}, {})


# -- characters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("古河 渚/Furukawa Nagisa", "古河渚"),
        ("古河 渚/Furukawa Nagisa", "渚"),
        ("古河 渚/Furukawa Nagisa", "Nagisa Furukawa"),
        ("古河 渚/Furukawa Nagisa", "なぎさ"),
        ("古河 渚/Furukawa Nagisa", "渚　古河"),
        ("ジェーン・ドウ/Jane Doe", "ジェーン＝ドウ"),
        ("ジェーン・ドウ/Jane Doe", "JANE"),
        ("高坂 凛|リンちゃん", "りんちゃん"),
        ("高坂 凛/Kousaka Rin", "こうさか りん"),
        ("渚", "古河 渚"),
        ("渚", "少女＠渚"),
        ("渚", "Nagisa/渚"),
    ],
)
def test_a_character_is_found_in_any_spelling(said: str, ours: str) -> None:
    found = one_game([said, "別人/Betsujin"], [ours, "Somebody"])[said.split("/")[0].split("|")[0]]
    assert (found.fit, found.to) == (Fit.MATCHED, (101,))


def test_two_of_one_family_are_ambiguous_by_its_name_and_listed() -> None:
    found = one_game(["古河 渚", "古河 早苗"], ["古河"])
    assert {name: (one.fit, one.candidates) for name, one in found.items()} == {
        "古河 渚": (Fit.AMBIGUOUS, (101,)),
        "古河 早苗": (Fit.AMBIGUOUS, (101,)),
    }


def test_a_whole_name_comes_before_a_part_of_another() -> None:
    found = one_game(["渚", "古河 渚"], ["渚"])
    assert (found["渚"].to, found["古河 渚"].fit) == ((101,), Fit.UNMATCHED)


def test_a_part_of_a_name_whose_owner_is_here_in_full_is_ambiguous() -> None:
    found = one_game(["古河 渚"], ["古河渚", "渚"])
    assert (found["古河 渚"].fit, found["古河 渚"].to) == (Fit.MATCHED, (101,))
    assert found["古河 渚"].candidates == ()


def test_two_of_ours_that_a_name_fits_in_part_are_ambiguous() -> None:
    found = one_game(["古河 渚"], ["古河", "渚"])
    assert (found["古河 渚"].fit, found["古河 渚"].candidates) == (Fit.AMBIGUOUS, (101, 102))


def test_names_that_only_look_alike_do_not_match() -> None:
    found = one_game(["Rinka", "Ai"], ["Rin", "A"])
    assert {one.fit for one in found.values()} == {Fit.UNMATCHED}


def test_characters_match_within_their_game_only() -> None:
    listed = Said({("Umi", "Aozora"): ["Rin"], ("Yama", "Aozora"): ["Ai"]})
    found = match(listed, held(("Umi", "Aozora", ["Ai"]), ("Yama", "Aozora", ["Rin"])), every_game=True).found
    assert {one.fit for one in found} == {Fit.UNMATCHED}


def test_a_character_of_a_related_game_may_be_in_this_one() -> None:
    found = one_game(["Rin"], ["Rin", "Ai"], related={"Umi": ["Ai", "Kei"]})
    assert {name: one.to for name, one in found.items()} == {"Rin": (101,), "Ai": (102,)}


def test_the_same_name_in_two_related_games_is_ambiguous_unless_the_actor_is_the_same() -> None:
    two = ["Ai", "Ai|x"]
    assert one_game([], ["Ai"], related={"Umi": two})["Ai"].fit is Fit.AMBIGUOUS
    assert one_game([], ["Ai"], related={"Umi": two}, same_actor=True)["Ai"].to == (101,)


def test_characters_of_an_unclear_game_are_ambiguous_with_their_candidates() -> None:
    listed = Said({("Umi", "Aozora"): ["Rin"]})
    (found,) = match(listed, held(("Umi", "Yozora", ["Rin"])), every_game=True).found
    assert (found.fit, found.candidates) == (Fit.AMBIGUOUS, (101,))


def test_games_that_the_catalog_lacks_are_reported_of_a_csv_and_passed_over_in_a_dump() -> None:
    listed = Said({("Umi", "Aozora"): ["Rin"]})
    assert [one.reason for one in match(listed, [], every_game=True).found] == ["no game of that title and maker"]
    assert match(listed, [], every_game=False).found == []
