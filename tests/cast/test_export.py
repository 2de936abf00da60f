"""A cast as a file, with names that try to break out of it."""

from __future__ import annotations

import csv
from html.parser import HTMLParser
from pathlib import Path

import pytest

from speaker_search.cast.export import COLUMNS, export
from speaker_search.cast.voices import Cast
from speaker_search.documents import INFERENCE
from speaker_search.entities import Character, Game, Maker, Voice
from speaker_search.errors import UsageError

NAMES = (
    'Ms. "Quote", Comma',
    "<script>alert('x')</script>",
    "白瀬 ひかり",
    "line\nbreak; semi",
    "A & B's",
)


def character(number: int, name: str) -> Character:
    return Character(number, name, Game(number, f"星&降る, <{number}>", Maker(1, 'Maker "M"')), 10 + number)


LINKED = [character(number, name) for number, name in enumerate(NAMES[:4])]
ALONE = character(4, NAMES[4])
CAST = Cast(
    "anime-va@<0>",
    (
        Voice(1, 0.9, ((LINKED[0], 0.95), (LINKED[1], 0.85))),
        Voice(2, 0.6, ((LINKED[2], 0.625), (LINKED[3], 0.575))),
    ),
    (ALONE,),
    (),
)
ROWS = [
    ["1", "0.9500", LINKED[0]],
    ["1", "0.8500", LINKED[1]],
    ["2", "0.6250", LINKED[2]],
    ["2", "0.5750", LINKED[3]],
    ["", "", ALONE],
]
EXPECTED = [
    [voice, probability, one.game.maker.name, one.game.title, one.name, str(one.clips)]
    for voice, probability, one in ROWS
    if isinstance(one, Character)
]


class Cells(HTMLParser):
    """The text of each row's cells, and every tag there is."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.text = ""
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {name for name, _ in attrs} - {"lang", "charset"}
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._open = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open:
            self.rows[-1][-1] += data


def test_a_csv_reads_back_as_it_was(tmp_path: Path) -> None:
    export(CAST, "{}", tmp_path / "cast.csv")
    with (tmp_path / "cast.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert rows == EXPECTED


def test_a_csv_begins_with_the_mark_that_spreadsheets_know_utf_8_by(tmp_path: Path) -> None:
    export(CAST, "{}", tmp_path / "cast.CSV")
    assert (tmp_path / "cast.CSV").read_bytes().startswith(b"\xef\xbb\xbfvoice,")


def test_html_shows_every_name_and_none_of_them_is_markup(tmp_path: Path) -> None:
    export(CAST, "{}", tmp_path / "cast.html")
    text = (tmp_path / "cast.html").read_text(encoding="utf-8")
    page = Cells()
    page.feed(text)
    assert page.rows == [list(COLUMNS), *EXPECTED]
    assert page.tags == {"html", "meta", "title", "p", "table", "tr", "th", "td"}
    assert INFERENCE in page.text
    assert "Encoder: anime-va@<0>." in page.text
    assert '<meta charset="utf-8">' in text


def test_json_is_written_as_it_is(tmp_path: Path) -> None:
    export(CAST, '{"voices": ["星"]}', tmp_path / "cast.json")
    assert (tmp_path / "cast.json").read_bytes() == '{"voices": ["星"]}\n'.encode()


def test_an_empty_cast_is_a_file_with_its_columns_only(tmp_path: Path) -> None:
    export(Cast("x", (), (), ()), "{}", tmp_path / "cast.csv")
    assert (tmp_path / "cast.csv").read_text(encoding="utf-8-sig").splitlines() == [",".join(COLUMNS)]


@pytest.mark.parametrize("name", ["cast", "cast.txt", "cast.xlsx", "csv", ".csv", "cast.csv.gz"])
def test_another_ending_is_refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.csv, \.json or \.html"):
        export(CAST, "{}", tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["csv", "json", "html"])
def test_a_place_that_cannot_be_written_is_refused_by_its_reason(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"folder.{ending}").mkdir()
    with pytest.raises(UsageError, match="No such file or directory"):
        export(CAST, "{}", tmp_path / "none" / f"cast.{ending}")
    with pytest.raises(UsageError, match="Is a directory"):
        export(CAST, "{}", tmp_path / f"folder.{ending}")
