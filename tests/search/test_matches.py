"""Answers over a catalog of given vectors, against all of those vectors compared one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.filling import Voices, around, fill, forget, some_voices, units
from standin import DIM

from speaker_search.catalog import people
from speaker_search.catalog.clips import clips_by_id, clips_of
from speaker_search.documents import MAX_LIMIT, By
from speaker_search.entities import Match
from speaker_search.errors import NotFoundError, UsageError
from speaker_search.library import Library
from speaker_search.search.answering import answer
from speaker_search.search.evidence import HITS_PER_MATCH
from speaker_search.search.examples import Examples, character_query, query_of
from speaker_search.search.query import Answer, Filters, Page

EVERYTHING = Page(MAX_LIMIT)
SHOWN = 0.001  # to which cosines are right: rounded to three digits, from vectors in float16
BYS: tuple[By, ...] = ("character", "game", "voice", "clip")
quiet = settings(deadline=None, derandomize=True, max_examples=15)


@dataclass(frozen=True)
class Filled:
    """A library and every vector in it, by clip id."""

    library: Library
    vectors: dict[int, np.ndarray]
    voices: Voices

    def ask(
        self,
        line: np.ndarray,
        by: By = "character",
        limit: int = MAX_LIMIT,
        cursor: str | None = None,
        **filters: object,
    ) -> Answer:
        filtered = Filters(**filters)  # type: ignore[arg-type]
        return self.library.search_like(embedding=line.tolist(), by=by, limit=limit, cursor=cursor, filters=filtered)


def line(seed: int) -> np.ndarray:
    return units(np.random.default_rng(1_000 + seed).standard_normal(DIM))


@pytest.fixture(scope="module")
def filled(module_library: Library) -> Filled:
    voices = some_voices(games=6, characters=8, clips=5)
    voices["maker0/game0"]["lonely"] = around(line(77), 1, np.random.default_rng(3))
    voices["maker1/game1"]["chatty"] = around(line(78), 12, np.random.default_rng(4))
    copies = voices["maker1/game3"][None]
    voices["maker1/game3"][None] = np.concatenate([copies, np.tile(copies[:1], (9, 1))])  # one sound under ten names
    return Filled(module_library, fill(module_library, voices), voices)


def ids(answer: Answer) -> list[int]:
    return [match.character.id for match in answer.matches if match.character]


def clip_ids(answer: Answer) -> list[int]:
    return [match.hits[0].clip.id for match in answer.matches]


# -- hits ----------------------------------------------------------------------------------------------------


def own_clips(filled: Filled, character_id: int) -> list[int]:
    with filled.library.catalog.read() as connection:
        return [clip.id for clip in clips_of(connection, character_id, limit=10**6)]


@pytest.mark.parametrize("seed", range(3))
def test_hits_are_a_characters_nearest_clips_with_their_cosines(filled: Filled, seed: int) -> None:
    asked = line(seed)
    found = filled.ask(asked)
    assert len(found.matches) == 6 * 8 + 2
    for match in found.matches:
        assert match.character is not None
        own = own_clips(filled, match.character.id)
        cosines = {clip: float(filled.vectors[clip] @ asked) for clip in own}
        nearest = sorted(cosines.values(), reverse=True)[:HITS_PER_MATCH]
        assert [cosines[hit.clip.id] for hit in match.hits] == pytest.approx(nearest, abs=SHOWN)
        assert [hit.cosine for hit in match.hits] == pytest.approx(nearest, abs=SHOWN)
        assert match.character.clips == len(own)
        assert {hit.clip.character_id for hit in match.hits} == {match.character.id}


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("near", [0, 1])
def test_a_character_among_many_nearer_clips_has_its_own_nearest_as_hits(library: Library, near: int) -> None:
    rng = np.random.default_rng(0)
    asked, far = line(1), units(-line(1) + 0.2 * line(2))
    voices = some_voices(games=2, characters=4)
    voices["maker0/crowd"] = {"crowd": around(asked, 1_100, rng)}
    voices["maker1/far"] = {"far": np.concatenate([around(far, 9, rng), np.tile(asked, (near, 1))])}
    vectors = fill(library, voices)
    found = library.search_like(embedding=asked.tolist(), limit=MAX_LIMIT)
    match = next(match for match in found.matches if match.character and match.character.name == "far")
    own = sorted(vectors)[-9 - near :]
    nearest = sorted(own, key=lambda clip: -float(vectors[clip] @ asked))[:HITS_PER_MATCH]
    assert [hit.clip.id for hit in match.hits] == nearest
    assert [hit.cosine for hit in match.hits] == pytest.approx(
        [float(vectors[clip] @ asked) for clip in nearest], abs=SHOWN
    )


# -- ranking -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["character", "game", "voice"])
def test_matches_come_by_falling_score_and_probability(filled: Filled, by: By) -> None:
    found = filled.ask(line(5), by)
    scores = [match.score for match in found.matches]
    probabilities = [match.probability for match in found.matches]
    assert scores == sorted(scores, reverse=True)
    assert None not in probabilities
    assert probabilities == sorted(probabilities, reverse=True)  # type: ignore[type-var]
    assert all(0 <= probability <= 1 for probability in probabilities if probability is not None)


def test_by_game_each_game_is_once_by_its_best_character(filled: Filled) -> None:
    everyone = filled.ask(line(6))
    games = filled.ask(line(6), "game")
    assert sorted(match.character.game.title for match in games.matches if match.character) == [
        f"game{number}" for number in range(6)
    ]
    best: dict[int, Match] = {}
    for match in everyone.matches:
        if match.character:
            best.setdefault(match.character.game.id, match)
    assert list(games.matches) == list(best.values())


def test_by_voice_each_voice_is_once_by_its_best_character(filled: Filled) -> None:
    voice_of = {character.id: voice.id for voice in filled.library.cast().voices for character, _ in voice.members}
    assert len(set(voice_of.values())) >= 3
    everyone = filled.ask(line(6))
    found = filled.ask(line(6), "voice")
    best: dict[int, int] = {}
    for id_ in ids(everyone):
        best.setdefault(voice_of.get(id_, -id_), id_)
    assert ids(found) == list(best.values())
    assert [match.voice for match in found.matches] == [voice_of.get(id_) for id_ in ids(found)]


@pytest.mark.parametrize("seed", range(3))
def test_by_clip_every_clip_answers_in_order_of_its_exact_cosine(filled: Filled, seed: int) -> None:
    asked = line(seed)
    found = filled.ask(asked, "clip")
    vector = found.query.vector
    exact = {clip: float(stored @ vector) for clip, stored in filled.vectors.items()}
    assert clip_ids(found) == sorted(exact, key=lambda clip: (-exact[clip], clip))
    for match in found.matches:
        (hit,) = match.hits
        assert match.score == hit.cosine == exact[hit.clip.id]
        assert match.probability is None
        assert (match.character.id if match.character else None) == hit.clip.character_id
    assert sum(match.character is None for match in found.matches) == 6 * 2 + 9


# -- filters -------------------------------------------------------------------------------------------------

NAMES = st.lists(st.sampled_from(["maker0", "maker1", "ＭＡＫＥＲ1"]), max_size=2).map(tuple)
TITLES = st.lists(st.sampled_from([f"game{number}" for number in range(6)] + ["GAME5 "]), max_size=3).map(tuple)
FILTERS = st.builds(
    Filters,
    makers=NAMES,
    games=TITLES,
    exclude_makers=NAMES,
    exclude_games=TITLES,
    min_clips=st.sampled_from([1, 5, 6]),
)


def allowed(filters: Filters, maker: str, title: str) -> bool:
    def among(name: str, names: tuple[str, ...]) -> bool:
        return name in {other.replace("ＭＡＫＥＲ", "maker").strip().lower() for other in names}

    return (
        (not filters.makers or among(maker, filters.makers))
        and (not filters.games or among(title, filters.games))
        and not among(maker, filters.exclude_makers)
        and not among(title, filters.exclude_games)
    )


def test_filters_leave_out_whom_they_say_and_change_nothing_else(filled: Filled) -> None:
    everyone = filled.ask(line(7)).matches

    @quiet
    @given(FILTERS)
    def holds(filters: Filters) -> None:
        found = filled.library.search_like(embedding=line(7).tolist(), filters=filters, limit=MAX_LIMIT)
        assert list(found.matches) == [
            match
            for match in everyone
            if match.character
            and allowed(filters, match.character.game.maker.name, match.character.game.title)
            and match.character.clips >= filters.min_clips
        ]
        assert found.complete

    holds()


def test_single_clips_under_filters_are_those_of_all_vectors(filled: Filled) -> None:
    every = filled.ask(line(7), "clip").matches
    with filled.library.catalog.read() as connection:
        everyone = people.characters_by_id(connection, None, range(1, 100)).values()
    games = {character.game.id: character.game for character in everyone}

    @quiet
    @given(FILTERS)
    def holds(filters: Filters) -> None:
        found = filled.library.search_like(embedding=line(7).tolist(), filters=filters, limit=MAX_LIMIT, by="clip")
        expected = []
        for match in every:
            game = games[match.hits[0].clip.game_id]
            enough = filters.min_clips <= 1 or (
                match.character is not None and match.character.clips >= filters.min_clips
            )
            if allowed(filters, game.maker.name, game.title) and enough:
                expected.append(match)
        assert list(found.matches) == expected

    holds()


@pytest.mark.parametrize("by", BYS)
@pytest.mark.parametrize("filters", ["makers", "games", "exclude_makers", "exclude_games"])
def test_a_filter_by_an_unknown_name_is_not_found(filled: Filled, by: By, filters: str) -> None:
    with pytest.raises(NotFoundError, match="Nobody Knows"):
        filled.ask(line(0), by, **{filters: ("Nobody Knows",)})


@pytest.mark.parametrize("by", BYS)
def test_filters_that_leave_nobody_get_a_whole_and_empty_answer(filled: Filled, by: By) -> None:
    found = filled.ask(line(0), by, makers=("maker0",), exclude_makers=("maker0",))
    assert (found.matches, found.complete, found.next) == ((), True, None)


@pytest.mark.parametrize("by", ["character", "game", "voice"])
def test_a_minimum_probability_leaves_the_likelier_matches_in_the_same_pages(filled: Filled, by: By) -> None:
    whole = filled.ask(line(0), by)
    probabilities = [match.probability or 0.0 for match in whole.matches]
    minimum = probabilities[3]
    kept = [match for match in whole.matches if (match.probability or 0.0) >= minimum]
    assert 4 <= len(kept) < len(probabilities)
    found = filled.ask(line(0), by, min_probability=minimum)
    assert (list(found.matches), found.complete, found.nobody) == (kept, True, whole.nobody)
    page = filled.ask(line(0), by, len(kept) - 1, min_probability=minimum)
    last = filled.ask(line(0), by, 10, page.next, min_probability=minimum)
    assert [*page.matches, *last.matches] == kept
    assert (page.complete, last.complete) == (False, True)


def test_where_no_match_reaches_the_minimum_a_warning_says_why(filled: Filled) -> None:
    highest = filled.ask(line(8)).matches[0].probability
    found = filled.ask(line(8), min_probability=0.999)
    assert (found.matches, found.complete, found.next) == ((), True, None)
    assert found.warnings == (f"No match has a probability of at least 0.999: the nearest has {highest:.3f}.",)
    similar = filled.library.similar(1, filters=Filters(min_probability=0.5), limit=MAX_LIMIT)
    assert all(match.probability and match.probability >= 0.5 for match in similar.matches)


@pytest.mark.parametrize("minimum", [0.0, 1.0, -0.1, float("nan")])
def test_a_minimum_probability_outside_0_to_1_makes_no_sense(filled: Filled, minimum: float) -> None:
    with pytest.raises(UsageError, match="above 0 and below 1"):
        filled.ask(line(0), min_probability=minimum)


def test_a_minimum_probability_is_refused_in_searches_that_never_have_any(filled: Filled) -> None:
    with pytest.raises(UsageError, match="A search by clip has no probabilities"):
        filled.ask(line(0), "clip", min_probability=0.5)
    with pytest.raises(UsageError, match="A search with `unlike` has no probabilities"):
        filled.library.search_like(clips=[1], unlike_clips=[9], filters=Filters(min_probability=0.5))


# -- pages ---------------------------------------------------------------------------------------------------


def joined(filled: Filled, asked: np.ndarray, by: By, limits: list[int]) -> list[Match]:
    """All pages, of these sizes, the last of them again and again; from the second on by their cursors alone."""
    matches: list[Match] = []
    part = filled.ask(asked, by, limits[0])
    for limit in [*limits[1:], *[limits[-1]] * 1_000]:
        matches += part.matches
        assert part.complete == (part.next is None)
        if part.next is None:
            return matches
        part = filled.library.search(limit=limit, cursor=part.next)
    raise AssertionError("no last page")


@pytest.mark.parametrize("by", BYS)
def test_pages_joined_are_the_whole_answer(filled: Filled, by: By) -> None:
    whole = list(filled.ask(line(8), by).matches)

    @settings(quiet, max_examples=8)
    @given(st.lists(st.integers(1, len(whole)), max_size=4))
    def holds(limits: list[int]) -> None:
        assert joined(filled, line(8), by, [*limits, len(whole) // 2]) == whole

    holds()


@pytest.mark.parametrize("by", BYS)
def test_a_page_that_holds_all_there_is_is_complete(filled: Filled, by: By) -> None:
    count = len(filled.ask(line(8), by).matches)
    assert filled.ask(line(0), by, count).complete
    assert not filled.ask(line(0), by, count - 1).complete


def test_pages_of_clips_that_sound_all_the_same_hold_each_once(filled: Filled) -> None:
    copy = filled.voices["maker1/game3"][None][0]
    whole = filled.ask(copy, "clip", 40)
    assert [match.score for match in whole.matches[:10]] == pytest.approx([1] * 10)
    assert joined(filled, copy, "clip", [1] * 12 + [100])[:40] == list(whole.matches)


@pytest.mark.parametrize("by", ["character", "clip"])
@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1])
def test_a_limit_out_of_bounds_makes_no_sense(filled: Filled, by: By, limit: int) -> None:
    with pytest.raises(UsageError, match="limit"):
        filled.ask(line(0), by, limit)


# -- queries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "embedding",
    [
        [],
        [1.0] * (DIM - 1),
        [1.0] * (DIM + 1),
        [[1.0] * DIM],
        [0.0] * DIM,
        [float("nan")] + [1.0] * (DIM - 1),
        [float("inf")] + [1.0] * (DIM - 1),
    ],
)
def test_an_embedding_that_is_none_of_this_space_makes_no_sense(filled: Filled, embedding: list[float]) -> None:
    with pytest.raises(UsageError, match="32 finite numbers"):
        filled.library.search_like(embedding=embedding)


@pytest.mark.parametrize("length", [1e-25, 0.01, 250.0, 1e25])
def test_the_length_of_an_embedding_does_not_matter(filled: Filled, length: float) -> None:
    asked = line(9).astype(np.float64)
    found = filled.library.search_like(embedding=(length * asked).tolist())
    np.testing.assert_allclose(found.query.vector, asked, atol=1e-5)
    assert ids(found) == ids(filled.ask(line(9), limit=10))


def test_an_embedding_and_something_to_be_like_at_once_make_no_sense(filled: Filled) -> None:
    with pytest.raises(UsageError, match="either"):
        filled.library.search_like(embedding=line(0).tolist(), clips=[min(filled.vectors)])


def test_the_query_is_the_mean_and_what_it_is_unlike_is_taken_off_by_half() -> None:
    vectors, other = np.stack([line(1), line(2)]), np.stack([line(3), line(4)])
    plain = query_of(Examples(vectors, np.array([1, 1]), 5.0))
    np.testing.assert_allclose(plain.vector, units(vectors.mean(axis=0)), atol=1e-6)
    assert (plain.clips, plain.seconds, plain.warnings, plain.blended) == (2, 5.0, (), False)
    blended = query_of(Examples(vectors, np.array([1, 1]), None), Examples(other, np.array([1, 1]), None))
    away = units(vectors.mean(axis=0)) - 0.5 * units(other.mean(axis=0))
    np.testing.assert_allclose(blended.vector, units(away), atol=1e-6)
    assert blended.blended


def test_a_character_counts_as_its_clips_up_to_eight(filled: Filled) -> None:
    character = int(filled.library.ready.profiles.character_ids[0])
    alone = filled.library.search_like(characters=[character])
    assert alone.query.clips == min(8, int(filled.library.ready.profiles.clips[0]))
    beside = query_of(Examples(np.stack([line(1), line(2)]), np.array([8, 1]), None))
    assert beside.clips == 9
    np.testing.assert_allclose(beside.vector, units(8 * line(1) + line(2)), atol=1e-6)


def test_a_clip_or_character_given_twice_counts_once(filled: Filled) -> None:
    clip, other = sorted(filled.vectors)[:2]
    character = int(filled.library.ready.profiles.character_ids[0])
    once = filled.library.search_like(clips=[clip, other], characters=[character])
    again = filled.library.search_like(clips=[clip] * 8 + [other], characters=[character] * 3)
    assert (again.query.clips, again.query.seconds) == (once.query.clips, once.query.seconds)
    np.testing.assert_array_equal(again.query.vector, once.query.vector)


def test_a_voice_counts_as_its_characters(filled: Filled) -> None:
    library = filled.library
    voice = library.cast().voices[0]
    members = [character.id for character, _ in voice.members]
    found, by_members = library.search_like(voices=[voice.id]), library.search_like(characters=members)
    assert found.matches == by_members.matches == library.search(voice).matches
    assert library.search_like(voices=[voice.id], characters=members).query.clips == by_members.query.clips
    away = library.search_like(clips=[1], unlike_voices=[voice.id])
    assert away.matches == library.search_like(clips=[1], unlike_characters=members).matches
    with pytest.raises(NotFoundError, match="There is no voice 999"):
        library.search_like(voices=[999])


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_query_of_all_games_there_are_is_compared_with_their_characters(library: Library) -> None:
    fill(library, some_voices(games=1, characters=4))
    scores = [match.score for match in library.search_like(clips=[1]).matches]
    assert np.isfinite(scores).all()
    assert scores == sorted(scores, reverse=True)


def test_what_nobody_has_clips_of_cannot_be_asked_about(filled: Filled) -> None:
    with pytest.raises(UsageError, match="no embedded clip"):
        character_query(filled.library.ready, 999_999)


def test_a_character_is_asked_about_by_all_its_clips(filled: Filled) -> None:
    chatty = filled.library.character("maker1/game1/chatty")
    query = character_query(filled.library.ready, chatty.id)
    own = filled.voices["maker1/game1"]["chatty"]
    np.testing.assert_allclose(query.vector, units(own.astype(np.float16).mean(axis=0, dtype=np.float64)), atol=1e-6)
    assert (query.clips, query.seconds) == (12, pytest.approx(36.0))


@pytest.mark.parametrize("by", BYS)
def test_similar_never_answers_with_the_character_or_its_game(filled: Filled, by: By) -> None:
    chatty = filled.library.character("maker1/game1/chatty")
    found = filled.library.similar(chatty.id, by=by, limit=MAX_LIMIT)
    assert chatty.id not in ids(found)
    assert chatty.game.id not in {hit.clip.game_id for match in found.matches for hit in match.hits}
    both = filled.library.similar(chatty.id, same_game=True, by=by, limit=MAX_LIMIT)
    assert chatty.game.id in {hit.clip.game_id for match in both.matches for hit in match.hits}
    if by != "clip":
        assert chatty.id not in ids(both)


def test_a_question_asked_before_the_catalog_changed_is_answered_from_what_is_ready_then(library: Library) -> None:
    """As in a server whose other thread follows the catalog meanwhile."""
    voices = some_voices(games=4, characters=5)
    fill(library, voices)
    catalog, before = library.catalog, library.ready
    asked = library.character("maker0/game2/" + next(iter(voices["maker0/game2"])))
    query = character_query(before, asked.id)
    others = addresses(voices) - {asked.address}
    cast = voices["maker0/game0"]
    gone = next(iter(cast))
    fill(library, {**voices, "maker0/game0": {"new": cast[gone], **{n: v for n, v in cast.items() if n != gone}}})
    library.refresh()
    after = library.ready
    found = answer(catalog, after, query, page=EVERYTHING)
    assert named(found) == others - {f"maker0/game0/{gone}"} | {"maker0/game0/new"}
    assert found.matches == answer(catalog, after, character_query(after, asked.id), page=EVERYTHING).matches
    assert named(answer(catalog, before, query, page=EVERYTHING)) == others  # characters stay, so it has them still


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("by", ["character", "clip"])
def test_a_clip_forgotten_since_the_snapshot_was_taken_is_left_out_of_the_answer(library: Library, by: By) -> None:
    voices = some_voices(games=3, characters=4, clips=2)
    vectors = fill(library, voices)
    before = library.ready
    asked = line(3)
    nearest = max(vectors, key=lambda clip: float(vectors[clip] @ asked))
    forget(library, nearest)
    query = query_of(Examples(asked[None], np.array([1]), None))
    found = answer(library.catalog, before, query, by=by, page=EVERYTHING)
    held = {hit.clip.id for match in found.matches for hit in match.hits}
    with library.catalog.read() as connection:
        unknown = {clip for clip, each in clips_by_id(connection, list(vectors)).items() if each.character_id is None}
    assert held == set(vectors) - {nearest} - (unknown if by == "character" else set())


def named(answer: Answer) -> set[str]:
    return {match.character.address for match in answer.matches if match.character}


def addresses(voices: Voices) -> set[str]:
    return {f"{game}/{name}" for game, cast in voices.items() for name in cast if name}
