"""What voices confuse: near names first, nothing that somebody has answered, and pages that neither repeat nor skip."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from search.filling import around, fill, some_voices, units
from standin import DIM, StandInEncoder

from speaker_search.documents.models.confused_characters import ConfusedPair
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings


def voices() -> dict[str, dict[str | None, np.ndarray]]:
    """Games whose characters are called after who speaks, p00 to p35; and one person behind four more roles:
    `Ann` and `Anne Smith` of one game, `Ann` of another game of that maker, and `Zoe` of the other maker.
    """
    rng = np.random.default_rng(5)
    made = some_voices(8, 8, 5)
    (person,) = units(rng.standard_normal((1, DIM)))
    for game, name in (("game0", "Ann"), ("game0", "Ann (child)"), ("game2", "Ann"), ("game1", "Zoe")):
        maker = f"maker{int(game[-1]) % 2}"
        made[f"{maker}/{game}"][name] = around(person, 6, rng, 0.4)
    return made


@pytest.fixture
def library(tmp_path: Path, sqlite_catalog_url: str) -> Iterator[Library]:
    settings = Settings(home=tmp_path / "home", database_url=sqlite_catalog_url)
    with Library(settings, encoder=StandInEncoder()) as opened:
        fill(opened, voices())
        yield opened


def names(pair: ConfusedPair) -> tuple[str, str]:
    return pair.one.name, pair.other.name


def all_pairs(library: Library, limit: int = 1_000) -> list[ConfusedPair]:
    found, page = [], library.confusions(limit=limit)
    while True:
        found += page.pairs
        if page.next is None:
            return found
        page = library.confusions(limit=limit, cursor=page.next)


def test_near_names_come_first_in_one_game_then_of_one_maker(library: Library) -> None:
    found = all_pairs(library)
    kinds = [pair.kind for pair in found]
    assert kinds == sorted(kinds, key=("spellings", "namesakes", "others").index)
    assert [names(pair) for pair in found if pair.kind == "spellings"] == [("Ann", "Ann (child)")]
    namesakes = [pair for pair in found if pair.kind == "namesakes"]
    assert {("Ann", "Ann")} <= {names(pair) for pair in namesakes}
    assert all(pair.one.game.maker == pair.other.game.maker for pair in namesakes)
    others = [pair for pair in found if pair.kind == "others"]
    assert "Zoe" in {name for pair in others for name in names(pair)}
    for pairs in (namesakes, others):
        likely = [pair.probability for pair in pairs]
        assert likely == sorted(likely, reverse=True)
        assert all(probability >= 0.5 for probability in likely)
    assert all(pair.one.game != pair.other.game for pair in (*namesakes, *others))
    assert all(len(pair.lines) == 2 and pair.cosine is not None for pair in found)


def test_what_people_have_answered_is_not_asked_again(library: Library) -> None:
    first, *_, last = all_pairs(library)
    library.judge(first.one.id, first.other.id, same=False)
    library.judge(last.one.id, last.other.id, same=True)
    left = {(pair.one.id, pair.other.id) for pair in all_pairs(library)}
    assert {(first.one.id, first.other.id), (last.one.id, last.other.id)}.isdisjoint(left)
    assert left, "the others are"


def test_the_commands_settle_a_pair(library: Library) -> None:
    before = all_pairs(library)
    spelling = before[0]
    assert shlex.split(spelling.if_same)[:4] == ["spksearch", "catalog", "merge", "character"]
    _, _, _, _, what, into = shlex.split(spelling.if_same)
    library.merge("character", what, into)
    library.refresh()
    after = all_pairs(library)
    assert "spellings" not in {pair.kind for pair in after}
    assert shlex.split(after[0].if_same)[:3] == ["spksearch", "verdict", "same"]
    assert shlex.split(after[0].if_different)[:3] == ["spksearch", "verdict", "different"]


def test_pages_hold_every_pair_once(library: Library) -> None:
    whole = [(pair.one.id, pair.other.id) for pair in all_pairs(library)]
    assert [(pair.one.id, pair.other.id) for pair in all_pairs(library, 7)] == whole
    assert len(set(whole)) == len(whole) > 7


def test_a_higher_probability_leaves_pairs_out(library: Library) -> None:
    assert len(library.confusions(min_probability=0.9, limit=1_000).pairs) < len(all_pairs(library))


def test_a_small_catalog_says_that_it_is_too_small(tmp_path: Path) -> None:
    with Library(Settings(home=tmp_path / "small"), encoder=StandInEncoder()) as small:
        fill(small, some_voices(1, 3, 3))
        found = small.confusions()
    assert (found.pairs, len(found.warnings)) == ([], 1)


def test_wrong_input_is_said(library: Library) -> None:
    for wrong in ({"limit": 0}, {"min_probability": 1.0}, {"cursor": "nothing"}):
        with pytest.raises(UsageError):
            library.confusions(**wrong)  # type: ignore[arg-type]
