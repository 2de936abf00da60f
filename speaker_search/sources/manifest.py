"""Lists of voices: CSV, JSON lines, Parquet, and the `path|speaker|language|text` of Style-Bert-VITS2."""

from __future__ import annotations

import csv
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from speaker_search.entities import shown
from speaker_search.errors import SourceError
from speaker_search.sources.candidates import ABSENT, Candidate, Route
from speaker_search.sources.fields import Row, columns, row_of
from speaker_search.sources.names import speaker
from speaker_search.sources.places import normal
from speaker_search.sources.walk import unreadable

LONGEST_LINE = 2**20  # characters; a line of text has hundreds
_FOLDERS_KEPT = 10_000  # folders remembered as being no links
_LIST_FIELDS = {name: name for name in ("path", "character", "text")}
_LIST_FOLDERS = ("", "raw/", "wavs/")  # Style-Bert-VITS2 keeps the files of a list beside it or in one of these


def manifest_rows(path: Path) -> Iterator[Row]:
    """Stream the rows of a list.

    Raises SourceError when it cannot be read, is not UTF-8, lacks a column or has a row of another length than the
    others. A row that holds no usable path or speaker comes out malformed.
    """
    readers: dict[str, Callable[[IO[str], str], Iterator[Row]]] = {".csv": _csv, ".jsonl": _json_lines, ".list": _list}
    suffix, name = path.suffix.lower(), shown(str(path))
    if suffix == ".parquet":
        from speaker_search.sources.parquet import listed_rows  # pyarrow takes 0.3 s to import

        yield from listed_rows(path)
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from readers[suffix](file, name)
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{name} is not UTF-8.", "Convert it to UTF-8.") from error


class ListedFiles:
    """What the file system says of the files that a list names, below its folder."""

    def __init__(self, root: Path, *, folders: tuple[str, ...] = ("",)) -> None:
        """`root` must be resolved; a path is looked for in each of the `folders`."""
        self._root = str(root)
        self._folders = folders
        self._plain: dict[str, bool] = {"": True}  # folder -> whether it and those above it are no links

    def candidate(self, row: Row) -> Candidate:
        """EXACT with its file, MISSING without one, MALFORMED when the path leaves the root or the row says too little.

        Links to folders are not followed, links to files not out of the root, as everywhere.
        """
        path = normal(row.path) if row.speaker is not None else None
        if path is None:
            return Candidate(shown(row.path.replace("\\", "/")), Route.MALFORMED, None, row.text, ABSENT, ABSENT)
        character = speaker(row.speaker or "")
        for folder in self._folders:
            status = self._status(folder + path)
            if status:
                route = Route.EXACT
                return Candidate(folder + path, route, character, row.text, status.st_size, status.st_mtime_ns)
        return Candidate(path, Route.MISSING, character, row.text, ABSENT, ABSENT)

    def _status(self, path: str) -> os.stat_result | None:
        place = f"{self._root}/{path}"
        if not self._is_plain(path.rpartition("/")[0]):
            return None
        try:
            status = os.lstat(place)
            if stat.S_ISLNK(status.st_mode):
                inside = os.path.realpath(place, strict=True).startswith(f"{self._root}/")
                status = os.stat(place) if inside else status  # noqa: PTH116  # half the time of a Path
        except (OSError, ValueError):  # not there; ValueError: a name that no file can have
            return None
        return status if stat.S_ISREG(status.st_mode) else None

    def _is_plain(self, folder: str) -> bool:
        known = self._plain.get(folder)
        if known is None:
            above = self._is_plain(folder.rpartition("/")[0])
            try:
                known = above and stat.S_ISDIR(os.lstat(f"{self._root}/{folder}").st_mode)
            except (OSError, ValueError):
                known = False
            if len(self._plain) >= _FOLDERS_KEPT:
                self._plain = {"": True}
            self._plain[folder] = known
        return known


def list_folders(path: Path) -> tuple[str, ...]:
    """Where the files of a list are looked for, below its folder."""
    return _LIST_FOLDERS if path.suffix.lower() == ".list" else ("",)


def _lines(file: IO[str], name: str) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise SourceError(f"Line {number:,} of {name} has no end.", "Is it the file you meant?")
        yield line


def _csv(file: IO[str], name: str) -> Iterator[Row]:
    reader = csv.reader(_lines(file, name), strict=True)
    try:
        header = next(reader, [])
        named = columns(header, name)
        for values in reader:
            if not values:
                continue
            if len(values) != len(header):
                was = f"{len(values)} fields, and its header {len(header)}"
                mend = 'Put fields that hold commas in double quotes ("…").'
                raise SourceError(f"Line {reader.line_num:,} of {name} has {was}.", mend)
            yield row_of(dict(zip(header, values, strict=True)), named)
    except csv.Error as error:
        mend = 'Write a quote inside of quotes twice (""), and close every one.'
        raise SourceError(f"{name} is no CSV around line {reader.line_num:,}: {error}.", mend) from error


def _json_lines(file: IO[str], name: str) -> Iterator[Row]:
    named: dict[str, str] | None = None
    for line in _lines(file, name):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            if named is None:
                raise SourceError(f"{name} does not begin with a JSON object.", "Write one object a line.")
            yield Row(shown(line.strip()[:200]))
            continue
        named = named or columns(values, name)
        yield row_of(values, named)


def _list(file: IO[str], name: str) -> Iterator[Row]:
    for number, line in enumerate(_lines(file, name), 1):
        if not line.strip():
            continue
        parts = line.rstrip("\r\n").split("|", 3)  # further signs belong to the text
        if len(parts) < 4:
            mend = "Each line is path|speaker|language|text."
            raise SourceError(f"Line {number:,} of {name} has {len(parts)} fields, not 4.", mend)
        path, who, _, text = parts
        yield row_of({"path": path, "character": who, "text": text}, _LIST_FIELDS)
