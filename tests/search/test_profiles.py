"""Each character's voice as a whole, made from the catalog's vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from search.filling import Voices, around, fill, some_voices, units
from sqlalchemy import event
from standin import DIM

from speaker_search.catalog import reading
from speaker_search.catalog.database import open_catalog
from speaker_search.catalog.embedding import remove_embeddings
from speaker_search.library import Library
from speaker_search.search.profiles import Profiles, build_profiles
from speaker_search.settings import Settings

RNG = np.random.default_rng


def names(library: Library, profiles: Profiles) -> list[str]:
    with library.catalog.read() as connection:
        known = reading.characters_by_id(connection, None, profiles.character_ids.tolist())
    return [known[id_].address for id_ in profiles.character_ids.tolist()]


def test_means_are_the_means_of_the_catalogs_vectors(library: Library) -> None:
    voices = some_voices(games=3, characters=5, clips=7)
    fill(library, voices)
    profiles = library.opened.profiles
    addresses = names(library, profiles)
    assert sorted(addresses) == sorted(f"{game}/{name}" for game, cast in voices.items() for name in cast if name)
    for address, mean, clips in zip(addresses, profiles.means, profiles.clips, strict=True):
        maker, game, name = address.split("/")
        vectors = voices[f"{maker}/{game}"][name]
        np.testing.assert_allclose(mean, units(vectors.mean(axis=0, dtype=np.float64)), atol=1e-6)
        assert clips == len(vectors)
    np.testing.assert_allclose(np.linalg.norm(profiles.vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(profiles.centre, profiles.means.mean(axis=0), atol=1e-6)


def test_profiles_are_the_same_every_time(library: Library) -> None:
    fill(library, some_voices())
    space = library.opened.space
    assert_equal(build_profiles(library.catalog, space), build_profiles(library.catalog, space))


def assert_equal(one: Profiles, other: Profiles) -> None:
    for name in ("character_ids", "game_ids", "clips", "means", "vectors", "centre", "cohort_means", "cohort_spreads"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert (one.pairs, one.queries) == (other.pairs, other.queries)


def test_a_row_is_found_by_its_characters_id_only(library: Library) -> None:
    fill(library, some_voices(games=2, characters=4))
    profiles = library.opened.profiles
    assert [profiles.row(int(id_)) for id_ in profiles.character_ids] == list(range(8))
    assert profiles.row(0) is None
    assert profiles.row(int(profiles.character_ids[-1]) + 1) is None


def test_scores_between_characters_are_symmetric(library: Library) -> None:
    fill(library, some_voices())
    scores = library.opened.profiles.pair_scores(slice(None))
    np.testing.assert_allclose(scores, scores.T, atol=1e-5)


def test_a_catalog_with_enough_characters_is_calibrated_and_each_query_gets_the_size_it_reaches(
    library: Library,
) -> None:
    fill(library, some_voices(clips=4))
    profiles = library.opened.profiles
    assert profiles.pairs is not None
    assert [size for size, _ in profiles.queries] == [1, 2, 4]
    by_size = dict(profiles.queries)
    assert profiles.query_calibration(1) == by_size[1]
    assert profiles.query_calibration(3) == by_size[2]
    assert profiles.query_calibration(500) == by_size[4]


def nobody() -> dict[str, dict[str | None, np.ndarray]]:
    return {"m/g": {None: around(units(np.ones(DIM)), 3, RNG(0))}}


def one_character() -> dict[str, dict[str | None, np.ndarray]]:
    return {"m/g": {"a": around(units(np.ones(DIM)), 3, RNG(0))}}


def one_character_a_game() -> dict[str, dict[str | None, np.ndarray]]:
    return {f"m/{game}": {"a": around(units(RNG(game).standard_normal(DIM)), 3, RNG(game))} for game in range(3)}


def one_game() -> dict[str, dict[str | None, np.ndarray]]:
    return some_voices(games=1, characters=12)


def all_alike() -> dict[str, dict[str | None, np.ndarray]]:
    same = np.tile(units(np.ones(DIM)), (2, 1))
    return {f"m/{game}": {f"c{number}": same for number in range(12)} for game in range(3)}


@pytest.mark.parametrize("voices", [nobody, one_character, one_character_a_game, one_game, all_alike])
def test_a_catalog_too_small_or_too_uniform_to_learn_from_still_answers(
    library: Library, voices: Callable[[], Voices]
) -> None:
    fill(library, voices())
    profiles = library.opened.profiles
    assert (profiles.pairs, profiles.queries) == (None, ())
    assert np.isfinite(profiles.pair_scores(slice(None))).all()
    answer = library.search_like(embedding=units(np.ones(DIM) + np.arange(DIM)).tolist())
    assert len(answer.matches) == min(10, len(profiles))
    assert all(np.isfinite(match.score) and match.probability is None for match in answer.matches)
    assert answer.warnings == ("No probability: the catalog holds too few characters or games to learn it from.",)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_many_lines_do_not_beat_few_that_are_nearer(library: Library) -> None:
    rng = RNG(5)
    voice, stranger = units(rng.standard_normal((2, DIM)))
    stranger = units(stranger + 0.9 * voice)  # not unlike it
    voices = some_voices(games=4, characters=6, clips=3, seed=9)
    voices["maker0/large"] = {"talker": around(stranger, 4_000, rng, spread=1.5)}
    voices["maker0/small"] = {"quiet": around(voice, 30, rng, spread=1.5)}
    fill(library, voices)
    nearest_clips = []
    for seed in range(5):
        line = around(voice, 1, RNG(100 + seed), spread=1.0)[0].tolist()
        assert library.search_like(embedding=line).matches[0].character.name == "quiet"
        nearest_clips.append(library.search_like(embedding=line, by="clip").matches[0].character.name)
    assert "talker" in nearest_clips  # among so many lines one is the nearest by luck


def test_profiles_asked_for_with_an_older_view_of_the_space_are_whole(library: Library) -> None:
    voices = some_voices(games=3, characters=4)
    fill(library, voices)
    before = library.space
    fill(library, {**voices, "maker0/late": {"x": around(units(np.ones(DIM)), 4, RNG(0))}})
    assert_equal(build_profiles(library.catalog, before), build_profiles(library.catalog, library.space))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite's readers see one moment throughout
def test_a_clip_taken_out_while_profiles_are_made_does_not_stop_them(library: Library, settings: Settings) -> None:
    fill(library, some_voices(games=3, characters=4, clips=1))
    space = library.space
    with library.catalog.read() as connection:
        first = reading.clip_labels(connection, space)[0][0]
    other = open_catalog(settings.url)
    taken_out = []

    def take_out(*_: object) -> None:
        if not taken_out:
            taken_out.append(first)
            with other.write() as connection:
                remove_embeddings(connection, [int(first)])

    event.listen(library.catalog.engine, "after_cursor_execute", take_out)
    profiles = build_profiles(library.catalog, space)
    event.remove(library.catalog.engine, "after_cursor_execute", take_out)
    other.close()
    assert taken_out == [first]
    assert np.isfinite(profiles.pair_scores(slice(None))).all()
    assert len(build_profiles(library.catalog, library.space)) == 11
