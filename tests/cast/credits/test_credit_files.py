"""Reading lists of credits: COPY text, dumps of VNDB in every format, and CSV; and what is not one of these."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cast.credits import made_dump
from hypothesis import given
from hypothesis import strategies as st

from speaker_search.cast.credits import dump_files
from speaker_search.cast.credits.credit_lists import read_csv
from speaker_search.cast.credits.listed import CreditList
from speaker_search.cast.credits.vndb import read_dump
from speaker_search.errors import UsageError

HEADER = "maker,game,character,voice_actor\n"
CELLS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))


def said(listed: CreditList) -> set[tuple[str, str, str]]:
    """Title, character and actor of every credit."""
    return {
        (game.title, one.name, listed.persons[credit.person].name)
        for game in listed.games
        for one in listed.cast(game).own
        for credit in one.credits
    }


SAID = {
    ("海の声 ～Voice of the Sea～", "古河 渚", "佐藤 花"),
    ("海の声 ～Voice of the Sea～", "高坂 凛", "鈴木 雪"),
    ("海の声 ～Voice of the Sea～", "ジェーン・ドウ", "田中 一"),
    ("ほしつむぎ", "星野 ゆめ", "佐藤 花"),
    ("海の声 ファンディスク", "古河 渚", "佐藤 花"),  # credited in the main game
}

# -- COPY text ----------------------------------------------------------------------------------------------


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=6))
def test_what_copy_writes_is_read_as_it_was(rows: list[list[str | None]]) -> None:
    stream = io.BytesIO(made_dump.copied(rows))
    assert list(dump_files.rows(stream, 3, [0, 1, 2], name="t")) == [tuple(row) for row in rows]


@given(st.binary(max_size=60))
def test_any_bytes_are_rows_or_malformed(content: bytes) -> None:
    for row in dump_files.rows(io.BytesIO(content), 2, [1], name="t"):
        assert row is None or len(row) == 1


def test_octal_and_hexadecimal_escapes_are_bytes() -> None:
    (row,) = dump_files.rows(io.BytesIO(rb"\346\265\267" + b"\t" + rb"\xe6\xb5\xb7\q"), 2, [0, 1], name="t")
    assert row == ("海", "海q")


def test_reading_ends_at_the_end_marker() -> None:
    assert list(dump_files.rows(io.BytesIO(b"a\n\\.\nb\n"), 1, [0], name="t")) == [("a",)]


def test_a_row_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump_files, "MAX_ROW_BYTES", 10)
    with pytest.raises(UsageError, match="db/vn has a row of over"):
        list(dump_files.rows(io.BytesIO(b"x" * 11), 1, [0], name="db/vn"))


# -- dumps --------------------------------------------------------------------------------------------------

TABLES = {
    "today": lambda: made_dump.TODAY,
    "before October 2025": made_dump.before_2025_10,
    "before 2023": made_dump.before_2023,
}


@pytest.mark.parametrize("tables", TABLES.values(), ids=TABLES.keys())
def test_a_dump_says_the_same_in_every_format(tables: Callable[[], made_dump.Tables], tmp_path: Path) -> None:
    content = made_dump.files(tables())
    packed = read_dump(made_dump.archive(tmp_path / "dump.tar.zst", content))
    folder = read_dump(made_dump.unpacked(tmp_path / "dump", content))
    inside = read_dump(tmp_path / "dump" / "db")
    assert said(packed) == said(folder) == said(inside) == SAID
    assert packed.malformed.count == 0


def test_a_person_has_all_pen_names_under_the_main_one(tmp_path: Path) -> None:
    found = read_dump(made_dump.unpacked(tmp_path, made_dump.files(made_dump.TODAY)))
    person = found.persons["vndb", "s1"]
    assert (person.name, person.pen_names) == ("佐藤 花", ("Satou Hana", "月野うさ", "Tsukino Usa"))


@pytest.mark.parametrize("tables", TABLES.values(), ids=TABLES.keys())
def test_a_dump_says_the_sex_of_its_staff_where_it_is_known(
    tables: Callable[[], made_dump.Tables], tmp_path: Path
) -> None:
    content = made_dump.files(tables())
    content["db/staff"] = content["db/staff"].replace(b"s2\tf", b"s2\tunknown")
    found = read_dump(made_dump.unpacked(tmp_path, content))
    assert {key: one.sex for (_, key), one in found.persons.items()} == {"s1": "f", "s2": None, "s3": "m"}


def test_makers_are_the_developers_by_all_their_names(tmp_path: Path) -> None:
    found = read_dump(made_dump.unpacked(tmp_path, made_dump.files(made_dump.TODAY)))
    (sea,) = (game for game in found.games if game.id == "v1")
    assert sea.makers == ("青空工房", "Aozora Koubou", "Blue Sky", "AZK")


def test_spoilers_are_left_out_and_counted_unless_wanted(tmp_path: Path) -> None:
    folder = made_dump.unpacked(tmp_path, made_dump.files(made_dump.TODAY))
    found, whole = read_dump(folder), read_dump(folder, spoilers=True)
    assert said(whole) - said(found) == {
        ("海の声 ～Voice of the Sea～", "黒幕", "佐藤 花"),
        ("海の声 ファンディスク", "謎の少女", "佐藤 花"),
    }
    # That c4 appears, both spellings of an alias of c2, and that c5 is c1.
    assert (found.left_out, whole.left_out) == (4, 0)
    assert all("黒の女王" not in one.aliases for game in found.games for one in found.cast(game).own)


def test_only_the_tables_below_db_are_read(tmp_path: Path) -> None:
    link = tarfile.TarInfo("db/vn_titles")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    up, device = tarfile.TarInfo("../db/vn"), tarfile.TarInfo("db/staff")
    device.type = tarfile.CHRTYPE
    odd = {"../../db/vn_seiyuu": b"x", "/db/vn_seiyuu": b"x", "db/../db/vn_seiyuu": b"x", "img/db/vn": b"x", "db": b""}
    content = {**odd, **made_dump.files(made_dump.TODAY), "README": b"x" * 3_000}
    path = made_dump.archive(tmp_path / "dump.tar.zst", content, more=[link, up, device])
    before = sorted(tmp_path.iterdir())
    found = read_dump(path)
    assert (said(found), found.malformed.count) == (SAID, 0)
    assert sorted(tmp_path.iterdir()) == before


def test_rows_that_cannot_be_read_are_counted_and_named(tmp_path: Path) -> None:
    content = made_dump.files(made_dump.TODAY)
    content["db/vn_seiyuu"] += b"v1\t11\nv1\t11\t\xff\t\n"
    found = read_dump(made_dump.archive(tmp_path / "dump.tar.zst", content))
    assert said(found) == SAID
    assert found.malformed.count == 2
    assert found.malformed.problems[0].startswith("db/vn_seiyuu, row 6")


def test_a_cut_dump_is_refused_at_every_length(tmp_path: Path) -> None:
    path = made_dump.archive(tmp_path / "dump.tar.zst", made_dump.files(made_dump.TODAY))
    whole = path.read_bytes()
    for end in range(5, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:end])
        with pytest.raises(UsageError, match="VNDB dump"):
            read_dump(path)


def test_a_dump_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump_files, "MAX_DUMP_BYTES", 1 << 20)
    content = {"db/votes": bytes(2 << 20), **made_dump.files(made_dump.TODAY)}
    with pytest.raises(UsageError, match="too much for a dump"):
        read_dump(made_dump.archive(tmp_path / "bomb.tar.zst", content))


@pytest.mark.parametrize("table", ["vn_seiyuu", "staff_alias", "chars_vns"])
def test_a_dump_without_a_needed_table_is_refused(table: str, tmp_path: Path) -> None:
    content = made_dump.files({name: rows for name, rows in made_dump.TODAY.items() if name != table})
    with pytest.raises(UsageError, match=f"lacks db/{table}"):
        read_dump(made_dump.unpacked(tmp_path, content))


def test_a_dump_whose_columns_are_called_otherwise_is_refused(tmp_path: Path) -> None:
    content = made_dump.files(made_dump.TODAY)
    content["db/vn_seiyuu.header"] = b"id\tstaff\tcid\tnote"
    with pytest.raises(UsageError, match="db/vn_seiyuu has no aid"):
        read_dump(made_dump.unpacked(tmp_path, content))


# -- CSV ----------------------------------------------------------------------------------------------------


def csv_file(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "credits.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_csv_is_read_in_utf8_and_in_plain_shift_jis(encoding: str, tmp_path: Path) -> None:
    found = read_csv(csv_file(tmp_path, HEADER + "青空工房,ほしつむぎ,渚,佐藤 花\n", encoding))
    assert said(found) == {("ほしつむぎ", "渚", "佐藤 花")}


@pytest.mark.parametrize(
    ("text", "encoding"), [("青空,ほしつむぎ,渚,花\n", "euc_jp"), ("Studio,Cité,Stéphane,Zoé\n", "latin-1")]
)
def test_a_csv_in_another_encoding_is_refused(text: str, encoding: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither UTF-8 nor plainly Shift-JIS"):
        read_csv(csv_file(tmp_path, HEADER + text, encoding))


def test_columns_come_in_any_order_with_others_between(tmp_path: Path) -> None:
    text = "Voice_Actor,note,character,game,maker\nHana,x,Nagisa,Umi,Aozora\n"
    assert said(read_csv(csv_file(tmp_path, text))) == {("Umi", "Nagisa", "Hana")}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        (HEADER, "lists no credits"),
        ("maker,game,character\na,b,c\n", "has no column voice_actor"),
        ("a,b,c,d\n", "has no column maker"),
        ("maker,game,character,voice_actor,game\n", "several columns called game"),
        (HEADER + 'a,b,"c,d\n', "is not CSV: line"),
    ],
)
def test_what_is_no_list_of_credits_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=complaint):
        read_csv(csv_file(tmp_path, text))


def test_wrong_rows_are_counted_and_named_and_the_others_read(tmp_path: Path) -> None:
    rows = ["m,g,c", "m,g,,v", "m,g,c,", "m,,c,v", "m,g,c,v,x", f"m,g,{'c' * 1001},v", "m,g,c,v", ",,,", ""]
    found = read_csv(csv_file(tmp_path, HEADER + "\n".join(rows)))
    assert said(found) == {("g", "c", "v")}
    assert found.malformed.problems == [
        "Line 2: 3 cells, where the first line has 4.",
        "Line 3: no character.",
        "Line 4: no voice actor.",
        "Line 5: no game.",
        "Line 6: 5 cells, where the first line has 4.",
        "Line 7: its character is longer than 1,000 bytes.",
    ]
    assert found.malformed.count + 1 == found.rows


def test_a_csv_may_say_the_sex_of_actors_in_one_of_their_rows_but_not_two_sexes(tmp_path: Path) -> None:
    rows = ["m,g,a,Hana,", "m,g,b,Hana,Female", "m,g,c,Hana,m", "m,g,d,Ken,Ｍ", "m,g,e,Yuki,x", "m,g,f,Rei,"]
    found = read_csv(csv_file(tmp_path, HEADER.strip() + ",sex\n" + "\n".join(rows)))
    assert {one.name: one.sex for one in found.persons.values()} == {"Hana": "f", "Ken": "m", "Rei": None}
    assert found.malformed.problems == [
        "Line 4: another line gives Hana the sex f.",
        "Line 6: its sex is 'x', neither f nor m.",
    ]


def test_an_actor_of_a_csv_is_a_folded_name(tmp_path: Path) -> None:
    found = read_csv(csv_file(tmp_path, HEADER + "m,g,a,ＨＡＮＡ\nm,g,b,hana\n"))
    assert list(found.persons) == [("csv", "hana")]
