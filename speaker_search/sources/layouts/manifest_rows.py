"""Reads the rows of a list of voices: CSV, JSON lines, Parquet, or Style-Bert-VITS2's `path|speaker|language|text`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import IO

from speaker_search.entities import Place, counted, shown
from speaker_search.errors import SourceError
from speaker_search.sources.faults import unreadable
from speaker_search.sources.places import opened
from speaker_search.sources.table_columns import Row, columns, row_of

LONGEST_LINE = 2**20  # characters; a line of text has hundreds
_LIST_FIELDS = {name: name for name in ("path", "character", "text")}


def manifest_rows(path: Place) -> Iterator[Row]:
    """Stream the rows of a list; a row without a usable path or speaker is malformed.

    Raises SourceError when the list cannot be read, is not UTF-8, lacks a column, or has rows of different lengths.
    """
    readers: dict[str, Callable[[IO[str], str], Iterator[Row]]] = {".csv": _csv, ".jsonl": _json_lines, ".list": _list}
    suffix, name = path.suffix.lower(), str(path)
    if suffix == ".parquet":
        from speaker_search.sources.archives.parquet import listed_rows  # pyarrow takes 0.3 s to import

        yield from listed_rows(path)
        return
    try:
        with opened(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            yield from readers[suffix](file, name)
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{name} is not UTF-8.", "Convert it to UTF-8.") from error


def _lines(file: IO[str], name: str) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise SourceError(f"Line {number:,} of {name} is over {LONGEST_LINE:,} characters.", "Is it a text file?")
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
                has = counted(len(values), "field")
                detail = f"Line {reader.line_num:,} of {name} has {has}, but its header has {len(header)}."
                raise SourceError(detail, 'Put fields that contain commas in double quotes ("…").')
            yield row_of(dict(zip(header, values, strict=True)), named)
    except csv.Error as error:
        mend = 'Close every quote, and write quotes inside of quotes twice ("").'
        raise SourceError(f"{name} is not valid CSV around line {reader.line_num:,}: {error}.", mend) from error


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
                raise SourceError(f"{name} does not begin with a JSON object.", "Write one object per line.")
            yield Row(shown(line.strip()[:200]), fault="is not a JSON object")
            continue
        named = named or columns(values, name)
        yield row_of(values, named)


def _list(file: IO[str], name: str) -> Iterator[Row]:
    for number, line in enumerate(_lines(file, name), 1):
        if not line.strip():
            continue
        parts = line.rstrip("\r\n").split("|", 3)  # any further | belongs to the text
        if len(parts) < 4:
            mend = "Each line must be path|speaker|language|text."
            raise SourceError(f"Line {number:,} of {name} has {counted(len(parts), 'field')} instead of 4.", mend)
        path, who, _, text = parts
        yield row_of({"path": path, "character": who, "text": text}, _LIST_FIELDS)
