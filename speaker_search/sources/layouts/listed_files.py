"""The files that the rows of a list name."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from speaker_search.audio.decode import AUDIO_SUFFIXES
from speaker_search.entities import shown
from speaker_search.sources.candidates import ABSENT, Candidate, Route, unsupported
from speaker_search.sources.names import is_read, other_stem, path_in_game, speaker
from speaker_search.sources.table_columns import Row

_FOLDERS_KEPT = 10_000  # folders remembered as not being links
_FOLDERS = ("",)  # where the files of a list are looked for, below the list's own folder
_STYLE_BERT_FOLDERS = ("", "raw/", "wavs/")  # Style-Bert-VITS2 keeps the files of a list in one of these


class ListedFiles:
    """What the file system says about the files that a list names."""

    def __init__(self, path: Path) -> None:
        """`path` is that of the list, whose folder must be resolved: the files are looked for in it."""
        self._root = str(path.parent)
        self._folders = _STYLE_BERT_FOLDERS if path.suffix.lower() == ".list" else _FOLDERS
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
        stem = other_stem(path)
        # A row that says b.m4a means b.ogg once somebody has converted it.
        names = [path] if stem is None else [*(stem + suffix for suffix in sorted(AUDIO_SUFFIXES)), path]
        for place in (folder + name for folder in self._folders for name in names):
            status = self._status(place)
            if status and not is_read(place):
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
