"""The manifest layout: the rows of a list become the clips of its games."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from speaker_search.audio.decode import AUDIO_SUFFIXES
from speaker_search.entities import shown
from speaker_search.errors import SourceError
from speaker_search.sources.candidates import ABSENT, Candidate, Route, unsupported
from speaker_search.sources.game_folders import levels_above
from speaker_search.sources.layouts.manifest_rows import manifest_rows
from speaker_search.sources.names import SOUND_FOLDERS, path_in_game, place_fault, speaker, storable, unread_stem
from speaker_search.sources.scan_request import ScanRequest, nameless
from speaker_search.sources.table_columns import Row

_ROWS_TRIED = 100  # of a table, to tell whether it is a list
_FOLDERS_KEPT = 10_000  # folders remembered as not being links
_FOLDERS = ("",)  # where the files of a list are looked for, below the list's own folder
_STYLE_BERT_FOLDERS = ("", "raw/", "wavs/")  # Style-Bert-VITS2 keeps the files of a list in one of these


def is_list(path: Path) -> bool:
    """Whether a table is a list of voices: one of its first rows names a character and a file that is there."""
    files = _ListedFiles(path.parent, _FOLDERS)
    try:
        if path.suffix.lower() == ".parquet":
            from speaker_search.sources.archives.parquet import holds_audio  # pyarrow takes 0.3 s to import

            if holds_audio(path):
                return False
        tried = map(files.candidate, islice(manifest_rows(path), _ROWS_TRIED))
        return any(one.route in (Route.EXACT, Route.UNSUPPORTED) for one in tried)
    except SourceError:
        return False


def spool_list(path: Path, request: ScanRequest) -> int:
    """Send every row of a list to the spool, and return the number of rows.

    Maker and title are those of the row, else those requested, else those of the file's folders below the list's own,
    read as in the folders layout. Raises SourceError when the list is unusable, and UsageError when nothing names a
    game.
    """
    root = path.parent
    files = _ListedFiles(root, _STYLE_BERT_FOLDERS if path.suffix.lower() == ".list" else _FOLDERS)
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


class _ListedFiles:
    """What the file system says about the files that a list names."""

    def __init__(self, root: Path, folders: tuple[str, ...]) -> None:
        """`root` must be resolved. A path is looked for in each of the `folders` below it."""
        self._root = str(root)
        self._folders = folders
        self._plain: dict[str, bool] = {"": True}  # folder -> whether neither it nor any folder above it is a link

    def candidate(self, row: Row) -> Candidate:
        """EXACT with its file, MISSING without one, UNSUPPORTED when the file's format is not read.

        MALFORMED when the path leaves the root or the row says too little.
        As everywhere, links to folders are not followed, nor links to files outside of the root.
        """
        path = path_in_game(row.path) if row.speaker is not None else None
        if path is None:
            return Candidate(shown(row.path.replace("\\", "/")), Route.MALFORMED, None, row.text, ABSENT, ABSENT)
        character = speaker(row.speaker or "")
        stem = unread_stem(path)
        # A row that says b.m4a means b.ogg once somebody has converted it.
        names = [path] if stem is None else [*(stem + suffix for suffix in sorted(AUDIO_SUFFIXES)), path]
        for place in (folder + name for folder in self._folders for name in names):
            status = self._status(place)
            if status and unread_stem(place) is not None:
                return unsupported(place, character, row.text)
            if status:
                return Candidate(place, Route.EXACT, character, row.text, status.st_size, status.st_mtime_ns)
        return Candidate(path, Route.MISSING, character, row.text, ABSENT, ABSENT)

    def _status(self, path: str) -> os.stat_result | None:
        place = f"{self._root}/{path}"
        if not self._is_plain(path.rpartition("/")[0]):
            return None
        try:
            status = os.lstat(place)
            if stat.S_ISLNK(status.st_mode):
                inside = os.path.realpath(place, strict=True).startswith(f"{self._root}/")
                status = os.stat(place) if inside else status  # noqa: PTH116  # takes half as long as a Path
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


def _names_by_folder(row: Row, root: Path, levels: int) -> tuple[str, str]:
    """(maker, title) from the folders of a row's file below the list's own, when `levels` of them name the two."""
    written = path_in_game(row.path) if storable(row.path) else None  # a malformed row may be the first
    parts = (written or "").split("/")[:-1]
    if len(parts) >= levels == 2:
        return parts[0], parts[1]
    if len(parts) >= levels == 1:
        return shown(root.name), parts[0]
    # Where rows name games, the list's folder holds several games: it is the maker.
    return shown(root.name if row.title else root.parent.name), shown(root.name)


def _depths(path: Path, request: ScanRequest) -> Iterator[int]:
    """The number of folders above each file whose folders name its game; wav, wavs and audio do not count."""
    for row in manifest_rows(path):
        told = (row.maker or request.maker) and (row.title or request.title)
        written = None if told or row.speaker is None else path_in_game(row.path)
        if written is not None:
            parts = written.split("/")[:-1]
            yield len(parts) - (bool(parts) and parts[-1].lower() in SOUND_FOLDERS)
