"""The recurring voices of a catalog whose truth is known: each character is called after who speaks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from search.filling import Voices, around, fill, some_voices, units
from standin import DIM, StandInEncoder

from speaker_search.cast.voices import Cast
from speaker_search.entities import Character
from speaker_search.errors import NotFoundError, UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings


@pytest.fixture
def library(settings: Settings, encoder: StandInEncoder) -> Iterator[Library]:
    with Library(settings, encoder=encoder) as opened:
        yield opened


@pytest.fixture(scope="module")
def clear(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Voices that are easy to tell apart."""
    yield from in_sqlite(tmp_path_factory, some_voices(games=6, characters=8, clips=4, people=40, spread=0.3))


@pytest.fixture(scope="module")
def blurred(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Voices that overlap, so that some links are wrong."""
    yield from in_sqlite(tmp_path_factory, some_voices(games=8, characters=8, clips=4, people=40, spread=0.8))


def in_sqlite(folders: pytest.TempPathFactory, voices: Voices) -> Iterator[Library]:
    home = folders.mktemp("home")
    settings = Settings(home=home, database_url=f"sqlite:///{home / 'catalog.db'}", encoder=StandInEncoder.name)
    with Library(settings, encoder=StandInEncoder()) as opened:
        fill(opened, voices)
        yield opened


def groups(cast: Cast) -> list[list[Character]]:
    return [[character for character, _ in voice.members] for voice in cast.voices]


def everyone(cast: Cast) -> list[Character]:
    return [character for group in groups(cast) for character in group] + list(cast.unlinked)


def precision(cast: Cast) -> float:
    """The share of linked pairs that are one person."""
    pairs = [one.name == other.name for group in groups(cast) for one, other in combinations(group, 2)]
    return sum(pairs) / len(pairs)


def test_who_recurs_is_found_and_who_does_not_is_left_alone(library: Library) -> None:
    fill(library, some_voices(games=6, characters=8, clips=4, people=40, spread=0.3))
    cast = library.cast()
    people = sorted(everyone(cast), key=lambda character: character.id)
    true = {(one.id, other.id) for one, other in combinations(people, 2) if one.name == other.name}
    linked = {pair for group in groups(cast) for pair in combinations(sorted(one.id for one in group), 2)}
    assert true <= linked
    assert len(linked - true) <= 0.15 * len(linked)
    assert cast.encoder == StandInEncoder.space
    assert cast.warnings == ()


def test_an_actor_of_sixty_roles_keeps_all_of_them(library: Library) -> None:
    """More roles than a cohort passes over; each game has another name for it, and three more voices."""
    rng = np.random.default_rng(3)
    often, *others = units(rng.standard_normal((181, DIM)))
    voices: Voices = {}
    for game in range(60):
        cast = {f"role{game}": often, **{f"{game}/{n}": others[3 * game + n] for n in range(3)}}
        voices[f"maker/game{game}"] = {name: around(voice, 4, rng, 0.5) for name, voice in cast.items()}
    fill(library, voices)
    voice = max(groups(library.cast()), key=len)
    assert sorted(one.name for one in voice) == sorted(f"role{game}" for game in range(60))


@pytest.mark.parametrize("least", [0.01, 0.5, 0.99])
def test_everyone_with_embedded_clips_is_in_exactly_one_list(blurred: Library, least: float) -> None:
    cast = blurred.cast(min_probability=least)
    ids = [character.id for character in everyone(cast)]
    assert sorted(ids) == blurred.ready.profiles.character_ids.tolist()
    assert all(len(voice.members) >= 2 for voice in cast.voices)
    assert len({voice.id for voice in cast.voices}) == len(cast.voices)
    assert {character.clips for character in everyone(cast)} == {4}


@pytest.mark.parametrize("least", [0.01, 0.5])
def test_no_voice_has_two_characters_of_one_game(blurred: Library, least: float) -> None:
    for group in groups(blurred.cast(min_probability=least)):
        games = [character.game.id for character in group]
        assert len(set(games)) == len(games)


def test_a_higher_threshold_links_fewer_and_is_more_often_right(blurred: Library) -> None:
    loose, middle, strict = (blurred.cast(min_probability=least) for least in (0.02, 0.5, 0.98))
    assert len(everyone(loose)) == len(everyone(strict))
    assert len(loose.unlinked) < len(middle.unlinked) < len(strict.unlinked)
    assert precision(loose) < precision(middle) < precision(strict)
    assert precision(strict) > 0.95


def test_a_voice_is_as_sure_as_its_least_sure_character(clear: Library) -> None:
    for voice in clear.cast().voices:
        probabilities = [probability for _, probability in voice.members]
        assert voice.probability == min(probabilities)
        assert all(0 <= probability <= 1 for probability in probabilities)


def test_the_same_catalog_has_the_same_cast(blurred: Library) -> None:
    assert blurred.cast() == blurred.cast()


@pytest.mark.parametrize("least", [0.0, 1.0, -0.1, 1.1, float("nan"), float("inf")])
def test_a_least_probability_outside_0_to_1_makes_no_sense(clear: Library, least: float) -> None:
    with pytest.raises(UsageError, match="above 0 and below 1"):
        clear.cast(min_probability=least)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("games", [1, 2])
def test_a_catalog_too_small_links_nobody_and_says_so(library: Library, games: int) -> None:
    fill(library, some_voices(games=games, characters=3))
    cast = library.cast()
    assert cast.voices == ()
    assert len(cast.unlinked) == 3 * games
    assert cast.warnings == ("No voices: the catalog holds too few characters or games to calibrate scores on.",)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_catalog_without_characters_has_an_empty_cast(library: Library) -> None:
    fill(library, {"m/g": {None: around(units(np.ones(DIM)), 3, np.random.default_rng(0))}})
    cast = library.cast()
    assert (cast.voices, cast.unlinked) == ((), ())


# -- one game's part -----------------------------------------------------------------------------------------


def test_a_games_cast_is_the_voices_heard_in_it_and_its_own_unlinked(clear: Library) -> None:
    whole, part = clear.cast(), clear.cast(game="game2")
    heard = [voice for voice in whole.voices if "game2" in {one.game.title for one, _ in voice.members}]
    assert list(part.voices) == heard
    assert list(part.unlinked) == [one for one in whole.unlinked if one.game.title == "game2"]
    assert len(heard) + len(part.unlinked) == 8  # its characters


def test_a_games_title_compares_without_regard_to_case_and_width(clear: Library) -> None:
    assert clear.cast(game=" ＧＡＭＥ2 ") == clear.cast(game="game2")


def test_a_game_that_is_not_there_is_not_found(clear: Library) -> None:
    with pytest.raises(NotFoundError, match="game99"):
        clear.cast(game="game99")
    with pytest.raises(NotFoundError, match=r"There is no game ' ' with embedded clips\."):
        clear.cast(game=" ")
