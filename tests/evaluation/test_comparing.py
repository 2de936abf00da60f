"""Known characters, their first matches, queries and the best threshold, on catalogs of synthetic vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from search.filling import SECONDS, fill, some_voices
from standin import DIM, StandInEncoder

from speaker_search.cast.voices import find_voices, partition
from speaker_search.entities import fold
from speaker_search.evaluation.best_threshold import best_groups
from speaker_search.evaluation.evaluating import Evaluation, evaluate
from speaker_search.evaluation.first_matches import BLOCK, compare
from speaker_search.evaluation.known import NOBODY, Known, known_characters
from speaker_search.evaluation.metrics import bcubed, calibration_error
from speaker_search.evaluation.queries import MAX_QUERIES, Clips, queries_of, sample_clips
from speaker_search.evaluation.truth import Truth
from speaker_search.library import Library
from speaker_search.search.calibration import logistic
from speaker_search.search.live import Ready
from speaker_search.search.profiles.build import build_profiles
from speaker_search.settings import Settings
from speaker_search.views.characters import of_clips
from speaker_search.views.clip_index.clip_index import of_columns
from speaker_search.views.clip_index.columns import Columns
from speaker_search.views.snapshot import Snapshot

GAMES, CHARACTERS, CLIPS = 8, 8, 9


def truth_of(voices: dict[str, dict[str | None, np.ndarray]], *games: str) -> Truth:
    """The truth about these games, or about all. Characters are named after their actors."""
    names = [(game, name) for game in games or voices for name in voices[game] if name is not None]
    return Truth({(*map(fold, game.split("/")), fold(name)): name for game, name in names})  # type: ignore[misc]


DRAWN = some_voices(games=GAMES, characters=CHARACTERS, clips=CLIPS, people=30, spread=2.5)
#: Each game has a maker of its own, so that names in common say nothing.
VOICES = {f"maker{number}/game{number}": voices for number, voices in enumerate(DRAWN.values())}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Voices that overlap."""
    home = tmp_path_factory.mktemp("home")
    with Library(Settings(home=home, encoder=StandInEncoder.name), encoder=StandInEncoder()) as opened:
        fill(opened, VOICES)
        yield opened


@pytest.fixture(scope="module")
def ready(library: Library) -> Ready:
    return library.ready


@pytest.fixture(scope="module")
def known(library: Library, ready: Ready) -> Known:
    return known_characters(library.catalog, ready.profiles, truth_of(VOICES))


def measured(library: Library, truth: Truth) -> Evaluation:
    return evaluate(library.catalog, library.ready, find_voices(library.catalog, library.ready), truth)


@pytest.fixture(scope="module")
def whole(library: Library) -> Evaluation:
    return measured(library, truth_of(VOICES))


# -- a large catalog, in blocks ------------------------------------------------------------------------------


