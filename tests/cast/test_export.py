"""A cast and a cast sheet as files, with names that try to break out of them."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from speaker_search import documents
from speaker_search.cast.sheets.export import COLUMNS, export
from speaker_search.cast.sheets.page import NO_SOUNDS, Sounds, page
from speaker_search.documents import INFERENCE, Cast, CastCharacter, CastSheet, Voice
from speaker_search.errors import UsageError

NAMES = (
    'Ms. "Quote", Comma',
    "<script>alert('x')</script>",
    "白瀬 ひかり",
    "line\nbreak; semi",
    "A & B's",
)


def character(number: int, probability: float | None) -> CastCharacter:
    return CastCharacter(
        id=number,
        name=NAMES[number],
        game=f"星&降る, <{number}>",
        maker='Maker "M"',
        clips=10 + number,
        probability=probability,
    )


LINKED = [character(number, probability) for number, probability in enumerate((0.95, 0.85, 0.625, 0.575))]
ALONE = character(4, None)
CAST = Cast(
    encoder="anime-va@<0>",
    voices=[
        Voice(id=1, probability=0.9, voice_actor=None, characters=LINKED[:2]),
        Voice(id=2, probability=0.6, voice_actor=None, characters=LINKED[2:]),
    ],
    unlinked=[ALONE],
    warnings=["<b>Provisional</b>"],
)
EXPECTED = [
    [voice, probability, one.maker, one.game, one.name, str(one.clips)]
    for voice, probability, one in (
        ("1", "0.9500", LINKED[0]),
        ("1", "0.8500", LINKED[1]),
        ("2", "0.6250", LINKED[2]),
        ("2", "0.5750", LINKED[3]),
        ("", "", ALONE),
    )
]
LINE = documents.Clip(id=7, text='"><img src=x onerror=alert(1)>', seconds=2.0)
ON_SHEET = documents.SheetCharacter(
    **LINKED[1].model_dump(),
    seconds=90.0,
    voice=1,
    voice_actor="<i>A</i>",
    likely=[documents.LikelyVoice(voice=1, probability=0.85, characters=[LINKED[0]])],
    margin=0.25,
    roles=[LINKED[0]],
    lines=documents.SheetLines(clip=LINE, other=LINE.model_copy(update={"id": 8}), other_character=0, cosine=0.7),
    disagreeing=[documents.SheetCredit(character=LINKED[0], voice_actor="<u>B</u>")],
)
SHEET = CastSheet(**CAST.model_dump(), game="星&降る, <1>", sheet=[ON_SHEET])
SOUNDS = Sounds({7: b"ID3 sound"}, {0: 7}, {7: LINE.text}, ("3 lines have <no> player.",))


class Page(HTMLParser):
    """The text of a page, its tags and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_csv_reads_back_as_it_was(tmp_path: Path) -> None:
    export(CAST, tmp_path / "cast.csv")
    with (tmp_path / "cast.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert rows == EXPECTED


def test_a_csv_begins_with_the_mark_that_spreadsheets_know_utf_8_by(tmp_path: Path) -> None:
    export(CAST, tmp_path / "cast.CSV")
    assert (tmp_path / "cast.CSV").read_bytes().startswith(b"\xef\xbb\xbfvoice,")


def test_a_csv_of_a_sheet_begins_with_the_columns_of_every_cast(tmp_path: Path) -> None:
    export(SHEET, tmp_path / "sheet.csv")
    with (tmp_path / "sheet.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert tuple(row)[: len(COLUMNS)] == COLUMNS
    assert (row["character"], row["margin"], row["seconds"], row["line"]) == (NAMES[1], "0.2500", "90.0000", LINE.text)
    assert row["disagreeing"].endswith(f"{NAMES[0]}: <u>B</u>")


@pytest.mark.parametrize("cast", [CAST, SHEET], ids=["cast", "sheet"])
def test_parquet_has_the_columns_of_the_csv_with_their_types(cast: Cast, tmp_path: Path) -> None:
    export(cast, tmp_path / "cast.parquet")
    export(cast, tmp_path / "cast.csv")
    table = pq.read_table(tmp_path / "cast.parquet")
    header = (tmp_path / "cast.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    assert table.column_names == header.split(",")
    assert {str(table.schema.field(name).type) for name in ("voice", "clips")} == {"int64"}
    assert table.column("character")[0].as_py() == (SHEET.sheet[0] if cast is SHEET else LINKED[0]).name
    assert table.schema.metadata[b"spksearch.note"] == INFERENCE.encode()


def test_json_is_the_document(tmp_path: Path) -> None:
    export(SHEET, tmp_path / "cast.json")
    assert json.loads((tmp_path / "cast.json").read_text(encoding="utf-8")) == SHEET.model_dump(mode="json")


def test_an_empty_cast_is_a_file_with_its_columns_only(tmp_path: Path) -> None:
    empty = Cast(encoder="x", voices=[], unlinked=[], warnings=[])
    export(empty, tmp_path / "cast.csv")
    export(empty, tmp_path / "cast.parquet")
    assert (tmp_path / "cast.csv").read_text(encoding="utf-8-sig").splitlines() == [",".join(COLUMNS)]
    assert pq.read_table(tmp_path / "cast.parquet").num_rows == 0


def test_a_file_that_exists_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "cast.csv").write_text("before", encoding="utf-8")
    export(CAST, tmp_path / "cast.csv")
    assert "before" not in (tmp_path / "cast.csv").read_text(encoding="utf-8-sig")


# -- pages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cast", [CAST, SHEET], ids=["cast", "sheet"])
def test_a_page_shows_every_name_and_none_of_them_is_markup(cast: Cast) -> None:
    shown = Page(page(cast, SOUNDS))
    names = NAMES if cast is CAST else NAMES[:2]
    assert all(name in shown.text for name in names)
    assert LINE.text in shown.text
    assert "3 lines have <no> player." in shown.text
    assert "<b>Provisional</b>" in shown.text
    assert shown.tags <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "span", "article"),
        *("ul", "li", "details", "summary", "figure", "figcaption", "audio"),
    }


