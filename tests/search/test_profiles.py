"""Each character's voice as a whole, made from the catalog's vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from search.filling import Voices, around, assert_equal, fill, forget, some_voices, units
from standin import DIM

from speaker_search.catalog import people
from speaker_search.library import Library
from speaker_search.search.profiles.build import SAMPLED_CLIPS, build_profiles
from speaker_search.search.profiles.follow import follow_profiles
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.query import Filters
from speaker_search.search.scoring import channels, cohorts_across_games
from speaker_search.views.snapshot import follow

RNG = np.random.default_rng
#: Profiles are made from arrays: what has nothing to do with the database is not run on both.
on_sqlite = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


def names(library: Library, profiles: Profiles) -> list[str]:
    with library.catalog.read() as connection:
        known = people.characters_by_id(connection, None, profiles.character_ids.tolist())
    return [known[id_].address for id_ in profiles.character_ids.tolist()]


def test_means_are_the_means_of_the_catalogs_vectors_in_float16(library: Library) -> None:
    voices = some_voices(games=3, characters=5, clips=7)
    fill(library, voices)
    profiles = library.ready.profiles
    addresses = names(library, profiles)
    assert sorted(addresses) == sorted(f"{game}/{name}" for game, cast in voices.items() for name in cast if name)
    for address, mean, clips in zip(addresses, profiles.means, profiles.clips, strict=True):
        maker, game, name = address.split("/")
        vectors = voices[f"{maker}/{game}"][name]
        np.testing.assert_allclose(mean, mean_of(vectors), atol=1e-6)
        assert clips == len(vectors)
    for sounding in (profiles.as_pairs, profiles.as_queries):
        np.testing.assert_allclose(np.linalg.norm(sounding.vectors, axis=1), 1, rtol=1e-5)


def mean_of(vectors: np.ndarray) -> np.ndarray:
    return units(vectors.astype(np.float16).mean(axis=0, dtype=np.float64))


@on_sqlite
def test_profiles_are_the_same_every_time(library: Library) -> None:
    fill(library, some_voices())
    snapshot = library.ready.snapshot
    assert_equal(build_profiles(snapshot), build_profiles(snapshot))
    assert_equal(build_profiles(snapshot), library.ready.profiles)


@on_sqlite
def test_a_row_is_found_by_its_characters_id_only(library: Library) -> None:
    fill(library, some_voices(games=2, characters=4))
    profiles = library.ready.profiles
    assert [profiles.row(int(id_)) for id_ in profiles.character_ids] == list(range(8))
    assert profiles.row(0) is None
    assert profiles.row(int(profiles.character_ids[-1]) + 1) is None


@on_sqlite
def test_scores_between_characters_are_symmetric(library: Library) -> None:
    fill(library, some_voices())
    scores = library.ready.profiles.pair_scores(slice(None))
    np.testing.assert_allclose(scores, scores.T, atol=1e-5)


@on_sqlite
def test_a_catalog_with_enough_characters_is_calibrated_and_each_query_gets_the_size_it_reaches(
    library: Library,
) -> None:
    fill(library, some_voices(clips=4))
    profiles = library.ready.profiles
    assert profiles.pairs is not None
    assert [(each.clips, each.seconds) for each in profiles.queries] == [(1, -1), (2, -1), (4, -1)]
    one, two, four = profiles.queries
    assert profiles.query_calibration(1, None) is one
    assert profiles.query_calibration(3, 5.0) is two
    assert profiles.query_calibration(500, None) is four


@on_sqlite
def test_a_size_is_not_calibrated_on_the_few_characters_that_have_so_many_clips(library: Library) -> None:
    """They may be unlike the others: such as leads, where it is extras that recur."""
    voices = some_voices(games=10, characters=10, clips=8, people=60)
    leads = {game: dict(list(characters.items())[:2]) for game, characters in voices.items()}
    extras = {g: {name: clips[:3] for name, clips in characters.items()} for g, characters in voices.items()}
    fill(library, {game: {**extras[game], **leads[game]} for game in voices})
    assert {each.clips for each in library.ready.profiles.queries} == {1, 2}
    fill(library, voices)
    library.refresh()
    library.build_index()
    assert {each.clips for each in library.ready.profiles.queries} == {1, 2, 4, 8}


@on_sqlite
def test_where_there_are_many_queries_of_a_size_each_length_is_calibrated_by_itself(library: Library) -> None:
    fill(library, some_voices(games=10, characters=10, clips=5, people=60), seconds=lambda clip: 1.0 + clip % 9)
    profiles = library.ready.profiles
    classes = [(each.clips, each.seconds) for each in profiles.queries]
    assert [clips for clips, _ in classes] == [1, 1, 1, 1, 2, 4]  # of 500, 200 and 100 queries
    lengths = [seconds for clips, seconds in classes if clips == 1]
    assert lengths == sorted(lengths)
    assert lengths[:2] == [-1, 0]
    by_length = {each.seconds: each for each in profiles.queries if each.clips == 1}
    assert profiles.query_calibration(1, None) is by_length[-1]
    assert profiles.query_calibration(1, 0.3) is by_length[0]
    assert profiles.query_calibration(1, lengths[2]) is by_length[lengths[2]]
    assert profiles.query_calibration(1, 60.0) is by_length[lengths[3]]


@on_sqlite
def test_a_voice_from_outside_is_less_sure_the_more_characters_it_is_compared_with(library: Library) -> None:
    fill(library, some_voices(clips=4))
    profiles = library.ready.profiles
    calibration = profiles.query_calibration(1, None)
    assert calibration is not None
    scores, cosines = (each[0] for each in profiles.query_scores(profiles.means[:1]))
    nearest = float(np.quantile(cosines, 0.9))
    own, few, many = (calibration.log_odds(scores, nearest, chances).max() for chances in (1, 10, 1_000))
    assert own >= few > many


@on_sqlite
def test_query_scores_separate_one_voice_from_strangers(library: Library) -> None:
    fill(library, some_voices())
    profiles = library.ready.profiles
    scores, _ = profiles.query_scores(profiles.means, games=profiles.game_ids)
    across = profiles.game_ids[:, None] != profiles.game_ids[None]
    called = [name.split("/")[-1] for name in names(library, profiles)]
    same = np.array([[one == other for other in called] for one in called])
    assert scores[across & same].min() > scores[across & ~same].max()


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


@on_sqlite
@pytest.mark.parametrize("voices", [nobody, one_character, one_character_a_game, one_game, all_alike])
def test_a_catalog_too_small_or_too_uniform_to_learn_from_still_answers(
    library: Library, voices: Callable[[], Voices]
) -> None:
    fill(library, voices())
    profiles = library.ready.profiles
    assert (profiles.pairs, profiles.queries) == (None, ())
    assert np.isfinite(profiles.pair_scores(slice(None))).all()
    answer = library.search_like(embedding=units(np.ones(DIM) + np.arange(DIM)).tolist())
    assert len(answer.matches) == min(10, len(profiles))
    assert all(np.isfinite(match.score) and match.probability is None for match in answer.matches)
    why = "No probability: the catalog holds too few characters or games to calibrate on."
    assert answer.warnings == (why,)
    if len(profiles):
        likely = library.similar(int(profiles.character_ids[0]), same_game=True, filters=Filters(min_probability=0.5))
        assert likely.matches == ()
        assert likely.warnings[0] == why


@on_sqlite
@pytest.mark.parametrize("sizes", [(4, 1), (2, 1), (2, 2), (1, 1, 1, 1)])
def test_in_the_smallest_catalogs_a_new_line_finds_its_voice(library: Library, sizes: tuple[int, ...]) -> None:
    rng = RNG(6)
    voices = {
        f"m/{game}": {f"{game}-{number}": units(rng.standard_normal(DIM)) for number in range(size)}
        for game, size in enumerate(sizes)
    }
    fill(library, {game: {name: around(v, 3, rng, 0.8) for name, v in cast.items()} for game, cast in voices.items()})
    for cast in voices.values():
        for name, voice in cast.items():
            for line in around(voice, 10, rng, spread=0.8):
                best = library.search_like(embedding=line.tolist()).matches[0]
                assert (best.character.name, abs(best.score) < 10) == (name, True)


@on_sqlite
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


# -- following the catalog -----------------------------------------------------------------------------------

LATE = {"maker0/late": {"x": around(units(np.ones(DIM)), 4, RNG(0))}}


def test_followed_profiles_are_the_built_ones_but_for_what_is_calibrated(library: Library) -> None:
    voices = some_voices(games=4, characters=6)
    first = fill(library, voices)
    before, held = library.ready.profiles, library.ready.snapshot.characters
    fill(library, {**voices, **LATE, "maker0/game0": {**voices["maker0/game0"], "new": around(line(), 4, RNG(2))}})
    forget(library, min(first))
    snapshot = follow(library.catalog, library.space, None)
    followed, built = follow_profiles(before, held, snapshot.characters), build_profiles(snapshot)
    for name in ("character_ids", "game_ids", "clips", "echoes", "means"):
        np.testing.assert_array_equal(getattr(followed, name), getattr(built, name), err_msg=name)
    assert_equal((followed.position, followed.pairs, followed.queries), (before.position, before.pairs, before.queries))
    np.testing.assert_array_equal(followed.centre, before.centre)
    assert built.position > before.position
    changed = np.array([0, 24, 25])  # the one that has lost a clip, and the two that are new
    held = snapshot.characters
    raw = (held.sums / held.counts[:, None]).astype(np.float32)
    deviations = raw - channels(raw, held.games, before.centre)[1]
    for now, then in ((followed.as_pairs, before.as_pairs), (followed.as_queries, before.as_queries)):
        np.testing.assert_array_equal(now.matrix, then.matrix)
        np.testing.assert_allclose(now.vectors, units(deviations @ then.matrix), atol=1e-5)
        expected = cohorts_across_games(now.vectors, followed.game_ids, changed)
        np.testing.assert_array_equal(now.cohort_means[changed], expected[0])
        np.testing.assert_array_equal(now.cohort_spreads[changed], expected[1])
        np.testing.assert_array_equal(now.cohort_means[1:24], then.cohort_means[1:])
        np.testing.assert_array_equal(now.cohort_spreads[1:24], then.cohort_spreads[1:])


def line() -> np.ndarray:
    return units(RNG(77).standard_normal(DIM))


@on_sqlite
def test_cohorts_begin_with_the_second_game_and_end_with_the_last_but_one(library: Library) -> None:
    """Scores against cohorts and scores against none cannot be compared."""
    voices = some_voices(games=2, characters=6)
    first, second = ({game: voices[game]} for game in voices)
    fill(library, first)
    one = follow(library.catalog, library.space, None)
    clips = fill(library, second)
    two = follow(library.catalog, library.space, one)
    forget(library, *clips)
    again_one = follow(library.catalog, library.space, two)
    for before, after in ((one, two), (two, again_one)):
        followed = follow_profiles(build_profiles(before), before.characters, after.characters)
        built = build_profiles(after)
        for found, expected in ((followed.as_pairs, built.as_pairs), (followed.as_queries, built.as_queries)):
            assert (found.cohort_spreads == 1).all() == (expected.cohort_spreads == 1).all()


@on_sqlite
def test_profiles_follow_a_game_that_is_emptied_and_lines_of_nobody_known(library: Library) -> None:
    first = fill(library, {**some_voices(games=3, characters=6), **LATE})
    full = follow(library.catalog, library.space, None)
    forget(library, *sorted(first)[-4:])
    emptied = follow(library.catalog, library.space, full)
    followed = follow_profiles(build_profiles(full), full.characters, emptied.characters)
    assert followed.character_ids.tolist() == emptied.characters.ids.tolist()
    assert len(followed) == len(build_profiles(full)) - 1
    unchanged = follow_profiles(followed, emptied.characters, emptied.characters)
    assert_equal(unchanged, followed)


@on_sqlite
def test_profiles_follow_from_nobody_and_to_nobody(library: Library) -> None:
    clips = fill(library, LATE)
    one = follow(library.catalog, library.space, None)
    forget(library, *clips)
    nobody = follow(library.catalog, library.space, one)
    assert len(nobody.characters) == 0
    from_nobody = follow_profiles(build_profiles(nobody), nobody.characters, one.characters)
    assert from_nobody.character_ids.tolist() == one.characters.ids.tolist()
    assert np.isfinite(from_nobody.pair_scores(slice(None))).all()
    assert_equal(follow_profiles(build_profiles(one), one.characters, nobody.characters), build_profiles(nobody))


@on_sqlite
def test_profiles_do_not_depend_on_what_part_of_the_index_clips_are_in(library: Library) -> None:
    """Also those of a character with more clips than samples are drawn from."""
    voices = some_voices(games=4, characters=5, clips=4)
    lines = around(line(), SAMPLED_CLIPS + 237, RNG(5))
    early, late = lines[:500], lines[500:]
    fill(library, {**voices, "maker1/long": {"someone": early, "talker": late}})
    apart = follow(library.catalog, library.space, None)
    fill(library, {**voices, "maker1/long": {"talker": lines}})
    together = follow(library.catalog, library.space, apart)
    assert len(together.clips.tail) == len(early)  # the lower ids are in the newer part
    assert_equal(build_profiles(together), build_profiles(together.folded()))
