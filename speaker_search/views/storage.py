"""How derived data is kept on disk: a folder per version, swapped in by one rename, verified by checksums.

<folder>/current          the name of the version in use, and the checksum of its stamp
<folder>/<version>/       its files, and stamp.json that says what they are, with their checksums
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from speaker_search.catalog.spaces import Space
from speaker_search.errors import IndexUnusableError

FORMAT = 4  # raised whenever the file format changes: older versions are then rebuilt
BLOCK_BYTES = 1 << 24
ABANDONED_AFTER_S = 3_600.0  # no program takes this long to write one version
MEND = "Run `spksearch index build`: it rebuilds the index from the catalog, nothing is lost."

T = TypeVar("T")

#: Writes one file at the path it is given.
Writer = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a version holds."""

    format: int
    catalog: str  #: uuid of the catalog it was made from
    space: str
    position: int  #: of the space's change log
    facts: dict[str, Any]  #: what else is needed to read its files
    crc32: dict[str, int]  #: by file name


@dataclass(frozen=True, slots=True)
class Version:
    """A version on disk."""

    folder: Path
    stamp: Stamp

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def size(self) -> int:
        """Of its files that are still there, in bytes."""
        return sum(path.stat().st_size for name in self.stamp.crc32 if (path := self.path(name)).exists())


def folder_of(home: Path, uuid: str, space: Space) -> Path:
    """Where the views of a space are kept, for a catalog of that uuid."""
    return home / "index" / uuid / space.name.replace("@", "-").replace("/", "-")


def save(
    folder: Path,
    files: Mapping[str, Writer],
    *,
    catalog: str,
    space: str,
    position: int,
    facts: dict[str, Any],
    same: Callable[[Stamp], set[str]] = lambda _: set(),
) -> Version:
    """Write a version beside the one in use and swap it in; a kill at any moment leaves one or the other in use.

    `same` says, from the stamp of the version in use, which of its files would be written unchanged: they are linked.
    """
    version = folder / f"{position:012d}-{uuid4().hex[:8]}"
    pointer = _pointer(version)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        version.mkdir()
        sums = _link(folder, version, files.keys(), same)
        for name in files.keys() - sums.keys():
            files[name](version / name)
            sums[name] = _crc32(version / name)
            _flush(version / name)
        stamp = Stamp(FORMAT, catalog, space, position, facts, sums)
        (version / "stamp.json").write_text(json.dumps(asdict(stamp), indent=1), encoding="utf-8")
        _flush(version / "stamp.json")
        _flush(version)
        pointer.write_text(f"{version.name} {_crc32(version / 'stamp.json'):08x}", encoding="utf-8")
        _flush(pointer)
        before = _named(folder)
        pointer.replace(folder / "current")
        _flush(folder)
    except (OSError, RuntimeError) as error:  # FAISS reports a full disk as a RuntimeError
        if _named(folder) != version:
            _delete(version)
        raise IndexUnusableError(
            f"The index cannot be written to {folder}: {_first_line(error)}.",
            "Free disk space or set another SPKSEARCH_HOME, then run `spksearch index build`; no data is lost.",
        ) from error
    _clear(folder, before=before, keep=version)
    return Version(version, stamp)


def load(folder: Path, *, catalog: str, space: str, read: Callable[[Version], T]) -> T | None:
    """Verify the version in use and return what `read` makes of it; None when it is of another catalog or space.

    If another program swaps in a new version meanwhile and deletes this one, the new one is read. Raises
    IndexUnusableError when a file is damaged or `read` fails.
    """
    failed: Version | None = None
    while (version := in_use(folder)) is not None:
        if (version.stamp.catalog, version.stamp.space) != (catalog, space):
            return None
        try:
            _check(version)
            return read(version)
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:  # FAISS: RuntimeError for no file
            if version == failed:
                detail = f"The index in {folder} cannot be read: {_first_line(error)}."
                raise IndexUnusableError(detail, MEND) from error
            failed = version  # try again: another program may have swapped in a new one
    return None


def in_use(folder: Path) -> Version | None:
    """The version in use, by its stamp alone; None when there is none, or it has another format."""
    missing: tuple[Path, int] | None = None
    while (current := _current(folder)) is not None:
        try:
            stamp = _stamp(*current)
            return None if stamp is None else Version(current[0], stamp)
        except FileNotFoundError as error:
            if current == missing:
                raise IndexUnusableError(f"The index in {folder} lacks the version it names.", MEND) from error
            missing = current
        except OSError as error:
            raise IndexUnusableError(f"The index in {folder} cannot be read: {_first_line(error)}.", MEND) from error
    return None


def _check(version: Version) -> None:
    for name, crc32 in version.stamp.crc32.items():
        if _crc32(version.path(name)) != crc32:
            detail = f"The index file {version.path(name)} is damaged: its checksum does not match."
            raise IndexUnusableError(detail, MEND)


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


def _stamp(version: Path, crc32: int) -> Stamp | None:
    data = (version / "stamp.json").read_bytes()
    if zlib.crc32(data) != crc32:
        raise IndexUnusableError(f"The stamp of the index in {version} is damaged: its checksum does not match.", MEND)
    fields = json.loads(data)
    return Stamp(**fields) if fields.get("format") == FORMAT else None


def _link(folder: Path, version: Path, wanted: Iterable[str], same: Callable[[Stamp], set[str]]) -> dict[str, int]:
    """Link files that the version in use already has; returns their checksums by name."""
    try:
        before = in_use(folder)
    except IndexUnusableError:
        return {}
    if before is None:
        return {}
    linked: dict[str, int] = {}
    for name in same(before.stamp) & set(wanted):
        try:
            os.link(before.path(name), version / name)
        except OSError:  # a file system without links, or another program has cleared the version
            (version / name).unlink(missing_ok=True)
            continue
        linked[name] = before.stamp.crc32[name]
    return linked


def _named(folder: Path) -> Path | None:
    """The folder of the version in use; None when there is none or it cannot be read."""
    try:
        current = _current(folder)
    except IndexUnusableError:
        return None
    return None if current is None else current[0]


def _clear(folder: Path, *, before: Path | None, keep: Path) -> None:
    """Delete the version that was swapped out, and what killed programs have left behind.

    Another program may be writing a version here, or have just swapped one in, so recent versions are kept.
    """
    for path in _versions(folder):
        if path == before or (path != keep and _age_s(path) > ABANDONED_AFTER_S):
            _delete(path)


def _delete(version: Path) -> None:
    shutil.rmtree(version, ignore_errors=True)
    with contextlib.suppress(OSError):
        _pointer(version).unlink(missing_ok=True)


def _pointer(version: Path) -> Path:
    """The file that is renamed to `current` once the version is complete."""
    return version.parent / f"current.{version.name}"


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
    """Flush a file or folder to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders, and makes renames durable without this
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).splitlines()[0] if str(error) else type(error).__name__
