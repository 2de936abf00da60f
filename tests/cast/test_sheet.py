"""A game's cast sheet, in catalogs whose truth is known: each character is called after who speaks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from search.filling import fill, some_voices
from sqlalchemy import insert
from standin import StandInEncoder, write_dump

from speaker_search.catalog import tables
from speaker_search.documents import CastSheet
from speaker_search.errors import NotFoundError
from speaker_search.library import Library
from speaker_search.settings import Settings

GAME = "game2"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    home = tmp_path_factory.mktemp("home")
    with Library(Settings(home=home, encoder=StandInEncoder.name), encoder=StandInEncoder()) as opened:
        fill(opened, some_voices(games=6, characters=8, clips=4, people=40, spread=0.3))
        yield opened


@pytest.fixture(scope="module")
def found(library: Library) -> CastSheet:
    return library.cast_sheet(GAME)


def test_every_character_of_the_game_is_on_its_sheet_once(library: Library, found: CastSheet) -> None:
    there = [one.id for one in library.characters(game=GAME).characters]
    assert sorted(one.id for one in found.sheet) == there
    assert {one.clips for one in found.sheet} == {4}
    assert {one.seconds for one in found.sheet} == {12.0}
    assert found.game == GAME


def test_a_sheet_keeps_what_a_cast_of_one_game_has(library: Library, found: CastSheet) -> None:
    part = library.cast(game=GAME).document()
    assert (found.voices, found.unlinked, found.warnings) == (part.voices, part.unlinked, part.warnings)


def test_a_linked_character_has_its_own_voice_first_and_its_other_roles(found: CastSheet) -> None:
    members = {voice.id: {one.id for one in voice.characters} for voice in found.voices}
    linked = [one for one in found.sheet if one.voice is not None]
    assert sum({each.name for each in one.roles} == {one.name} for one in linked) >= 4
    for one in linked:
        assert one.voice is not None
        assert {each.id for each in one.roles} | {one.id} == members[one.voice]
        assert (one.likely[0].voice, one.likely[0].probability) == (one.voice, one.probability)


def test_candidates_are_of_other_games_in_order_with_the_margin_between_the_first_two(found: CastSheet) -> None:
    for one in found.sheet:
        probabilities = [each.probability for each in one.likely]
        rest = probabilities if one.voice is None else probabilities[1:]
        assert all(high >= low for high, low in pairwise(rest))
        assert one.margin == pytest.approx(probabilities[0] - max(probabilities[1:]), abs=2e-6)
        assert all(other.game != GAME for each in one.likely for other in each.characters)


def test_the_lines_to_hear_are_of_the_character_and_of_the_nearest_one_of_its_first_voice(
    library: Library, found: CastSheet
) -> None:
    for one in found.sheet:
        assert one.lines is not None
        assert one.lines.other_character == one.likely[0].characters[0].id
        for clip, character in ((one.lines.clip, one.id), (one.lines.other, one.lines.other_character)):
            assert clip.id in {each.id for each in library.show(character).clips}
        assert -1 <= one.lines.cosine <= 1


def test_a_game_that_is_not_there_has_no_sheet(library: Library) -> None:
    with pytest.raises(NotFoundError, match="game99"):
        library.cast_sheet("game99")


def test_a_catalog_too_small_to_compare_has_a_sheet_without_candidates(sqlite_catalog_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=sqlite_catalog_url, encoder=StandInEncoder.name)
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=1, characters=3))
        found = library.cast_sheet("game0")
    assert [(one.likely, one.margin, one.lines) for one in found.sheet] == [([], None, None)] * 3
    assert len(found.warnings) == 1


def test_credits_of_one_voice_that_name_different_people_disagree(sqlite_catalog_url: str, tmp_path: Path) -> None:
    """A verdict says that they are one, or the credits would keep them apart."""
    settings = Settings(home=tmp_path, database_url=sqlite_catalog_url, encoder=StandInEncoder.name)
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=6, characters=8, clips=4, people=40, spread=0.3))
        voice = library.cast().voices[0]
        one, other = (character for character, _ in voice.members[:2])
        library.judge(one.id, other.id, same=True)
        with library.catalog.write() as connection:
            people = [{"source": "csv", "key": name, "name": name} for name in ("A", "B")]
            connection.execute(insert(tables.actors), people)
            connection.execute(
                insert(tables.credits),
                [
                    {"character_id": each.id, "actor_id": number, "spoiler": False, "at": 0.0}
                    for number, each in enumerate((one, other), start=1)
                ],
            )
        (row,) = (each for each in library.cast_sheet(one.game.title).sheet if each.id == one.id)
    assert row.voice_actor == "A"
    assert [(each.character.id, each.voice_actor) for each in row.disagreeing] == [(other.id, "B")]


# -- pages with sounds ---------------------------------------------------------------------------------------


def test_a_page_carries_its_lines_and_says_which_have_no_sound(tmp_path: Path) -> None:
    cast = {f"m/g{game}": {f"p{number}": number for number in range(game, game + 5)} for game in range(4)}
    dump = write_dump(tmp_path / "dump", cast, clips=2)
    with Library(Settings(home=tmp_path, encoder=StandInEncoder.name), encoder=StandInEncoder()) as library:
        library.ingest([dump])
        found = library.cast_document(game="g1", export_to=tmp_path / "all.html")
        assert isinstance(found, CastSheet)
        lines = [one.lines for one in found.sheet if one.lines]
        heard = {clip.id for pair in lines for clip in (pair.clip, pair.other)}
        first = library.clips([lines[0].clip.id])[lines[0].clip.id].path
        first.unlink()
        library.cast_document(game="g1", export_to=tmp_path / "fewer.html")
        library.cast_document(export_to=tmp_path / "whole.html")
    whole, fewer = ((tmp_path / name).read_text(encoding="utf-8") for name in ("all.html", "fewer.html"))
    assert len({part[:400] for part in whole.split("data:audio/mpeg;base64,")[1:]}) == len(heard)
    assert "no player" not in whole
    assert "1 line has no player here, because its sound is gone or cannot be read." in fewer
    assert "<audio" in (tmp_path / "whole.html").read_text(encoding="utf-8")


def test_lines_on_a_page_are_cut_and_equally_loud() -> None:
    import io

    import soundfile

    from speaker_search.audio.encoded import mp3
    from speaker_search.entities import SAMPLE_RATE, Waveform

    noise = np.random.default_rng(0).standard_normal(4 * SAMPLE_RATE).astype(np.float32)
    levels = []
    for gain in (0.001, 0.3):
        samples, rate = soundfile.read(io.BytesIO(mp3(Waveform(gain * noise), 2.0)))
        assert rate == SAMPLE_RATE
        assert len(samples) / rate == pytest.approx(2.0, abs=0.15)
        levels.append(float(np.sqrt(np.mean(samples**2))))
    assert levels[0] == pytest.approx(levels[1], rel=0.1)
    assert max(levels) < 0.06
