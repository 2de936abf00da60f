"""Makes archives and lists as other programs write them, and says what a scan finds in them."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import py7zr
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from speaker_search.entities import Refusal
from speaker_search.errors import AudioError
from speaker_search.sources import Archives, Route, Scan, scan

Pack: TypeAlias = Callable[[Path, Mapping[str, bytes]], Path]

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


def raw_zip(path: Path, files: Iterable[tuple[bytes, bytes]], *, flags: int = 0) -> Path:
    """A zip with exactly these bytes as names, stored, written by hand because zipfile would mend them."""
    body, directory, count = b"", b"", 0
    for name, data in files:
        about = struct.pack("<HHHHHIIIHH", 20, flags, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(name), 0)
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


def sevenzipped(
    path: Path,
    files: Mapping[str, bytes] | Iterable[tuple[str, bytes]],
    password: str | None = None,
    *,
    names: bool = False,
    mode: str = "w",
) -> Path:
    """A 7z of one solid block, encrypted if there is a password, and its header too if `names`.

    Mode "a" appends another block.
    """
    filters = STORED if password is None else ENCRYPTED
    members = files.items() if isinstance(files, Mapping) else files
    with py7zr.SevenZipFile(path, mode, filters=filters, password=password, header_encryption=names) as archive:
        for number, (name, data) in enumerate(members, len(archive.files)):
            archive.writestr(data, f"{number}")
            archive.files[number].file_properties()["filename"] = name  # py7zr does not write hostile names by itself
    return path


def parqueted(path: Path, rows: list[dict[str, object]], *, group: int = 100) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path


def sample(key: str, speaker: str, **said: object) -> dict[str, bytes]:
    """A WebDataset sample."""
    return {f"{key}.ogg": key.encode(), f"{key}.json": json.dumps({"speaker": speaker, **said}).encode()}


#: One test for each kind of archive that holds files in folders.
KINDS = pytest.mark.parametrize(("pack", "suffix"), [(zipped, ".zip"), (tarred, ".tar"), (sevenzipped, ".7z")])


def touched(root: Path, *files: str) -> Path:
    """Files that each hold their own name, so that their sizes differ."""
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def found(games: Scan | Path) -> list[tuple[str, str, str, Route, str | None]]:
    """(maker, title, path, route, character) of everything that a scan finds. What is malformed says why."""
    scanned = scan(games) if isinstance(games, Path) else games
    clips = [(game, clip) for game in scanned for clip in game.candidates()]
    assert all((clip.route is Route.MALFORMED) == clip.why.endswith(".") for _, clip in clips)
    return [(game.maker, game.title, clip.path, clip.route, clip.character) for game, clip in clips]


def refusal(archives: Archives, root: Path, path: str) -> Refusal:
    """Why a member cannot be read."""
    with pytest.raises(AudioError) as caught:
        archives.read(root, path)
    return caught.value.reason
