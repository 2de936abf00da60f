"""A new game changes the voices that it bears on and no others; order and names change nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from search.filling import around, fill, forget, some_voices, units
from sqlalchemy import update
from standin import DIM, StandInEncoder

from speaker_search.cast import relinking
from speaker_search.cast.voices import Cast, find_voices
from speaker_search.catalog.tables import linkings
from speaker_search.library import Library
from speaker_search.search.live import Ready
from speaker_search.search.profiles import build
from speaker_search.search.profiles.follow import follow_profiles
from speaker_search.settings import Settings
from speaker_search.views.snapshot import follow

GAMES, CHARACTERS, CLIPS = 6, 8, 4
VOICES = some_voices(games=GAMES, characters=CHARACTERS, clips=CLIPS, people=40, spread=0.5)
#: A failing example is as small as any, so it is not made smaller.
few = settings(deadline=None, derandomize=True, max_examples=3, phases=[Phase.generate])

Open = Callable[[], Library]


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Open:
    """Opens copies of a catalog that has been linked."""
    home = tmp_path_factory.mktemp("linked")
    with opened(home) as library:
        fill(library, VOICES)
        library.cast()
    numbers = count()
    return lambda: opened(Path(shutil.copytree(home, home.parent / f"copy{next(numbers)}")))


def opened(home: Path) -> Library:
    url = f"sqlite:///{home / 'catalog.db'}"
    return Library(Settings(home=home, database_url=url, encoder="stand-in"), encoder=StandInEncoder())


def whole(cast: Cast) -> dict[int, list[tuple[int, float]]]:
    """Every voice by id, with its members' ids and probabilities."""
    return {voice.id: sorted((one.id, likely) for one, likely in voice.members) for voice in cast.voices}


def members(cast: Cast) -> dict[int, list[int]]:
    return {id_: [one for one, _ in of] for id_, of in whole(cast).items()}


def recast(library: Library) -> Cast:
    """The cast after the scores were calibrated again."""
    library.refresh()
    return library.cast()


def new_game(seed: int, characters: int = 4, far: float = 0.0) -> Mapping[str, Mapping[str | None, np.ndarray]]:
    """A game of random voices; the further, the less like all others."""
    rng = np.random.default_rng([99, seed])
    away = np.linalg.svd(np.concatenate([clips for game in VOICES.values() for clips in game.values()]))[2][-1]
    apart = units(rng.standard_normal((characters, DIM)))
    centres = units(far * away + (0.1 if far else 1.0) * apart)
    return {f"elsewhere/new{seed}": {f"s{n}": around(centre, 4, rng, 0.1) for n, centre in enumerate(centres)}}


@few
@given(st.integers(0, 99))
def test_a_game_far_from_all_others_changes_no_other_voice(linked: Open, seed: int) -> None:
    with linked() as library:
        before = whole(library.cast())
        fill(library, new_game(seed, far=1.0))
        after = whole(recast(library))
        assert len(library.ready.profiles) == GAMES * CHARACTERS + 4
        assert library.ready.settled
        assert after == before
        unlinked = library.cast_document(game=f"new{seed}").unlinked
        assert [one.reason for one in unlinked] == ["unlike_others"] * 4
        afresh = whole(library.cast(afresh=True))  # sums over more rows are not the same to the last digit
        assert afresh == {id_: [(one, pytest.approx(p, abs=1e-5)) for one, p in own] for id_, own in before.items()}


@few
@given(st.integers(0, 99), st.lists(st.integers(0, 39), min_size=1, max_size=4, unique=True))
def test_a_new_game_changes_only_voices_that_sound_like_one_of_its_characters(
    linked: Open, seed: int, cast: list[int]
) -> None:
    with linked() as library:
        before = library.cast()
        rng = np.random.default_rng(seed)
        people = {name: clips for game in VOICES.values() for name, clips in game.items() if name is not None}
        names = [sorted(people)[one % len(people)] for one in cast]
        fill(
            library,
            {"maker0/new": {f"n{n}": around(people[name].mean(axis=0), 4, rng) for n, name in enumerate(names)}},
        )
        after, profiles = whole(recast(library)), library.ready.profiles
        rows = np.array([profiles.row(one.id) for one in library.characters(game="new").characters])
        like = profiles.pairs.log_odds(profiles.pair_scores(rows)).max(axis=0) >= 0
        like[rows] = True
        touched = set(profiles.character_ids[like].tolist())
        touched |= {one for own in members(before).values() for one in own if not touched.isdisjoint(own)}
        assert touched < set(profiles.character_ids.tolist())
        untouched = {id_: own for id_, own in after.items() if touched.isdisjoint(one for one, _ in own)}
        assert untouched.items() <= whole(before).items()
        for own in members(before).values():  # who is not touched stays with all others of the voice
            assert not touched.isdisjoint(own) or any(set(own) <= {one for one, _ in now} for now in after.values())


