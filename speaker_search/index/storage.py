"""An index on disk: a folder per version, swapped in by one rename, checked byte by byte when it is read.

<folder>/current          the name of the version in use
<folder>/<version>/       clips.faiss, other files, and stamp.json that says what they are
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

import faiss

from speaker_search.errors import IndexUnusableError
from speaker_search.index.clip_index import ClipIndex
from speaker_search.index.plan import Plan

STAMP_VERSION = 1
BLOCK_BYTES = 1 << 24
MEND = "Run `spksearch index build`: it is made again from the catalog, nothing is lost."


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
        pointer.write_text(version.name, encoding="utf-8")
        _flush(pointer)
        pointer.replace(folder / "current")
        _flush(folder)
    except (OSError, RuntimeError) as error:  # FAISS reports a full disk as a RuntimeError
        raise IndexUnusableError(
            f"The index cannot be written to {folder}: {_first_line(error)}.",
            "Make room or give another SPKSEARCH_HOME, then run `spksearch index build`; the catalog holds everything.",
        ) from error
    _clear(folder, keep=version.name)
    return stamp


def load(folder: Path) -> tuple[ClipIndex, Stamp] | None:
    """The index in use and its stamp, or None when there is none yet. Raises IndexUnusableError when it is damaged."""
    for _ in range(3):  # another program may swap in a new version between our looking and our reading
        version = _current(folder)
        if version is None:
            return None
        try:
            return _read(version)
        except FileNotFoundError:
            continue
    raise IndexUnusableError(f"The index in {folder} lacks the version it names.", MEND)


def _current(folder: Path) -> Path | None:
    """The folder of the version in use."""
    try:
        name = (folder / "current").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise IndexUnusableError(f"The index in {folder} cannot be read: {_first_line(error)}.", MEND) from error
    if re.fullmatch(r"\d{12}-[0-9a-f]{8}", name) is None:
        raise IndexUnusableError(f"The file {folder / 'current'} is damaged.", MEND)
    return folder / name


def read_stamp(folder: Path) -> Stamp | None:
    """The stamp of the index in use, without reading the index; None when there is none. Raises IndexUnusableError."""
    version = _current(folder)
    return None if version is None else _stamp(version)


def _read(version: Path) -> tuple[ClipIndex, Stamp]:
    stamp = _stamp(version)
    for name, crc32 in stamp.crc32.items():
        if _crc32(version / name) != crc32:
            raise IndexUnusableError(f"The index file {version / name} is damaged: its checksum is another.", MEND)
    try:
        index = faiss.read_index(str(version / "clips.faiss"))
    except RuntimeError as error:
        raise IndexUnusableError(f"The index file {version / 'clips.faiss'} cannot be read.", MEND) from error
    return ClipIndex(index, stamp.plan, stamp.built_for, stamp.seq), stamp


def _stamp(version: Path) -> Stamp:
    try:
        fields = json.loads((version / "stamp.json").read_text(encoding="utf-8"))
        stamp = Stamp(**{**fields, "plan": Plan(**fields["plan"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IndexUnusableError(f"The stamp of the index in {version} is damaged.", MEND) from error
    if stamp.version != STAMP_VERSION or set(stamp.crc32) != {"clips.faiss"}:
        raise IndexUnusableError(f"The index in {version} was written by another version of this program.", MEND)
    return stamp


def _clear(folder: Path, *, keep: str | None) -> None:
    """Delete older versions. What cannot be deleted now goes with the next version."""
    for path in _versions(folder):
        if path.name != keep:
            shutil.rmtree(path, ignore_errors=True)


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
