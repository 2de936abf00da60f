"""The members of a zip, tar or 7z as a tree."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from speaker_search.errors import AudioError, SourceError
from speaker_search.sources.archives.listing import Archive
from speaker_search.sources.layouts.index_json import rows
from speaker_search.sources.names import (
    SOUND_FOLDERS,
    is_film,
    is_read,
    is_sound,
    other_stem,
    split_suffix,
    unconverted,
)
from speaker_search.sources.trees.tree import AudioFiles, Level, Wanted, is_mark, level_of


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
        self._depths: dict[Wanted, dict[str, int]] = {wanted: {} for wanted in Wanted}  # folder -> shallowest_audio
        for member in self._listing.numbers:
            folder = member[: member.rfind("/") + 1]
            if folder not in self._folders:
                self._add_folder(folder)
            name = member[len(folder) :]
            if is_mark(name):
                self._marks.setdefault(folder, []).append(name)
            if split_suffix(name)[1]:
                _note_depth(self._depths[Wanted.AUDIO], folder)
            if not is_film(name):
                if is_sound(name):
                    _note_depth(self._depths[Wanted.SOUNDS], folder)
            elif is_read(name):
                _note_depth(self._depths[Wanted.FILMS], folder)

    def level(self, parts: tuple[str, ...]) -> Level:
        folder = _folder(parts)
        return level_of(sorted(self._folders.get(folder, ())), self._marks.get(folder, []))

    def shallowest_audio(self, parts: tuple[str, ...], *, wanted: Wanted = Wanted.AUDIO) -> int | None:
        return self._depths[wanted].get(_folder(parts))

    def audio_files(self, below: str) -> AudioFiles:
        mtime_ns = self._path.stat().st_mtime_ns
        files = AudioFiles()
        members = [path for path in self._listing.numbers if path.startswith(below)]
        read = sorted(path for path in members if split_suffix(path)[1])
        for path in [*read, *unconverted((path for path in members if other_stem(path) is not None), read)]:
            files.add(path[len(below) :], self._listing.sizes[self._listing.numbers[path]], mtime_ns)
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
