"""Which tables are lists of voices: the one place that decides it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from speaker_search.entities import Place, counted
from speaker_search.errors import SourceError
from speaker_search.sources.archives.kinds import archive_kind
from speaker_search.sources.candidates import Candidate, Route
from speaker_search.sources.layouts.listed_files import ListedFiles
from speaker_search.sources.layouts.manifest_rows import manifest_rows
from speaker_search.sources.names import is_film, place_fault
from speaker_search.sources.trees.tree import TABLES, FileTree

_NAMES = ("manifest", "metadata")
_ROWS_TRIED = 100  # of a table, before it is given up as naming no file that is there


@dataclass(frozen=True, slots=True)
class FoundLists:
    """The tables of a folder."""

    lists: tuple[str, ...] = ()  #: names, in order
    refused: tuple[tuple[str, str], ...] = ()  #: names of tables that are not lists, with reasons; the likeliest first


@dataclass(frozen=True, slots=True)
class _Named:
    files: set[str]  # that are there
    error: SourceError | None = None  # which ended the reading


def is_manifest(name: str) -> bool:
    """Whether a table of this name is a list whatever it holds."""
    lower = name.lower()
    return lower.endswith(".list") or (lower.endswith(TABLES) and lower.rpartition(".")[0] in _NAMES)


def is_table(path: Place) -> bool:
    """Whether a file can be a list: a table by its name, but not Parquet with sounds in it.

    Raises SourceError when a Parquet file is damaged.
    """
    if archive_kind(path) == ".parquet":
        from speaker_search.sources.archives.parquet import holds_audio  # pyarrow takes 0.3 s to import

        return not holds_audio(path)
    return path.suffix.lower() in TABLES and path.suffix.lower() != ".parquet"


def found_lists(tree: FileTree, tables: Sequence[str]) -> FoundLists:
    """The lists among the tables of a folder.

    Those called manifest or metadata and every .list are lists. Others are when their rows name characters and files
    that are there, and all of them together name at least half of the sounds below the folder. Tables with sounds in
    them, and damaged ones that may have, are in neither part of the result: they are archives.
    """
    lists: list[str] = []
    refused: list[tuple[str, str]] = []
    few: list[tuple[str, str]] = []
    named: dict[str, _Named] = {}
    for name in tables:
        try:
            if not is_table(tree.root / name):
                continue
        except SourceError:
            continue
        if is_manifest(name):
            lists.append(name)
            continue
        try:
            named[name] = _files_named(tree, name)
        except SourceError as error:
            refused.append((name, error.detail.rstrip(".")))
    together = {file for one in named.values() for file in one.files}
    if together and _are_most(tree, len(together)):
        lists += named
    else:
        for name, one in named.items():
            why = f"it names {counted(len(one.files), 'sound')}, less than half of those below its folder"
            few.append((name, one.error.detail.rstrip(".") if one.error else why))
    return FoundLists(tuple(sorted(lists)), (*few, *refused))


def _files_named(tree: FileTree, name: str) -> _Named:
    """The files that a table names. Raises SourceError when its first rows name none that is there."""
    files = ListedFiles(tree, name)
    found: set[str] = set()
    first: Candidate | None = None
    fault = ""
    try:
        for number, row in enumerate(manifest_rows(tree.root / name), 1):
            one = files.candidate(row)
            if first is None:
                first, fault = one, row.fault or place_fault(row.path)
            if one.route in (Route.EXACT, Route.UNSUPPORTED):
                found.add(one.path)
            if number == _ROWS_TRIED and not found:
                break
    except SourceError as error:
        if not found:
            raise
        return _Named(found, error)
    if first is None:
        raise SourceError("it has no rows")
    if not found and first.route is Route.MALFORMED:
        raise SourceError(f"its first row {fault}")
    if not found:
        raise SourceError(f"it names files that are not there, such as {first.path}")
    return _Named(found)


def _are_most(tree: FileTree, count: int) -> bool:
    """Whether that many sounds are at least half of those below a folder."""
    sounds = (path for path in tree.sounds() if not is_film(path))
    return sum(1 for _ in islice(sounds, 2 * count + 1)) <= 2 * count
