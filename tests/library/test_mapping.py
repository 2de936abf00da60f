"""Maps through the library: whose points they show, and what a catalog that changes does to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from search.filling import fill, some_voices
from standin import StandInEncoder

from speaker_search.documents import INFERENCE
from speaker_search.errors import NotFoundError
from speaker_search.library import Library
from speaker_search.settings import Settings

pytestmark = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=4, characters=3, clips=5, people=6, spread=0.2))
        yield library


def test_every_character_is_a_point_with_its_game_and_voice(library: Library) -> None:
    found = library.character_map()
    listed = {one.id: one for one in library.characters().characters}
    assert found.ids == sorted(listed)
    assert found.names == [listed[id_].name for id_ in found.ids]
    assert [found.of_games[place] for place in found.games] == [listed[id_].game for id_ in found.ids]
    assert found.clips == [5] * 12
    voice_of = {one.id: voice.id for voice in library.cast().voices for one, _ in voice.members}
    assert voice_of
    assert found.voices == [voice_of.get(id_) for id_ in found.ids]
    assert all(0 <= place <= 1 for place in found.x + found.y)
    assert found.inference == INFERENCE


def test_a_character_has_the_sex_of_its_actor_or_of_the_actor_of_its_voice(library: Library, tmp_path: Path) -> None:
    assert set(library.character_map().sexes) == {None}
    one, other = library.cast().voices[:2]
    (first, _), (second, _) = one.members[:2]
    secret = other.members[0][0]
    rows = [(first, "Hana,f,"), (second, "Ken,m,"), (secret, "Rei,m,yes")]
    path = tmp_path / "credits.csv"
    lines = [f"{who.address.replace('/', ',')},{said}" for who, said in rows]
    path.write_text("\n".join(["maker,game,character,voice_actor,sex,spoiler", *lines]), encoding="utf-8")
    library.import_credits(path, spoilers=True)
    found = library.character_map()
    of_voices = {voice.id: voice.sex for voice in library.cast().voices if voice.voice_actor in {"Hana", "Ken"}}
    assert of_voices
    own = {first.id: "f", second.id: "m"}
    for id_, voice, sex in zip(found.ids, found.voices, found.sexes, strict=True):
        assert sex == own.get(id_, of_voices.get(voice))


def test_every_clip_of_a_game_is_a_point_with_its_speaker(library: Library) -> None:
    game = library.games(title="game1").games[0]
    found = library.clip_map(game.id)
    listed = {one.id: one for one in library.clip_list(game_id=game.id).clips}
    assert found.ids == sorted(listed)
    assert found.of == len(listed)
    assert None in found.characters
    assert found.names == {one.id: one.name for one in library.characters(game_id=game.id).characters}
    for id_, speaker in zip(found.ids, found.characters, strict=True):
        who = listed[id_].character
        assert speaker == (None if who is None else who.id)
    with pytest.raises(NotFoundError, match="There is no game 999"):
        library.clip_map(999)


def test_what_is_merged_is_one_point_and_nothing_else_moves(library: Library) -> None:
    before = library.character_map()
    one, other = library.characters(game="game0", limit=2).characters
    library.merge("character", other.id, one.id)
    after = library.character_map()
    assert after.ids == [id_ for id_ in before.ids if id_ != other.id]


def test_a_catalog_without_voices_has_an_empty_map(settings: Settings) -> None:
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=1, characters=1, clips=1))
        found = library.character_map()
        assert (found.ids, found.x, found.y) == ([1], [0.5], [0.5])
        assert np.isfinite(library.clip_map(1).x).all()


def test_clips_lie_around_their_character_and_those_that_sound_alike_near_each_other(library: Library) -> None:
    one, other = library.characters(game="game1", limit=2).characters
    found = library.near_clips([other.id, 999, one.id])
    assert {found.characters[place] for place in range(len(found.ids))} == {one.id, other.id}
    for who in (one, other):
        own = [place for place, speaker in enumerate(found.characters) if speaker == who.id]
        assert [found.ids[place] for place in own] == [clip.id for clip in library.clip_list(character_id=who.id).clips]
        far = np.hypot([found.x[place] for place in own], [found.y[place] for place in own])
        assert far.max() == pytest.approx(1, abs=1e-3)
    assert library.near_clips([999]).ids == []


def test_a_games_map_has_the_voices_and_sexes_of_its_characters(library: Library, tmp_path: Path) -> None:
    who, _ = library.cast().voices[0].members[0]
    path = tmp_path / "credits.csv"
    path.write_text(f"maker,game,character,voice_actor,sex\n{who.address.replace('/', ',')},Hana,f\n", encoding="utf-8")
    library.import_credits(path)
    found, whole = library.clip_map(who.game.id), library.character_map()
    assert found.sexes[who.id] == "f"
    assert found.voices == {
        id_: voice for id_, voice in zip(whole.ids, whole.voices, strict=True) if voice and id_ in found.names
    }