@few
@given(st.data())
def test_undoing_verdicts_brings_back_the_voices_with_their_ids(linked: Open, data: st.DataObject) -> None:
    """And their probabilities, where the scores have not been calibrated since those were stored."""
    grown = data.draw(st.booleans())
    with linked() as library:
        if grown:
            fill(library, new_game(data.draw(st.integers(0, 99))))
        before = recast(library)
        of_one_voice = data.draw(st.sampled_from([own[:2] for own in members(before).values()]))
        others = [id_ for id_ in library.ready.profiles.character_ids.tolist() if id_ not in of_one_voice]
        rest = data.draw(st.permutations(others))[: 2 * data.draw(st.integers(0, 3))]
        given_ones = []
        for one, other in (of_one_voice, *zip(rest[::2], rest[1::2], strict=True)):  # each in one: none contradict
            together = any({one, other} <= set(own) for own in members(before).values())
            given_ones.append(library.judge(one, other, same=not together).id)
            held = library.cast()
            assert any({one, other} <= set(own) for own in members(held).values()) is not together
        for id_ in data.draw(st.permutations(given_ones)):
            library.undo_verdict(id_)
            if data.draw(st.booleans()):
                library.cast()
        assert members(library.cast()) == members(before)
        assert grown or library.cast() == before