def made_up(characters: int, games: int, actors: int, seed: int = 0) -> tuple[Snapshot, Known]:
    """One clip of each character; the actor of every fifth character is unknown."""
    rng = np.random.default_rng(seed)
    of_game = np.sort(np.arange(characters) % games)
    cast = rng.integers(actors, size=characters)
    vectors = rng.standard_normal((actors, DIM))[cast] + 0.6 * rng.standard_normal((characters, DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(1, characters + 1)
    clips = Columns(ids, ids, of_game, np.full(characters, SECONDS, np.float32), vectors.astype(np.float16))
    snapshot = Snapshot(of_columns(clips, 1), of_clips(clips, 1))
    rows = np.flatnonzero(np.arange(characters) % 5 != 0)
    actors_of_rows = np.full(characters, NOBODY)
    actors_of_rows[rows] = cast[rows]
    return snapshot, Known(ids[rows], of_game[rows], cast[rows], rows, actors_of_rows)


def test_blocks_give_what_one_matrix_of_all_scores_gives() -> None:
    snapshot, known = made_up(characters=BLOCK + 300, games=30, actors=150)
    assert len(known) > BLOCK
    profiles = build_profiles(snapshot)
    found = compare(profiles, known)
    scores = profiles.pair_scores(slice(None))
    scores[profiles.game_ids[:, None] == profiles.game_ids[None]] = -np.inf
    best = scores[known.rows].argmax(axis=1)
    judged = known.actors_of_rows[best] != NOBODY
    assert 0 < judged.sum() < len(known)
    assert found.first.actors.tolist() == known.actors[judged].tolist()
    assert found.first.right.tolist() == (known.actors_of_rows[best] == known.actors)[judged].tolist()
    assert found.first.scores == pytest.approx(scores[known.rows].max(axis=1)[judged], abs=1e-5)
    among = scores[np.ix_(known.rows, known.rows)]
    assert np.nansum(found.found) == sum(
        known.actors[row] == known.actors[among[row].argmax()] for row in np.flatnonzero(known.recurring())
    )
    assert np.isnan(found.found).sum() == (~known.recurring()).sum()
    pairs = np.triu(np.isfinite(among), 1)
    assert np.sort(found.pair_scores) == pytest.approx(np.sort(among[pairs]), abs=1e-5)
    assert found.pair_same.sum() == (pairs & (known.actors[:, None] == known.actors[None])).sum()


# -- first matches -------------------------------------------------------------------------------------------


def test_a_first_match_whose_actor_is_unknown_is_left_out(library: Library, whole: Evaluation) -> None:
    part = measured(library, truth_of(VOICES, *list(VOICES)[: GAMES // 2]))
    assert (part.characters, whole.characters) == (GAMES * CHARACTERS // 2, GAMES * CHARACTERS)
    assert sum(row.count for row in whole.reliability) == GAMES * CHARACTERS
    assert 0 < sum(row.count for row in part.reliability) < GAMES * CHARACTERS // 2


def test_the_error_of_first_matches_is_that_of_the_best_of_other_games(
    ready: Ready, known: Known, whole: Evaluation
) -> None:
    profiles = ready.profiles
    scores = profiles.pair_scores(slice(None))
    scores[profiles.game_ids[:, None] == profiles.game_ids[None]] = -np.inf
    right = known.actors_of_rows[scores.argmax(axis=1)] == known.actors_of_rows
    assert profiles.pairs is not None
    assert whole.calibration is not None
    expected = calibration_error(profiles.pairs.probability(scores.max(axis=1)), right).ece
    assert whole.calibration.first_match_ece == pytest.approx(expected, abs=1e-6)


# -- queries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_no_clip_is_in_two_queries_of_a_size(ready: Ready, known: Known, size: int) -> None:
    samples = sample_clips(ready.snapshot, known)
    queries, places = queries_of(samples, size)
    assert len(queries.vectors) == len(known) * (CLIPS // size)
    assert set(queries.seconds.tolist()) == {SECONDS * size}
    assert np.bincount(places).tolist() == [CLIPS // size] * len(known)
    marked = {place: Clips(np.eye(CLIPS, dtype=np.float32), np.ones(CLIPS, np.float32)) for place in samples}
    used = (queries_of(marked, size)[0].vectors > 0).reshape(len(known), -1, CLIPS)
    assert (used.sum(axis=2) == size).all()
    assert (used.sum(axis=1) <= 1).all()


def test_the_same_queries_are_drawn_every_time(ready: Ready, known: Known) -> None:
    first, again = sample_clips(ready.snapshot, known), sample_clips(ready.snapshot, known)
    assert all((first[place].vectors == again[place].vectors).all() for place in first)


def test_queries_are_drawn_evenly_from_more_characters_than_queries() -> None:
    snapshot, known = made_up(characters=2 * MAX_QUERIES, games=40, actors=500)
    drawn = np.array(list(sample_clips(snapshot, known)))
    assert len(drawn) == MAX_QUERIES
    assert set(np.diff(drawn)) <= {1, 2}
    assert (drawn[0], drawn[-1]) == (0, len(known) - 1)


def test_more_clips_find_their_actor_more_often(whole: Evaluation) -> None:
    assert [(row.clips, row.queries) for row in whole.queries] == [(1, 576), (2, 256), (4, 128), (8, 64)]
    found = [row.precision_at_1 or 0.0 for row in whole.queries]
    assert found[0] < found[1] < found[2]
    assert found[3] > 0.9


def test_queries_are_measured_as_if_asked_one_by_one(ready: Ready, known: Known, whole: Evaluation) -> None:
    profiles = ready.profiles
    calibration = profiles.query_calibration(1, SECONDS)
    assert calibration is not None
    found, likely, right = [], [], []
    for place, clips in sample_clips(ready.snapshot, known).items():
        for vector in clips.vectors:
            scores, cosines = profiles.query_scores(vector[None], games=known.games[place : place + 1])
            scores = scores[0]
            nearest = cosines[0, profiles.game_ids != known.games[place]].max()
            scores[profiles.game_ids == known.games[place]] = -np.inf
            best = int(scores.argmax())
            likely.append(logistic(calibration.log_odds(scores[best], nearest)))
            right.append(known.actors_of_rows[best] == known.actors[place])
            if known.recurring()[place]:
                found.append(right[-1])
    said, so = np.array(likely), np.array(right)
    row = whole.queries[0]
    assert row.precision_at_1 == pytest.approx(np.mean(found))
    assert row.first_match_ece == pytest.approx(calibration_error(said, so).ece, abs=1e-5)
    assert row.confident == pytest.approx((said >= 0.9).mean())


def test_a_query_is_not_answered_with_its_own_game(library: Library) -> None:
    """Each actor plays in one game only: whatever is found is wrong."""
    lonely = Truth(
        {
            (*map(fold, game.split("/")), fold(name)): f"{name} of {game}"  # type: ignore[misc]
            for game, characters in VOICES.items()
            for name in characters
            if name is not None
        }
    )
    found = measured(library, lonely)
    assert (found.precision_at_1, {row.precision_at_1 for row in found.queries}) == (None, {None})
    assert {row.confident_right for row in found.queries} <= {0.0, None}
    assert {row.right for row in found.reliability} == {0.0}


def test_a_catalog_of_one_game_has_no_queries_to_judge(tmp_path: Path) -> None:
    voices = some_voices(games=1)
    with Library(Settings(home=tmp_path, encoder=StandInEncoder.name), encoder=StandInEncoder()) as library:
        fill(library, voices)
        found = measured(library, truth_of(voices))
    assert [row.queries for row in found.queries] == [40, 16, 8, 0]
    assert {row.precision_at_1 for row in found.queries} == {None}
    assert (found.reliability, found.bcubed.best_f1, found.cllr) == ((), None, None)


# -- linking -------------------------------------------------------------------------------------------------


def test_a_partition_at_even_odds_is_the_cast(library: Library, ready: Ready) -> None:
    labels = partition(ready.profiles, 0.0)
    groups = {tuple(ready.profiles.character_ids[labels == label]) for label in np.unique(labels)}
    voices = {tuple(sorted(one.id for one, _ in voice.members)) for voice in library.cast().voices}
    assert {group for group in groups if len(group) > 1} == voices


def test_higher_odds_link_fewer_and_without_a_calibration_everyone_is_alone(ready: Ready) -> None:
    groups = [len(np.unique(partition(ready.profiles, least))) for least in (-8.0, -2.0, 2.0, 8.0)]
    assert groups == sorted(groups)
    assert groups[0] < groups[-1]
    assert len(np.unique(partition(replace(ready.profiles, pairs=None), -8.0))) == len(ready.profiles)


def test_the_best_threshold_is_as_good_as_any_of_two_hundred(ready: Ready, known: Known, whole: Evaluation) -> None:
    calibration = ready.profiles.pairs
    assert calibration is not None
    scores = compare(ready.profiles, known).pair_scores
    best = bcubed(best_groups(ready.profiles, calibration, known, scores), known.actors).f1
    lowest, highest = calibration.log_odds(np.quantile(scores, [0.3, 1]))
    tried = np.linspace(lowest, highest, 200)  # evenly, as few quantiles are near the threshold of a few voices
    of_all = max(bcubed(known.groups(partition(ready.profiles, least)), known.actors).f1 for least in tried.tolist())
    assert of_all - 0.01 <= best <= of_all + 1e-9
    assert whole.bcubed.best_f1 == pytest.approx(best)
    assert best >= whole.bcubed.f1


# -- intervals -----------------------------------------------------------------------------------------------


def test_every_interval_of_a_mean_contains_its_measure(whole: Evaluation) -> None:
    measures = {
        "precision_at_1": whole.precision_at_1,
        "map": whole.map,
        "f1": whole.bcubed.f1,
        "best_f1": whole.bcubed.best_f1,
    }
    for name, value in measures.items():
        low, high = getattr(whole.intervals, name)
        assert low < value < high, name


def test_an_evaluation_is_the_same_every_time(library: Library, whole: Evaluation) -> None:
    assert measured(library, truth_of(VOICES)) == whole


def test_one_actor_has_no_interval(library: Library) -> None:
    everyone = {(*map(fold, game.split("/")), fold(name)): "a" for game in VOICES for name in VOICES[game] if name}
    found = measured(library, Truth(everyone))  # type: ignore[arg-type]
    assert found.voice_actors == 1
    assert (found.intervals.f1, found.intervals.first_match_ece) == (None, None)
    assert found.cllr is None  # there is no pair of two voices
