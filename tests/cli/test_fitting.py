"""Tables that fit a terminal, whatever their letters."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from speaker_search.cli.fitting import laid_out

HEADING = ("id", "character", "probability", "file")
ROWS = [
    (7, "渚 ゆら", 0.875, Path("/voices/こもれび工房_潮風カレンダー/渚 ゆら/calyur0004.ogg")),
    (12345, "寿限無寿限無五劫の擦り切れ海砂利水魚の水行末", None, Path("/a.ogg")),
]


def test_without_a_width_nothing_is_shortened_and_columns_are_aligned() -> None:
    lines = laid_out(ROWS, heading=HEADING)
    assert all(str(value) in line for row, line in zip(ROWS, lines[1:], strict=True) for value in row if value)
    assert len({cell_len(line[: line.index("/")]) for line in lines[1:]}) == 1
    assert lines[1].startswith("    7  渚 ゆら ")


@pytest.mark.parametrize("width", [80, 60, 41])
def test_a_terminals_width_is_kept_and_what_is_shortened_shows_it(width: int) -> None:
    heading, first, second = laid_out(ROWS, heading=HEADING, width=width)
    assert heading.split() == list(HEADING)
    assert max(map(cell_len, (heading, first, second))) <= width
    assert "…" in second
    assert ("0.875" in first, "12345" in second) == (True, True)
    assert first.endswith("4.ogg")  # a path keeps its end


def test_a_terminal_too_narrow_for_headings_and_numbers_gets_them_whole() -> None:
    assert laid_out(ROWS, heading=HEADING, width=10)[0].split() == list(HEADING)


def test_what_steers_a_terminal_or_ends_a_line_stays_in_its_cell() -> None:
    assert laid_out([("a\x1b[2J", "b\nc\td", None)]) == ["a\\x1b[2J  b c d  -"]


def test_a_table_without_rows_has_its_heading() -> None:
    assert laid_out([], heading=("id", "name")) == ["id  name"]