@settings(few, max_examples=2)
@given(st.integers(0, 99))
def test_neither_order_nor_names_nor_ids_change_voices(
    linked: Open, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Also where a calibration is fitted on some of the characters and games."""
    rng = np.random.default_rng(seed)
    turned, origin = {}, {}
    for game in rng.permutation([*VOICES]).tolist():
        maker, title = game[::-1].split("/")[::-1]
        turned[f"{maker}/{title}"] = cast = {}
        for name in rng.permutation([str(name) for name in VOICES[game]]).tolist():
            known = None if name == "None" else name
            cast[known and known[::-1]] = rng.permutation(VOICES[game][known])
            origin[maker, title, known and known[::-1]] = (*game.split("/"), known)
    with pytest.MonkeyPatch.context() as patch, opened(tmp_path_factory.mktemp("turned")) as library, linked() as plain:
        patch.setattr(build, "FITTED_ROWS", 20)
        patch.setattr(build, "MAX_SCORES", 400)
        for title, cast in turned.items():
            fill(library, {title: cast})
        names = {key: key for key in origin.values()}
        assert partition(library, origin) == partition(plain, names)


@settings(few, max_examples=2)
@given(st.permutations(range(GAMES, 2 * GAMES)))
def test_once_nothing_changes_any_more_the_order_in_which_games_came_has_changed_no_voice(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    """Games of under a tenth of all characters, with the voices linked after each."""
    small = some_voices(games=2 * GAMES, characters=4, clips=4, people=24, spread=0.7)
    titles = [*small]
    linked_last, settled = [], []
    for numbers in (order, sorted(order)):
        with opened(tmp_path_factory.mktemp("ordered")) as library:
            fill(library, {title: small[title] for title in titles[:GAMES]})
            for number in numbers:
                recast(library)
                fill(library, {titles[number]: small[titles[number]]})
            linked_last.append(by_address(recast(library)))
            let_settle(library)
            settled.append(by_address(library.cast()))
    assert settled[0] == settled[1]
    assert linked_last[0] != settled[0] or linked_last[1] != settled[1]


def by_address(cast: Cast) -> set[frozenset[tuple[str, float]]]:
    return {frozenset((who.address, round(likely, 4)) for who, likely in voice.members) for voice in cast.voices}


def test_voices_are_linked_anew_only_once_after_nothing_has_changed_for_a_while(linked: Open) -> None:
    with linked() as library:
        fill(library, new_game(5))
        recast(library)
        assert plan_of(library).held is not None
        let_settle(library)
        assert plan_of(library).held is None
        settled = whole(library.cast())
        let_settle(library)
        assert plan_of(library).held is not None
        assert whole(library.cast(afresh=True)) == settled


def test_voices_settle_although_the_clock_was_a_year_ahead_when_they_were_linked(linked: Open) -> None:
    with linked() as library:
        fill(library, new_game(5))
        recast(library)
        with library.catalog.write() as connection:
            connection.execute(update(linkings).values(at=linkings.c.at + 365 * 86_400))
        assert plan_of(library).held is None


def test_credits_of_the_only_game_that_is_left_calibrate_nothing(linked: Open) -> None:
    """The profiles that follow the catalog still have the calibration of before, but nobody to fit another on."""
    with linked() as library:
        before = library.ready
        first = before.profiles.game_ids[0]
        held = before.snapshot.clips.held(np.arange(10_000))
        gone = held.ids[held.games != first].tolist()
        forget(library, *gone)
        snapshot = follow(library.catalog, before.space, before.snapshot)
        left = follow_profiles(before.profiles, before.snapshot.characters, snapshot.characters)
        assert left.pairs is not None
        known = np.array([[left.character_ids[0], 0], [left.character_ids[1], 1]])
        assert build.with_known_actors(left, known).pairs is None


def plan_of(library: Library) -> relinking.Plan:
    return relinking.plan(library.catalog, library.ready)


def let_settle(library: Library) -> None:
    """Make the latest linking as old as it must be."""
    with library.catalog.write() as connection:
        connection.execute(update(linkings).values(at=linkings.c.at - relinking.SETTLED_AFTER_S))


def partition(library: Library, called: Mapping[tuple[str, str, str], object]) -> set[frozenset[object]]:
    """The voices with their probabilities to four digits: sums in another order are not the same to the last."""
    ready = library.ready
    cast = find_voices(library.catalog, replace(ready, profiles=build.build_profiles(ready.snapshot)))
    return {
        frozenset(
            (called[one.game.maker.name, one.game.title, one.name], round(likely, 4)) for one, likely in voice.members
        )
        for voice in cast.voices
    }


def test_a_game_that_is_forgotten_again_leaves_the_voices_as_they_were(linked: Open) -> None:
    with linked() as library:
        before = library.cast()
        clips = fill(library, {"maker1/again": VOICES["maker0/game0"]})
        assert whole(recast(library)) != whole(before)
        forget(library, *clips)
        assert members(recast(library)) == members(before)


def test_when_lines_have_changed_only_voices_of_their_game_are_linked_anew(linked: Open) -> None:
    with linked() as library:
        before = library.cast()
        own = next(own for own in members(before).values() if len(own) >= 3)
        shown = library.show(own[0])
        forget(library, *[clip.id for clip in shown.clips[:2]])
        after = whole(recast(library))
        heard = {one.id for one in library.characters(game=shown.character.game.title).characters}
        changed = {id_ for id_, of in whole(before).items() if after.get(id_) != of}
        assert changed
        assert changed <= {id_ for id_, of in members(before).items() if not heard.isdisjoint(of)}


def test_when_a_tenth_has_changed_all_are_linked_anew(linked: Open) -> None:
    with linked() as library:
        library.cast()
        added = {"a": new_game(1, 3, far=1.0), "b": new_game(2, 3, far=1.0)}
        fill(library, added["a"])
        assert relinked(library) == []
        fill(library, added["b"])
        recast(library)
        assert relinking.plan(library.catalog, library.ready).seen.recent.sum() == 0
        assert whole(library.cast()).values() != []


def relinked(library: Library) -> list[str]:
    recast(library)
    return [change.kind for change in library.cast_changes().changes if change.kind == "relinked"]


def test_linking_afresh_is_linking_all_that_there_is(linked: Open) -> None:
    with linked() as library:
        fill(library, new_game(5))
        recast(library)
        afresh = library.cast(afresh=True)
        plain = find_voices(library.catalog, library.ready)
        assert sorted(members(afresh).values()) == sorted(members(plain).values())


def test_voices_are_not_stored_while_scores_wait_to_be_calibrated(linked: Open) -> None:
    with linked() as library:
        library.cast()
        before = library.ready
        fill(library, {"maker0/new": VOICES["maker1/game1"]})
        snapshot = follow(library.catalog, before.space, before.snapshot)
        profiles = follow_profiles(before.profiles, before.snapshot.characters, snapshot.characters)
        plan = relinking.plan(library.catalog, before)
        provisional = library._whole_cast(Ready(before.space, snapshot, profiles, 0))
        assert "Provisional" in provisional.warnings[0]
        assert relinking.plan(library.catalog, before).kept.version == plan.kept.version
