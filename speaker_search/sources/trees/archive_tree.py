"""The members of a zip, tar or 7z as a tree."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from speaker_search.errors import AudioError, SourceError
from speaker_search.sources.archives.listing import Archive
from speaker_search.sources.layouts.index_json import rows
from speaker_search.sources.names import SOUND_FOLDERS, is_film, is_sound, split_suffix, unread_stem
from speaker_search.sources.trees.tree import AudioFiles, Level, is_mark, level_of


class ArchiveTree:
    """The members of an open archive in their folders."""

    def __init__(self, path: Path, archive: Archive) -> None:
        self.name = path.name[: -len(path.suffix)] if path.suffix else path.name
        self.around = path.parent.name
        self._path = path
        self._archive = archive
        self._listing = archive.listing
        self._folders: dict[str, set[str]] = {"": set()}  # path with a trailing slash -> names of the folders in it
        self._marks: dict[str, list[str]] = {}
        self._depths: dict[str, int] = {}  # folder -> shallowest_audio of it
        self._sound_depths: dict[str, int] = {}  # the same, with the formats that are not read
        for member in self._listing.numbers:
            folder = member[: member.rfind("/") + 1]
            if folder not in self._folders:
                self._add_folder(folder)
            name = member[len(folder) :]
            if is_mark(name):
                self._marks.setdefault(folder, []).append(name)
            if split_suffix(name)[1]:
                _note_depth(self._depths, folder)
            if is_sound(name) and not is_film(name):
                _note_depth(self._sound_depths, folder)

    def level(self, parts: tuple[str, ...]) -> Level:
        folder = _folder(parts)
        return level_of(sorted(self._folders.get(folder, ())), self._marks.get(folder, []))

    def shallowest_audio(self, parts: tuple[str, ...], *, unread: bool = False) -> int | None:
        return (self._sound_depths if unread else self._depths).get(_folder(parts))

    def audio_files(self, below: str) -> AudioFiles:
        mtime_ns = self._path.stat().st_mtime_ns
        files = AudioFiles()
        for path in sorted(path for path in self._listing.numbers if path.startswith(below) and split_suffix(path)[1]):
            files.paths.append(path[len(below) :])
            files.sizes.append(self._listing.sizes[self._listing.numbers[path]])
            files.mtimes_ns.append(mtime_ns)
        files.unread.extend(
            path[len(below) :]
            for path in self._listing.numbers
            if path.startswith(below) and unread_stem(path) is not None
        )
        refused = (one for one in self._listing.refused if one.path.startswith(below))
        files.unopened.extend(replace(one, mtime_ns=mtime_ns) for one in refused)
        return files

    def rows(self, path: str) -> Iterator[object]:
        try:
            data = self._archive.read(path)
        except AudioError as error:
            raise SourceError(str(error), "Get the archive again.") from error
        yield from rows(io.BytesIO(data), f"{path} in {self.named(())}")

    def named(self, parts: tuple[str, ...]) -> str:
        return "/".join((str(self._path), *parts))

    def _add_folder(self, folder: str) -> None:
        parts = folder[:-1].split("/")
        for end in range(len(parts)):
            self._folders.setdefault(_folder(parts[:end]), set()).add(parts[end])
        self._folders.setdefault(folder, set())


def _note_depth(depths: dict[str, int], folder: str) -> None:
    """Note that a sound is directly in a folder, for it and all folders around it."""
    if depths.get(folder) == 0:
        return
    parts = folder.split("/")[:-1]
    sound = bool(parts) and parts[-1].lower() in SOUND_FOLDERS
    for end in range(len(parts) + 1):
        place, depth = _folder(parts[:end]), len(parts) - end
        depth -= sound and depth > 0
        depths[place] = min(depth, depths.get(place, depth))


def _folder(parts: Sequence[str]) -> str:
    return "".join(f"{part}/" for part in parts)
