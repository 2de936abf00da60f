"""The members of a zip, tar or 7z as a tree."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

from speaker_search.entities import Place
from speaker_search.errors import AudioError, SourceError
from speaker_search.sources.archives.listing import Archive
from speaker_search.sources.layouts.index_json import rows
from speaker_search.sources.names import other_stem, split_suffix, unconverted
from speaker_search.sources.places import status_of
from speaker_search.sources.trees.listed_names import ListedNames
from speaker_search.sources.trees.tree import AudioFiles, Level, Wanted


class ArchiveTree:
    """The members of an open archive in their folders."""

    def __init__(self, path: Place, archive: Archive) -> None:
        self.name = path.name[: -len(path.suffix)] if path.suffix else path.name
        self.around = path.parent.name
        self._path = path
        self._archive = archive
        self._listing = archive.listing
        self._names = ListedNames(self._listing.numbers)

    def level(self, parts: tuple[str, ...]) -> Level:
        return self._names.level(parts)

    def shallowest_audio(self, parts: tuple[str, ...], *, wanted: Wanted = Wanted.AUDIO) -> int | None:
        return self._names.shallowest_audio(parts, wanted)

    def audio_files(self, below: str) -> AudioFiles:
        mtime_ns = status_of(self._path).mtime_ns
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
