"""A list of voices -> its games, by its columns, the flags or the folders of the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from speaker_search.entities import shown
from speaker_search.sources.asked import Asked, nameless
from speaker_search.sources.fields import Row
from speaker_search.sources.finding import levels_above
from speaker_search.sources.manifest import ListedFiles, list_folders, manifest_rows
from speaker_search.sources.names import SOUND_FOLDERS, storable
from speaker_search.sources.places import normal


def spool_list(path: Path, asked: Asked) -> int:
    """Send every row of a list to the spool, and return how many there are.

    Maker and game are those of the row, else those asked for, else those of the folders as the folders layout reads
    them below the list's own. Raises SourceError when the list is unusable, and UsageError when nothing names a game.
    """
    root = path.parent
    files = ListedFiles(root, folders=list_folders(path))
    levels: int | None = None
    maker = title = ""
    count = 0
    for row in manifest_rows(path):
        count += 1
        if row.speaker is not None or not maker:  # a malformed row makes no game of its own, unless it is the first
            maker, title = row.maker or asked.maker or "", row.title or asked.title or ""
            if not (maker and title):
                if levels is None:  # another pass over the list, when a row turns out to need it
                    levels = levels_above(min(_depths(path, asked), default=0))
                by_folder = _names_by_folder(row, root, levels)
                maker, title = maker or by_folder[0], title or by_folder[1]
        if not maker or not title:
            raise nameless(shown(str(path)))
        asked.spool.add(root, maker, title, files.candidate(row))
    return count


def _names_by_folder(row: Row, root: Path, levels: int) -> tuple[str, str]:
    """(maker, title) by the folders of a row's file below the list's own, `levels` of them above the character's."""
    written = normal(row.path) if storable(row.path) else None  # a malformed row may be the first
    parts = (written or "").split("/")[:-1]
    if len(parts) >= levels == 2:
        return parts[0], parts[1]
    if len(parts) >= levels == 1:
        return shown(root.name), parts[0]
    # Where rows name games, the list's folder holds several: it is the maker.
    return shown(root.name if row.title else root.parent.name), shown(root.name)


def _depths(path: Path, asked: Asked) -> Iterator[int]:
    """How many folders lie above each file that needs them for its names; wav, wavs and audio do not count."""
    for row in manifest_rows(path):
        told = (row.maker or asked.maker) and (row.title or asked.title)
        written = None if told or row.speaker is None else normal(row.path)
        if written is not None:
            parts = written.split("/")[:-1]
            yield len(parts) - (bool(parts) and parts[-1].lower() in SOUND_FOLDERS)
