"""The same audio in two games is no evidence of a recurring voice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from search.filling import assert_equal, fill, forget, some_voices, units
from standin import DIM, StandInEncoder

from speaker_search.library import Library
from speaker_search.search.profiles.build import NOTHING, build_profiles
from speaker_search.settings import Settings

VOICES = some_voices(games=6, characters=8, clips=4, people=40, spread=0.3)


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with Library(settings, encoder=StandInEncoder()) as opened:
        fill(opened, VOICES, heard=True)
        yield opened


def test_a_game_that_is_there_twice_changes_no_voice_and_is_named(library: Library) -> None:
    before = library.cast()
    fill(library, {"brand/again": VOICES["maker0/game0"]}, heard=True)
    library.refresh()
    after = library.cast()
    profiles = library.ready.profiles
    names = {character.game.title for character in after.unlinked if profiles.echoes[profiles.row(character.id)]}
    assert names == {"again"}
    assert profiles.echoes.sum() == 8
    assert [[one.id for one, _ in voice.members] for voice in after.voices] == [
        [one.id for one, _ in voice.members] for voice in before.voices
    ]
    assert "another game has the audio of all their lines (8): brand/again/" in after.warnings[0]
    first = library.characters(game="game0").characters[0]
    found = {match.character.address for match in library.similar(first.address).matches}
    assert f"brand/again/{first.name}" in found  # a search still finds it


def test_a_repeated_line_does_not_count_until_the_line_it_repeats_is_forgotten(library: Library) -> None:
    own, other = (next(iter(VOICES[game].values())) for game in ("maker0/game0", "maker1/game1"))
    lines = np.concatenate([own[:1], other[:1], units(own + 0.1)])
    filled = fill(library, {"maker0/new": {"someone": lines}}, heard=True)
    library.refresh()
    profiles = library.ready.profiles
    row = profiles.row(library.character("maker0/new/someone").id)
    mean = np.stack(list(filled.values())[2:]).astype(np.float16).astype(np.float64).mean(axis=0)
    assert profiles.means[row] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert (profiles.clips[row], profiles.echoes[row], profiles.repeats.counts.tolist()) == (6, False, [2])
    forget(library, *(clip.id for one in ("game0", "game1") for clip in first_lines(library, one)))
    library.refresh()
    assert_equal(library.ready.profiles, build_profiles(library.ready.snapshot, NOTHING))


def test_of_two_games_the_one_with_more_audio_keeps_a_line_whichever_came_first(settings: Settings) -> None:
    full = VOICES["maker0/game0"]
    trial = {name: lines[:2] for name, lines in full.items()}
    with Library(settings, encoder=StandInEncoder()) as opened:
        for games in ({"brand/trial": trial}, {**VOICES, "maker0/game0": full}):
            fill(opened, games, heard=True)
        profiles = opened.ready.profiles
        echoes = set(profiles.character_ids[profiles.echoes].tolist())
        assert {one.game.title for one in opened.characters().characters if one.id in echoes} == {"trial"}
        assert len(echoes) == 8


def test_a_game_whose_audio_only_its_trial_version_has_too_is_not_far_from_all_others(settings: Settings) -> None:
    with Library(settings, encoder=StandInEncoder()) as opened:
        full = VOICES["maker0/game0"]
        fill(opened, {"brand/full": full, "brand/trial": {name: lines[:2] for name, lines in full.items()}}, heard=True)
        assert not opened.ready.profiles.far.any()
        assert {one.reason for one in opened.cast_document(game="full").unlinked} == {None}


@pytest.mark.parametrize("order", [("one", "other"), ("other", "one")])
def test_of_two_games_with_equally_many_lines_the_same_one_keeps_a_line_in_any_order(
    library: Library, order: tuple[str, str]
) -> None:
    rng = np.random.default_rng(0)
    shared, *own = units(rng.standard_normal((7, DIM)))
    lines = {"one": np.stack([shared, *own[:3]]), "other": np.stack([shared, *own[3:]])}
    for title in order:
        fill(library, {f"brand/{title}": {"someone": lines[title]}}, heard=True)
    library.refresh()
    repeated = library.ready.profiles.repeats.ids.tolist()
    assert [library.show(id_).character.game.title for id_ in repeated] == ["other"]


def first_lines(library: Library, game: str) -> list[object]:
    return library.show(library.characters(game=game).characters[0].address, limit=1).clips
