"""The manifest layout: the rows of a list become the clips of its games."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from speaker_search.entities import Place, shown
from speaker_search.sources.candidates import ABSENT, Candidate, Route, film
from speaker_search.sources.faults import UNSTORABLE
from speaker_search.sources.game_folders import levels_above
from speaker_search.sources.layouts.listed_files import ListedFiles
from speaker_search.sources.layouts.manifest_rows import manifest_rows
from speaker_search.sources.names import SOUND_FOLDERS, is_film, path_in_game, place_fault, storable
from speaker_search.sources.scan_request import ScanRequest, nameless
from speaker_search.sources.table_columns import Row


def spool_list(path: Place, request: ScanRequest) -> int:
    """Send every row of a list to the spool, and return the number of rows.

    Maker and title are those of the row, else those requested, else those of the file's folders below the list's own,
    read as in the folders layout. Raises SourceError when the list is unusable, and UsageError when nothing names a
    game.
    """
    root = path.parent
    files = ListedFiles(request.tree(root), path.name)
    levels: int | None = None
    maker = title = ""
    count = 0
    for row in manifest_rows(path):
        count += 1
        if row.speaker is not None or not maker:  # a malformed row joins the game before it, unless it is the first
            maker, title = row.maker or request.maker or "", row.title or request.title or ""
            if not (maker and title):
                if levels is None:  # another pass over the list, only when a row turns out to need it
                    levels = levels_above(min(_depths(path, request), default=0))
                by_folder = _names_by_folder(row, root, levels)
                maker, title = maker or by_folder[0], title or by_folder[1]
        if not maker or not title:
            raise nameless(str(path))
        one = files.candidate(row)
        if one.route is Route.MALFORMED:
            one = replace(one, why=f"Row {count:,} of {shown(path.name)} {row.fault or place_fault(row.path)}.")
        request.spool.add(root, maker, title, one)
    return count


def spool_skipped(roots: Collection[Place], request: ScanRequest) -> None:
    """Send the sounds below the folders of lists to the spool, which drops those that a list names.

    They join the last game of their folder.
    """
    for root in sorted((root for root in roots if not any(above in roots for above in root.parents)), key=str):
        maker, title = request.spool.last_game(root) or _names_by_folder(Row(""), root, 0)
        for path in request.tree(root).sounds():
            if not storable(path):
                one = Candidate(shown(path), Route.MALFORMED, None, "", ABSENT, ABSENT, UNSTORABLE)
            else:
                one = film(path) if is_film(path) else Candidate(path, Route.SKIPPED, None, "", ABSENT, ABSENT)
            request.spool.add(root, maker or "?", title or "?", one)


def _names_by_folder(row: Row, root: Place, levels: int) -> tuple[str, str]:
    """(maker, title) from the folders of a row's file below the list's own, when `levels` of them name the two."""
    written = path_in_game(row.path) if storable(row.path) else None  # a malformed row may be the first
    parts = (written or "").split("/")[:-1]
    if len(parts) >= levels == 2:
        return parts[0], parts[1]
    if len(parts) >= levels == 1:
        return shown(root.name), parts[0]
    # Where rows name games, the list's folder holds several games: it is the maker.
    return shown(root.name if row.title else root.parent.name), shown(root.name)


def _depths(path: Place, request: ScanRequest) -> Iterator[int]:
    """The number of folders above each file whose folders name its game; wav, wavs and audio do not count."""
    for row in manifest_rows(path):
        told = (row.maker or request.maker) and (row.title or request.title)
        written = None if told or row.speaker is None else path_in_game(row.path)
        if written is not None:
            parts = written.split("/")[:-1]
            yield len(parts) - (bool(parts) and parts[-1].lower() in SOUND_FOLDERS)
