"""Small dumps of VNDB, as they are today and as they were before October 2025, from one description."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

Row = Sequence[str | None]
Tables = Mapping[str, tuple[Sequence[str], Iterable[Row]]]

ESCAPED = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}

#: The tables of today, with the columns in some order of their own.
TODAY: Tables = {
    "vn": (("id", "olang", "alias", "description"), [
        ("v1", "ja", None, "A\ttab, a\nline and a back\\slash"),
        ("v2", "ja", "Umi Fan\\Disc", None),
        ("v3", "ja", None, None),
        ("v4", "ja", None, None),
    ]),
    "vn_titles": (("latin", "id", "lang", "official", "title"), [
        ("Umi no Koe", "v1", "ja", "t", "海の声 ～Voice of the Sea～"),
        ("Umi no Koe Fandisk", "v2", "ja", "t", "海の声 ファンディスク"),
        ("Hoshi Tsumugi", "v3", "ja", "t", "ほしつむぎ"),
        (None, "v4", "ja", "t", "Yoru"),
    ]),
    "vn_relations": (("id", "vid", "relation", "official"), [
        ("v1", "v2", "fan", "t"),
        ("v2", "v1", "orig", "t"),
        ("v3", "v1", "set", "t"),
    ]),
    "releases_vn": (("id", "vid", "rtype"), [("r1", "v1", "complete"), ("r2", "v2", "complete"), ("r3", "v3", "trial"),
                                             ("r4", "v4", "complete")]),
    "releases_producers": (("id", "pid", "developer", "publisher"), [
        ("r1", "p1", "t", "f"), ("r1", "p2", "f", "t"), ("r2", "p1", "t", "t"), ("r3", "p3", "t", "t"),
        ("r4", "p3", "t", "t"),
    ]),
    "producers": (("id", "type", "lang", "name", "latin", "alias", "description"), [
        ("p1", "co", "ja", "青空工房", "Aozora Koubou", "Blue Sky\nAZK", None),
        ("p2", "co", "ja", "出版", "Shuppan", None, None),
        ("p3", "co", "ja", "よぞらソフト", "Yozora Soft", None, None),
    ]),
    "staff": (("id", "gender", "lang", "main", "description", "prod"), [
        ("s1", "f", "ja", "11", None, None), ("s2", "f", "ja", "21", None, None), ("s3", "m", "ja", "31", None, None),
    ]),
    "staff_alias": (("aid", "id", "name", "latin"), [
        ("11", "s1", "佐藤 花", "Satou Hana"), ("12", "s1", "月野うさ", "Tsukino Usa"),
        ("21", "s2", "鈴木 雪", "Suzuki Yuki"), ("31", "s3", "田中 一", "Tanaka Hajime"),
    ]),
    "chars": (("id", "main", "main_spoil", "image"), [
        ("c1", None, "0", None), ("c2", None, "0", None), ("c3", None, "0", None), ("c4", None, "0", None),
        ("c5", "c1", "2", None), ("c6", None, "0", None),
    ]),
    "chars_names": (("id", "lang", "name", "latin"), [
        ("c1", "ja", "古河 渚", "Furukawa Nagisa"), ("c2", "ja", "高坂 凛", "Kousaka Rin"),
        ("c3", "ja", "ジェーン・ドウ", "Jane Doe"), ("c4", "ja", "黒幕", "Kuromaku"),
        ("c5", "ja", "謎の少女", "Nazo no Shoujo"),
        ("c6", "ja", "星野 ゆめ", "Hoshino Yume"),
    ]),
    "chars_alias": (("id", "spoil", "name", "latin"), [
        ("c2", "0", "リンちゃん", "Rin-chan"), ("c2", "2", "黒の女王", "Black Queen"),
    ]),
    "chars_vns": (("id", "vid", "rid", "role", "spoil"), [
        ("c1", "v1", None, "main", "0"), ("c2", "v1", None, "primary", "0"), ("c3", "v1", "r1", "side", "0"),
        ("c4", "v1", None, "side", "2"), ("c1", "v2", None, "main", "0"), ("c5", "v2", None, "side", "0"),
        ("c6", "v3", None, "main", "0"),
    ]),
    "vn_seiyuu": (("id", "aid", "cid", "note"), [
        ("v1", "11", "c1", ""), ("v1", "21", "c2", ""), ("v1", "31", "c3", ""), ("v1", "12", "c4", ""),
        ("v3", "12", "c6", ""),
    ]),
}  # fmt: skip


def _cells(table: str, *columns: str) -> list[Row]:
    names, rows = TODAY[table]
    return [[row[names.index(column)] for column in columns] for row in rows]


def before_2025_10() -> Tables:
    """The same with the characters' names in `chars`, and their aliases in one cell, a line each."""
    names = {row[0]: row for row in _cells("chars_names", "id", "name", "latin")}
    told = {row[0]: row[1] for row in _cells("chars_alias", "id", "name", "spoil") if row[2] == "0"}
    chars = [(*row, *names[row[0]][1:], told.get(row[0])) for row in _cells("chars", "id", "main", "main_spoil")]
    moved = {"chars": (("id", "main", "main_spoil", "name", "latin", "alias"), chars)}
    staff = (("id", "gender", "lang", "aid"), _cells("staff", "id", "gender", "lang", "main"))
    return {
        **{name: table for name, table in TODAY.items() if name not in ("chars_names", "chars_alias")},
        **moved,
        "staff": staff,
    }


def before_2023() -> Tables:
    """The same with Latin letters in `name`, and `original` beside it; titles in `vn`."""
    older = dict(before_2025_10())
    for table in ("chars", "staff_alias", "producers"):
        columns, rows = older[table]
        place = {"name": columns.index("name"), "latin": columns.index("latin")}
        swapped = []
        for row in rows:
            cells = list(row)
            cells[place["name"]], cells[place["latin"]] = row[place["latin"]], row[place["name"]]
            swapped.append(cells)
        older[table] = ([{"latin": "original"}.get(column, column) for column in columns], swapped)
    aliases = dict(_cells("vn", "id", "alias"))
    titles = [
        (id_, latin or title, title, aliases[id_]) for id_, title, latin in _cells("vn_titles", "id", "title", "latin")
    ]
    older["vn"] = (("id", "title", "original", "alias"), titles)
    del older["vn_titles"]
    return older


def copied(rows: Iterable[Row]) -> bytes:
    """Rows as PostgreSQL's COPY writes them."""
    lines = ["\t".join("\\N" if cell is None else "".join(ESCAPED.get(s, s) for s in cell) for cell in r) for r in rows]
    return "".join(line + "\n" for line in lines).encode()


def files(tables: Tables) -> dict[str, bytes]:
    """The files of a dump, by name."""
    found: dict[str, bytes] = {}
    for name, (columns, rows) in tables.items():
        found[f"db/{name}"] = copied(rows)
        found[f"db/{name}.header"] = "\t".join(columns).encode()
    return found


def archive(path: Path, content: Mapping[str, bytes], *, more: Iterable[tarfile.TarInfo] = ()) -> Path:
    """A .tar.zst of these files, and of members without content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for member in more:
            tar.addfile(member)
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    path.write_bytes(pa.compress(packed.getvalue(), codec="zstd", asbytes=True))
    return path


def unpacked(folder: Path, content: Mapping[str, bytes]) -> Path:
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