def test_a_page_says_first_that_it_is_inference() -> None:
    shown = Page(page(SHEET, SOUNDS)).text
    assert shown.index(INFERENCE) < shown.index(NAMES[1])
    assert "<i>A</i>" in shown
    assert "<u>B</u>" in shown
    assert "2.0 min" not in shown
    assert "1.5 min of speech" in shown


@pytest.mark.parametrize("cast", [CAST, SHEET], ids=["cast", "sheet"])
def test_a_page_asks_nothing_of_anybody_and_runs_nothing(cast: Cast) -> None:
    text = page(cast, SOUNDS)
    shown = Page(text)
    assert not {name for _, name, _ in shown.attributes} & {"href", "srcset", "action", "onclick", "onerror", "style"}
    sources = [(tag, value) for tag, name, value in shown.attributes if name == "src"]
    assert sources == [("audio", "data:audio/mpeg;base64," + base64.b64encode(b"ID3 sound").decode())]
    (policy,) = (value for tag, name, value in shown.attributes if value.startswith("default-src"))
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)
    assert style is not None
    hashed = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashed}'; media-src data:; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_a_page_without_sounds_has_no_players() -> None:
    assert "audio" not in Page(page(SHEET, NO_SOUNDS)).tags


# -- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cast", "cast.txt", "cast.xlsx", "csv", ".csv", "cast.csv.gz"])
def test_another_ending_is_refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.csv, \.json or \.html, or to \.parquet"):
        export(CAST, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["csv", "json", "html", "parquet"])
def test_a_place_that_cannot_be_written_is_refused_by_its_reason(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"folder.{ending}").mkdir()
    with pytest.raises(UsageError, match="No such file or directory"):
        export(CAST, tmp_path / "none" / f"cast.{ending}")
    with pytest.raises(UsageError, match="Is a directory"):
        export(CAST, tmp_path / f"folder.{ending}")
