"""An index on disk: a folder per version, swapped in by one rename, checked byte by byte when it is read.

<folder>/current          the name of the version in use, and the checksum of its stamp
<folder>/<version>/       clips.faiss, and stamp.json that says what it is, with its checksum
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import faiss

from speaker_search.errors import IndexUnusableError
from speaker_search.index.clip_index import ClipIndex
from speaker_search.index.plan import Plan

STAMP_VERSION = 1
BLOCK_BYTES = 1 << 24
ABANDONED_AFTER_S = 3_600.0  # no program writes one file of an index for so long
MEND = "Run `spksearch index build`: it is made again from the catalog, nothing is lost."

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an index folder holds."""

    version: int
    catalog: str  #: uuid of the catalog it was made from
    space: str
    clips: int
    seq: int  #: how far in the space's change log it reaches
    built_for: int
    plan: Plan
    crc32: dict[str, int]  #: by file name


def save(folder: Path, index: ClipIndex, *, catalog: str, space: str) -> Stamp:
    """Write an index beside the one in use and swap it in; a kill at any moment leaves the one or the other."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        version = folder / f"{index.seq:012d}-{uuid4().hex[:8]}"
        version.mkdir()
        faiss.write_index(index.faiss_index, str(version / "clips.faiss"))
        sums = {"clips.faiss": _crc32(version / "clips.faiss")}
        stamp = Stamp(STAMP_VERSION, catalog, space, index.clips, index.seq, index.built_for, index.plan, sums)
        (version / "stamp.json").write_text(json.dumps(asdict(stamp), indent=1), encoding="utf-8")
        for name in (*sums, "stamp.json"):
            _flush(version / name)
        pointer = folder / f"current.{version.name}"
        pointer.write_text(f"{version.name} {_crc32(version / 'stamp.json'):08x}", encoding="utf-8")
        _flush(pointer)
        before = _before(folder)
        pointer.replace(folder / "current")
        _flush(folder)
    except (OSError, RuntimeError) as error:  # FAISS reports a full disk as a RuntimeError
        raise IndexUnusableError(
            f"The index cannot be written to {folder}: {_first_line(error)}.",
            "Make room or give another SPKSEARCH_HOME, then run `spksearch index build`; the catalog holds everything.",
        ) from error
    _clear(folder, before=before, keep=version)
    return stamp


def load(folder: Path) -> tuple[ClipIndex, Stamp] | None:
    """The index in use and its stamp, or None when there is none yet. Raises IndexUnusableError when it is damaged."""
    return _in_use(folder, _read)


def read_stamp(folder: Path) -> Stamp | None:
    """The stamp of the index in use, without reading the index; None when there is none. Raises IndexUnusableError."""
    return _in_use(folder, _stamp)


def _in_use(folder: Path, read: Callable[[Path, int], T]) -> T | None:
    """What `read` makes of the version in use and its stamp's checksum."""
    missing: tuple[Path, int] | None = None
    while (current := _current(folder)) is not None:
        if current == missing:
            raise IndexUnusableError(f"The index in {folder} lacks the version it names, or a file of it.", MEND)
        try:
            return read(*current)
        except FileNotFoundError:
            missing = current  # unless another program has swapped in a new version since we looked
        except OSError as error:
            raise IndexUnusableError(f"The index in {folder} cannot be read: {_first_line(error)}.", MEND) from error
    return None


def _current(folder: Path) -> tuple[Path, int] | None:
    """The folder of the version in use, and the checksum of its stamp."""
    try:
        text = (folder / "current").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise IndexUnusableError(f"The index in {folder} cannot be read: {_first_line(error)}.", MEND) from error
    named = re.fullmatch(r"(\d{12}-[0-9a-f]{8}) ([0-9a-f]{8})", text)
    if named is None:
        raise IndexUnusableError(f"The file {folder / 'current'} is damaged.", MEND)
    return folder / named[1], int(named[2], 16)


def _read(version: Path, stamp_crc32: int) -> tuple[ClipIndex, Stamp]:
    stamp = _stamp(version, stamp_crc32)
    for name, crc32 in stamp.crc32.items():
        if _crc32(version / name) != crc32:
            raise IndexUnusableError(f"The index file {version / name} is damaged: its checksum is another.", MEND)
    try:
        index = faiss.read_index(str(version / "clips.faiss"))
    except RuntimeError as error:
        if not (version / "clips.faiss").exists():
            raise FileNotFoundError from error  # FAISS does not tell this from a damaged file
        raise IndexUnusableError(f"The index file {version / 'clips.faiss'} cannot be read.", MEND) from error
    return ClipIndex(index, stamp.plan, stamp.built_for, stamp.seq), stamp


def _stamp(version: Path, crc32: int) -> Stamp:
    data = (version / "stamp.json").read_bytes()
    if zlib.crc32(data) != crc32:
        raise IndexUnusableError(f"The stamp of the index in {version} is damaged: its checksum is another.", MEND)
    try:
        fields = json.loads(data)
        stamp = Stamp(**{**fields, "plan": Plan(**fields["plan"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IndexUnusableError(f"The stamp of the index in {version} is damaged.", MEND) from error
    if stamp.version != STAMP_VERSION or set(stamp.crc32) != {"clips.faiss"}:
        raise IndexUnusableError(f"The index in {version} was written by another version of this program.", MEND)
    return stamp


def _before(folder: Path) -> Path | None:
    """The version in use before a swap, if it can be told."""
    try:
        current = _current(folder)
    except IndexUnusableError:
        return None
    return None if current is None else current[0]


def _clear(folder: Path, *, before: Path | None, keep: Path) -> None:
    """Delete the version that was swapped out and what kills have left behind.

    Another program may be writing a version of its own here, or just have swapped it in: young ones are left alone.
    """
    for path in _versions(folder):
        if path == before or (path != keep and _age_s(path) > ABANDONED_AFTER_S):
            shutil.rmtree(path, ignore_errors=True)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # another program has cleared it
        return 0.0


def _versions(folder: Path) -> Iterator[Path]:
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        if path.is_dir() and path.name[:12].isdecimal():
            yield path


def _crc32(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            value = zlib.crc32(block, value)
    return value


def _flush(path: Path) -> None:
    """Have the operating system put a file or folder on the disk now."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders, and keeps its renames by itself
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).splitlines()[0] if str(error) else type(error).__name__
