"""How many passes it takes to read members that can only be reached from the start of their block."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from speaker_search.sources.archives.forward import AHEAD, DamageError, Forward

STARTS = [0, 400, 800]  # three blocks
COUNT = 1_000


class Blocks:
    """Members that are their own numbers, and a note of every pass over them."""

    def __init__(self, damage: int = COUNT) -> None:
        self.damage = damage
        self.passes: list[tuple[int, int]] = []
        self.open = 0
        self.forward = Forward(self._begin, STARTS, COUNT)

    def _begin(self, first: int, end: int) -> Generator[int]:
        self.passes.append((first, end))
        self.open += 1
        block = max(start for start in STARTS if start <= first)
        try:
            for number in range(block, end):
                if number == self.damage:
                    raise DamageError("damaged")
                if number >= first:
                    yield number
        finally:
            self.open -= 1


def test_reading_all_in_order_takes_a_short_pass_and_a_whole_one() -> None:
    blocks = Blocks()
    assert [blocks.forward.read(number) for number in range(COUNT)] == list(range(COUNT))
    assert blocks.passes == [(0, AHEAD), (AHEAD, COUNT)]


@pytest.mark.parametrize("step", [2, AHEAD - 1])
def test_reading_some_in_order_takes_no_more(step: int) -> None:
    blocks = Blocks()
    assert [blocks.forward.read(number) for number in range(0, COUNT, step)] == list(range(0, COUNT, step))
    assert [end for _, end in blocks.passes] == [AHEAD, COUNT]


def test_a_single_member_takes_a_short_pass() -> None:
    blocks = Blocks()
    assert [blocks.forward.read(number) for number in (500, 499, 10, 990)] == [500, 499, 10, 990]
    assert blocks.passes == [(500, 532), (499, 531), (10, 42), (990, COUNT)]


def test_the_same_member_again_takes_no_pass() -> None:
    blocks = Blocks()
    assert [blocks.forward.read(number) for number in (500, 500, 500)] == [500, 500, 500]
    assert len(blocks.passes) == 1


def test_a_block_far_ahead_is_not_waited_for() -> None:
    blocks = Blocks()
    for number in (*range(AHEAD + 1), 350, 850):
        assert blocks.forward.read(number) == number
    assert blocks.passes == [(0, AHEAD), (AHEAD, COUNT), (850, 882)]


def test_one_pass_is_open_at_a_time_and_none_after_closing() -> None:
    blocks = Blocks()
    for number in (0, 500, 3):
        blocks.forward.read(number)
        assert blocks.open == 1
    blocks.forward.close()
    assert blocks.open == 0
    assert blocks.forward.read(7) == 7


def test_behind_damage_a_block_is_not_read_again_and_the_next_block_is() -> None:
    blocks = Blocks(damage=390)
    for number in (*range(390, 400), 395):
        with pytest.raises(DamageError):
            blocks.forward.read(number)
    assert len(blocks.passes) == 1
    assert [blocks.forward.read(number) for number in (400, 389, 999)] == [400, 389, 999]


def test_damage_on_the_way_to_another_block_does_not_matter() -> None:
    blocks = Blocks(damage=390)
    assert blocks.forward.read(385) == 385
    assert blocks.forward.read(402) == 402
    with pytest.raises(DamageError):
        blocks.forward.read(391)
    assert blocks.forward.read(386) == 386
