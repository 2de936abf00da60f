"""Lists of voices: every row comes out once, as a clip or as a problem that is counted."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources.packing import found, parqueted, touched

from speaker_search.errors import SourceError
from speaker_search.sources import Layout, Route, scan


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding, newline="")
    return path


CSV = "path,maker,game,character,text\n{}"
ROWS = [
    {"path": "a/1.ogg", "maker": "Key", "game": "AIR", "character": "観鈴", "text": "「にはは」"},
    {"path": "b/2.ogg", "maker": "Leaf", "game": "痕", "character": "？？？", "text": ""},
    {"path": "a/3.ogg", "maker": "Ｋｅｙ", "game": "air", "character": "往人", "text": "a,b"},
]
EXPECTED = [
    ("Key", "AIR", "a/1.ogg", Route.EXACT, "観鈴"),
    ("Key", "AIR", "a/3.ogg", Route.MISSING, "往人"),
    ("Leaf", "痕", "b/2.ogg", Route.EXACT, None),
]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("asked", ["manifest", "."])
def test_rows_of_many_games_come_out_game_by_game(tmp_path: Path, suffix: str, asked: str) -> None:
    touched(tmp_path, "a/1.ogg", "b/2.ogg")
    path = tmp_path / f"manifest{suffix}"
    if suffix == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            table = csv.DictWriter(file, ROWS[0])
            table.writeheader()
            table.writerows(ROWS)
    elif suffix == ".jsonl":
        written(path, "\n\n".join(json.dumps(row) for row in ROWS))
    else:
        parqueted(path, ROWS)
    scanned = scan(path if asked == "manifest" else tmp_path)
    assert found(scanned) == EXPECTED
    assert scanned.why == f"manifest: manifest{suffix} with 3 rows"
    assert {(game.root, game.layout) for game in scanned} == {(tmp_path, Layout.MANIFEST)}
    first = next(scanned.games[0].candidates())
    status = (tmp_path / "a/1.ogg").stat()
    assert (first.text, first.size, first.mtime_ns) == ("「にはは」", status.st_size, status.st_mtime_ns)


@pytest.mark.parametrize("name", ["list.csv", "voices.jsonl", "rows.parquet"])
def test_a_table_of_any_name_is_a_list_when_it_names_files_that_are_there(tmp_path: Path, name: str) -> None:
    root = touched(tmp_path / "Key/AIR", "gone/1.ogg", "2.ogg")
    rows = [{"file": f"{number}.ogg", "Speaker": "観鈴"} for number in (1, 2)]
    if name.endswith(".parquet"):
        parqueted(root / name, rows)
    elif name.endswith(".jsonl"):
        written(root / name, "\n".join(map(json.dumps, rows)))
    else:
        written(root / name, "file,Speaker\n1.ogg,観鈴\n2.ogg,観鈴\n")
    written(root / "credits.csv", "path,character\nnot/here.ogg,観鈴\n")
    written(root / "scores.csv", "path,score\n2.ogg,3\n")
    written(root / "broken.csv", 'path,character\n2.ogg,"x\n')
    written(root / "notes.jsonl", "[]\n")
    scanned = scan(root)
    assert scanned.why.startswith(f"manifest: {name} with 2 rows; broken.csv was not taken as a list: ")
    routes = [("1.ogg", Route.MISSING), ("2.ogg", Route.EXACT), ("gone/1.ogg", Route.SKIPPED)]
    assert [clip[2:4] for clip in found(scanned)] == routes
    (root / name).rename(root / f"x.{name}.txt")
    assert {clip[2] for clip in found(root)} == {"2.ogg", "gone/1.ogg"}
    (root / f"x.{name}.txt").rename(root / name)
    written(root / "index.json", "[]")
    assert scan(root).why == "dump: index.json in 1 of 1 folder"


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    touched(tmp_path, "1.ogg")
    written(tmp_path / "metadata.csv", "File_Name,Brand,Title,Speaker,Transcription\n1.ogg,Key,AIR,観鈴,x\n")
    assert found(tmp_path) == [("Key", "AIR", "1.ogg", Route.EXACT, "観鈴")]


def test_windows_separators_are_separators(tmp_path: Path) -> None:
    touched(tmp_path, "琴子/1.ogg")
    written(tmp_path / "manifest.csv", CSV.format("琴子\\1.ogg,k,g,琴子,\n"))
    assert found(tmp_path) == [("k", "g", "琴子/1.ogg", Route.EXACT, "琴子")]


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("1.ogg", ("Key", "AIR")),
        ("wavs/1.ogg", ("Key", "AIR")),
        ("観鈴/1.ogg", ("Key", "AIR")),
        ("Kanon/名雪/1.ogg", ("AIR", "Kanon")),
        ("Leaf/痕/千鶴/ch1/1.ogg", ("Leaf", "痕")),
    ],
)
def test_without_a_column_the_folders_name_maker_and_game(tmp_path: Path, file: str, names: tuple[str, str]) -> None:
    touched(tmp_path / "Key/AIR", file)
    written(tmp_path / "Key/AIR/metadata.csv", f"path,speaker\n{file},x\n")
    assert found(tmp_path / "Key/AIR") == [(*names, file, Route.EXACT, "x")]
    asked = scan(tmp_path / "Key/AIR", maker="鍵", title="エアー")
    assert [(game.maker, game.title) for game in asked] == [("鍵", "エアー")]


def test_columns_win_over_the_names_asked_for(tmp_path: Path) -> None:
    written(tmp_path / "manifest.csv", CSV.format("1.ogg,Key,,a,\n2.ogg,,痕,a,\n"))
    games = scan(tmp_path, maker="m", title="t")
    assert [(game.maker, game.title) for game in games] == [("Key", "t"), ("m", "痕")]


def test_style_bert_vits2_keeps_the_files_of_a_list_in_raw_or_wavs(tmp_path: Path) -> None:
    touched(tmp_path / "Data/琴子", "raw/1.wav", "wavs/2.wav", "3.wav")
    text = "1.wav|琴子|JP|「a|b」\r\n\n2.wav|琴子|JP|\n3.wav|？|JP|x\n4.wav|琴子|JP|y"
    written(tmp_path / "Data/琴子/esd.list", text, "utf-8-sig")
    games = scan(tmp_path / "Data")
    assert found(games) == [
        ("Data", "琴子", "raw/1.wav", Route.EXACT, "琴子"),
        ("Data", "琴子", "wavs/2.wav", Route.EXACT, "琴子"),
        ("Data", "琴子", "3.wav", Route.EXACT, None),
        ("Data", "琴子", "4.wav", Route.MISSING, "琴子"),
    ]
    assert [clip.text for clip in games.games[0].candidates()] == ["「a|b」", "", "x", "y"]


def test_one_file_in_two_rows_is_repeated_wherever_they_stand(tmp_path: Path) -> None:
    touched(tmp_path, "1.ogg")
    written(tmp_path / "manifest.csv", CSV.format("1.ogg,k,g,a,\n./1.ogg,k,h,b,\n1.ogg,k,g,c,\n"))
    assert [(title, route, who) for _, title, _, route, who in found(tmp_path)] == [
        ("g", Route.EXACT, "a"),
        ("g", Route.REPEATED, "c"),
        ("h", Route.REPEATED, "b"),
    ]


@pytest.mark.parametrize(
    "path",
    [
        *(
            "../secret.ogg",
            "a/../../secret.ogg",
            "/etc/secret.ogg",
            "\\\\s\\secret.ogg",
            "C:\\secret.ogg",
            "c:secret.ogg",
        ),
        *("", "a\0.ogg", ".", ".."),
    ],
)
def test_a_path_that_leaves_the_folder_is_malformed(tmp_path: Path, path: str) -> None:
    touched(tmp_path, "secret.ogg")
    written(tmp_path / "in/manifest.csv", CSV.format(f'"{path}",k,g,琴子,\n'))
    ((_, _, shown, route, _),) = found(tmp_path / "in")
    assert route is Route.MALFORMED
    assert "\0" not in shown


def test_links_are_used_inside_the_folder_and_not_out_of_it(tmp_path: Path) -> None:
    touched(tmp_path, "out/1.ogg", "in/a/1.ogg")
    (tmp_path / "in/2.ogg").symlink_to(tmp_path / "in/a/1.ogg")
    (tmp_path / "in/3.ogg").symlink_to(tmp_path / "out/1.ogg")
    (tmp_path / "in/b").symlink_to(tmp_path / "out")
    (tmp_path / "in/4.ogg").symlink_to("4.ogg")
    rows = "".join(f"{path},k,g,琴子,\n" for path in ("a/1.ogg", "2.ogg", "3.ogg", "b/1.ogg", "4.ogg", "a"))
    written(tmp_path / "in/manifest.csv", CSV.format(rows))
    routes = {path: route for _, _, path, route, _ in found(tmp_path / "in")}
    assert [path for path, route in routes.items() if route is Route.EXACT] == ["a/1.ogg", "2.ogg"]
    assert [path for path, route in routes.items() if route is Route.MISSING] == ["3.ogg", "b/1.ogg", "4.ogg", "a"]


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("m.csv", b"", "no column for the path. Its columns are: none."),
        ("m.csv", b"file,who\n1.ogg,a\n", "no column for the character. Its columns are: file, who."),
        ("m.csv", b"path,speaker\n1.ogg,a,b\n", "m.csv has 3 fields, but its header has 2."),
        ("m.csv", b"path,speaker\n1.ogg\n", "m.csv has 1 field, but its header has 2."),
        ("m.csv", b'path,speaker\n1.ogg,"a\n2.ogg,b\n', "is not valid CSV around line 3"),
        ("m.csv", b"path,speaker\n1.ogg,\xff\n", "is not UTF-8."),
        ("m.csv", b"path,speaker\n" + b"x" * 2_000_000, "is over 1,048,576 characters."),
        ("m.jsonl", b'[{"path": "1.ogg"}]', "does not begin with a JSON object."),
        ("m.jsonl", b'{"speaker": "a"}', "no column for the path. Its columns are: speaker."),
        ("m.jsonl", "{}".encode("utf-16"), "is not UTF-8."),
        ("m.list", b"1.ogg|a|text\n", "has 3 fields instead of 4."),
        ("m.parquet", b"PAR1 and no more", "is damaged or truncated"),
        ("m.parquet", b"", "is damaged or truncated"),
    ],
)
def test_a_list_that_cannot_be_used_is_told_in_a_sentence(
    tmp_path: Path, name: str, data: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError) as caught:
        scan(tmp_path / name)
    assert sentence in caught.value.detail
    assert caught.value.mend


def test_a_line_that_cannot_be_a_row_is_counted_and_says_why(tmp_path: Path) -> None:
    lines = ['{"path": "1.ogg", "speaker": "a"}', "{", "3", '{"path": "2.ogg"}', '{"path": ["3.ogg"], "speaker": "a"}']
    written(tmp_path / "manifest.jsonl", "\n".join([*lines, '{"path": "\\ud800", "speaker": "a"}', "[" * 90_000]))
    assert Counter(route for _, _, _, route, _ in found(tmp_path)) == {Route.MISSING: 1, Route.MALFORMED: 6}
    (game,) = scan(tmp_path)
    assert [clip.why for clip in game.candidates()] == [
        "",
        "Row 2 of manifest.jsonl is not a JSON object.",
        "Row 3 of manifest.jsonl is not a JSON object.",
        "Row 4 of manifest.jsonl names no character.",
        "Row 5 of manifest.jsonl has no text as its path.",
        "Row 6 of manifest.jsonl names a file whose name is not valid Unicode, or too long.",
        "Row 7 of manifest.jsonl is not a JSON object.",
    ]


def test_a_bad_list_beside_a_good_one_is_told_when_its_turn_comes(tmp_path: Path) -> None:
    written(tmp_path / "Key/AIR/esd.list", "1.wav|観鈴|JP|x\n")
    written(tmp_path / "Key/Kanon/esd.list", "1.wav|名雪\n")
    touched(tmp_path / "Key", "ONE/みずか/1.ogg")
    games = {game.title: game for game in scan(tmp_path / "Key")}
    assert [clip.route for clip in games["AIR"].candidates()] == [Route.MISSING]
    for name in ("esd.list", "ONE"):
        with pytest.raises(SourceError):
            list(games[name].candidates())


NAMES = st.sampled_from(["1.ogg", "a/1.ogg", "a\\1.ogg", "A/1.ogg", "../1.ogg", "/1.ogg", "C:1.ogg", "", "gone.ogg"])
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)
ROW = st.fixed_dictionaries(
    {
        "path": NAMES | TEXT,
        "maker": st.sampled_from(["", "Key", "ｋｅｙ", "Leaf"]),
        "game": st.sampled_from(["", "AIR", "痕"]),
        "character": TEXT,
        "text": TEXT,
    }
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(rows=st.lists(ROW, max_size=12), kind=st.sampled_from(["csv", "jsonl"]))
def test_every_row_comes_out_once_as_a_clip_or_a_counted_problem(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], kind: str
) -> None:
    root = touched(tmp_path_factory.mktemp("list").resolve() / "k/g", "1.ogg", "a/1.ogg")
    out = io.StringIO()
    if kind == "csv":
        table = csv.DictWriter(out, ["path", "maker", "game", "character", "text"], quoting=csv.QUOTE_ALL)
        table.writeheader()
        table.writerows(rows)
    else:
        out.write("".join(json.dumps(row) + "\n" for row in rows))
    written(root / f"manifest.{kind}", out.getvalue())
    if not rows:
        return
    every = [clip for game in scan(root) for clip in game.candidates()]
    clips = [clip for clip in every if clip.route is not Route.SKIPPED]
    assert len(clips) == len(rows)
    used = Counter(clip.path for clip in clips if clip.route is Route.EXACT)
    skipped = [clip.path for clip in every if clip.route is Route.SKIPPED]
    assert sorted([*used, *skipped]) == ["1.ogg", "a/1.ogg"]
    assert set(used.values()) <= {1}
    assert all((clip.size >= 0) == (clip.route in {Route.EXACT, Route.REPEATED}) for clip in clips)


# VmHWM and not ru_maxrss, which starts at the peak of the process that this one was forked from.
MEASURED = """
import re, sys
from pathlib import Path
from speaker_search.sources import scan
def peak_kib(): return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
scan(Path(sys.argv[1]))
before = peak_kib()
print(sum(1 for game in scan(Path(sys.argv[2])) for _ in game.candidates()), peak_kib() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_a_list_of_a_hundred_thousand_rows_takes_little_memory(tmp_path: Path) -> None:
    small = written(tmp_path / "small.csv", CSV.format("a/1.ogg,Key,AIR,観鈴,\n"))
    with (tmp_path / "large.csv").open("w", encoding="utf-8") as file:
        file.write("path,maker,game,character,text\n")
        file.writelines(f"a/{n}.ogg,Key,AIR{n % 7},観鈴,「にはは、ぶいっ」\n" for n in range(100_000))
    program = [sys.executable, "-c", MEASURED, str(small), str(tmp_path / "large.csv")]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=300)
    count, more_kib = map(int, done.stdout.split())
    assert count == 100_000
    assert more_kib < 12 * 1024  # 7 MiB; 17 MiB when all candidates are held


