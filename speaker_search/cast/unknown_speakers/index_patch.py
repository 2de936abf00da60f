"""A patch of a dump's index.json for lines of unknown speakers. People apply it; nothing here writes to a dump."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from speaker_search import documents
from speaker_search.cast.sheets.export import as_csv
from speaker_search.entities import ObjectPath, Place, fold
from speaker_search.errors import SourceError, UsageError
from speaker_search.sources.layouts import index_json
from speaker_search.sources.names import stem_of
from speaker_search.sources.objects.store_errors import ObjectError
from speaker_search.sources.places import is_folder, opened

INDEX = "index.json"
SUFFIXES = (".csv", ".json")


def check_patch(path: Path) -> None:
    """Raises UsageError for a patch of an unknown format."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path.name} is in an unknown format.", "Export to .json or .csv.")


def patch(lines: Sequence[documents.UnknownLine], suffix: str) -> bytes:
    """Rows of an index.json (.json), or the columns path and character (.csv), with the likeliest speakers."""
    if suffix.lower() == ".csv":
        return as_csv(("path", "character"), ((str(line.path), line.here[0].name) for line in lines))
    return index_rows((line.path, line.text, line.here[0].name) for line in lines)


def index_rows(spoken: Iterable[tuple[Place, str, str]]) -> bytes:
    """Rows of an index.json for files, each with its text and the Speaker that it should have.

    A row is the one of the dump's own index.json where there is one with this file; otherwise it names the file by its
    FilePath.
    """
    indexes: dict[Place, dict[str, dict[str, Any]]] = {}
    rows = []
    for path, text, speaker in spoken:
        folder = index_folder(path)
        row = None
        if folder is not None:
            if folder not in indexes:
                indexes[folder] = _by_stem(folder / INDEX)
            row = indexes[folder].get(_stem(path.name))
        place = path.name if folder is None else path.as_posix()[len(folder.as_posix()) :].lstrip("/")
        rows.append({**(row or {"FilePath": place, "Text": text}), "Speaker": speaker})
    return (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode()


def index_folder(path: Place) -> Place | None:
    """The nearest folder above a file that has an index.json."""
    around: Sequence[Place] = path.parents
    return next((folder for folder in around if _has_index(folder)), None)


def _has_index(folder: Place) -> bool:
    try:
        return _is_listed(folder) if isinstance(folder, ObjectPath) else (folder / INDEX).is_file()
    except ObjectError:  # its store does not answer
        return False


@lru_cache(maxsize=10_000)  # asked for every line, and each answer takes a request
def _is_listed(folder: ObjectPath) -> bool:
    try:
        return bool(folder.key) and not is_folder(folder / INDEX)
    except ObjectError as error:
        if error.errno == errno.ENOENT:
            return False
        raise


def _by_stem(index: Place) -> dict[str, dict[str, Any]]:
    """The rows of an index.json by the stems of their files; without those whose stem occurs twice."""
    found: dict[str, dict[str, Any]] = {}
    twice: set[str] = set()
    try:
        with opened(index) as file:
            for row in index_json.rows(file, str(index)):
                name = isinstance(row, dict) and (row.get("Voice") or row.get("FilePath"))
                if isinstance(row, dict) and isinstance(name, str):
                    stem = _stem(name)
                    twice |= {stem} & found.keys()
                    found[stem] = row
    except (OSError, SourceError):
        return {}  # a damaged index: its lines are named by their paths
    return {stem: row for stem, row in found.items() if stem not in twice}


def _stem(name: str) -> str:
    """The folded name of a file without folders and without its suffix, where that is one of sounds."""
    return fold(stem_of(PurePosixPath(name.replace("\\", "/")).name))
