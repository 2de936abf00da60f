"""Archives and lists as others pack them, made for the tests."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import py7zr
import pyarrow as pa
import pyarrow.parquet as pq

from speaker_search.sources import Route, Scan, scan

STORED = [{"id": py7zr.FILTER_COPY}]
ENCRYPTED = [{"id": py7zr.FILTER_COPY}, {"id": py7zr.FILTER_CRYPTO_AES256_SHA256}]

DUMP = {
    "index.json": json.dumps(
        [{"Speaker": "琴子", "Voice": "ep1", "Text": "「おはよう」"}], ensure_ascii=False
    ).encode(),
    "琴子/ep1.ogg": b"one",
    "voice/ep2.ogg": b"two!",
}


def zipped(path: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def raw_zip(path: Path, files: Iterable[tuple[bytes, bytes]], *, claimed: int | None = None, flags: int = 0) -> Path:
    """A zip with its names as these very bytes, stored, by hand: zipfile would mend them.

    `claimed` is the decoded size in the headers.
    """
    body, directory, count = b"", b"", 0
    for name, data in files:
        size = len(data) if claimed is None else claimed
        about = struct.pack("<HHHHHIIIHH", 20, flags, 0, 0, 33, zlib.crc32(data), len(data), size, len(name), 0)
        directory += b"PK\1\2" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name
        body += b"PK\3\4" + about + name + data
        count += 1
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\5\6" + end)
    return path


def tarred(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def sevenzipped(path: Path, files: Mapping[str, bytes], password: str | None = None, *, names: bool = False) -> Path:
    """A 7z, encrypted if there is a password, its header too if `names`."""
    filters = STORED if password is None else ENCRYPTED
    with py7zr.SevenZipFile(path, "w", filters=filters, password=password, header_encryption=names) as archive:
        for number, (name, data) in enumerate(files.items()):
            archive.writestr(data, f"{number}")
            archive.files[number].file_properties()["filename"] = name  # py7zr itself writes no hostile names
    return path


def parqueted(path: Path, rows: list[dict[str, object]], *, group: int = 100) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path


def sample(key: str, speaker: str, **said: object) -> dict[str, bytes]:
    """A WebDataset sample."""
    return {f"{key}.ogg": key.encode(), f"{key}.json": json.dumps({"speaker": speaker, **said}).encode()}


def found(games: Scan | Path) -> list[tuple[str, str, str, Route, str | None]]:
    """(maker, title, path, route, character) of everything below."""
    scanned = scan(games) if isinstance(games, Path) else games
    return [
        (game.maker, game.title, clip.path, clip.route, clip.character)
        for game in scanned
        for clip in game.candidates()
    ]