@pytest.mark.parametrize("column", ["path", "maker", "game", "character"])
@pytest.mark.parametrize("first", [True, False])
def test_a_name_too_long_for_a_database_makes_its_row_malformed(tmp_path: Path, column: str, first: bool) -> None:
    rows = [ROWS[0], {**ROWS[0], column: "x/" * 3_000 + "1.ogg"}]
    lines = "\n".join(json.dumps(one) for one in (reversed(rows) if first else rows))
    touched(tmp_path / "Leaf/痕", "a/1.ogg")
    clips = found(written(tmp_path / "Leaf/痕/manifest.jsonl", lines))
    assert Counter(route for _, _, _, route, _ in clips) == {Route.EXACT: 1, Route.MALFORMED: 1}
    assert {(maker, title) for maker, title, *_ in clips} <= {("Key", "AIR"), ("Leaf", "痕")}


def test_a_text_may_be_as_long_as_it_likes(tmp_path: Path) -> None:
    touched(tmp_path, "a/1.ogg")
    (game,) = scan(written(tmp_path / "manifest.jsonl", json.dumps({**ROWS[0], "text": "あ" * 6_000})))
    assert [(clip.route, len(clip.text)) for clip in game.candidates()] == [(Route.EXACT, 6_000)]


def test_a_malformed_row_that_comes_first_names_no_game_by_its_folders(tmp_path: Path) -> None:
    touched(tmp_path, "Key/AIR/観鈴/1.ogg")
    paths = [f"{'x' * 2_000}/AIR/観鈴/1.ogg", "\udcff/AIR/観鈴/1.ogg", "Key/AIR/観鈴/1.ogg"]
    lines = "\n".join(json.dumps({"path": path, "character": "観鈴"}) for path in paths)
    clips = found(written(tmp_path / "manifest.jsonl", lines))
    around = (tmp_path.parent.name, tmp_path.name)
    assert [(maker, title) for maker, title, *_ in clips] == [around, around, ("Key", "AIR")]
