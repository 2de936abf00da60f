"""A folder on a disk as a tree, by file names and what the file system says about them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from pathlib import Path

from speaker_search.entities import shown
from speaker_search.sources.candidates import ABSENT, Candidate, Route
from speaker_search.sources.faults import UNSTORABLE, unreadable
from speaker_search.sources.layouts.index_json import rows
from speaker_search.sources.names import (
    SOUND_FOLDERS,
    is_film,
    is_read,
    other_stem,
    split_suffix,
    storable,
    unconverted,
)
from speaker_search.sources.trees.tree import AudioFiles, Level, Wanted, is_mark, level_of

_FOLDERS_KEPT = 10_000  # folders remembered as not being links
_LINK = "It is a link to a folder or out of the game, which is not followed."


class DiskTree:
    """A folder on a disk.

    Links to folders are not followed, nor links to files outside of the folder. Both are counted as MALFORMED.
    """

    def __init__(self, root: Path) -> None:
        """`root` must be absolute and resolved."""
        self.root = root
        self.name = root.name
        self.around = root.parent.name
        self._plain: dict[str, bool] = {"": True}  # folder -> whether neither it nor any folder above it is a link

    def level(self, parts: tuple[str, ...]) -> Level:
        place = self.root.joinpath(*parts)
        folders: list[str] = []
        marks: list[str] = []
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif is_mark(entry.name) and entry.is_file(follow_symlinks=False):
                        marks.append(entry.name)
        except OSError as error:
            raise unreadable(place, error) from error
        return level_of(folders, marks)

    def shallowest_audio(self, parts: tuple[str, ...], *, wanted: Wanted = Wanted.AUDIO) -> int | None:
        kinds = _KINDS[wanted]
        top = "".join(f"{part}/" for part in parts)
        level, depth = [top], 0
        while level:
            below: list[str] = []
            # Sound folders first: audio in them counts as one level less deep.
            for folder in sorted(level, key=_is_sound_folder, reverse=True):
                for entry, kind in _entries(self.root, folder):
                    if kind in kinds and (kind is not _Kind.FILM or is_read(entry.name)):
                        return depth - (depth > 0 and _is_sound_folder(folder))
                    if kind is _Kind.FOLDER:
                        below.append(f"{folder}{entry.name}/")
            level, depth = below, depth + 1
        return None

    def audio_files(self, below: str) -> AudioFiles:
        root = self.root / below
        files, others = AudioFiles(), AudioFiles()
        for folder, entries in _folders(root):
            links: list[str] = []
            here: list[tuple[str, int, int]] = []
            left_out = _converted(entries)
            for entry, kind in entries:
                if kind is _Kind.LINK:
                    links.append(folder + entry.name)
                    continue
                if entry.name in left_out:
                    continue
                try:
                    status = entry.stat()
                except FileNotFoundError:  # deleted since the folder was listed
                    continue
                except OSError as error:
                    raise unreadable(root / folder, error) from error
                here.append((folder + entry.name, status.st_size, status.st_mtime_ns))
            for path, size, mtime_ns in sorted(here):
                if storable(path):
                    (files if other_stem(path) is None else others).add(path, size, mtime_ns)
                else:
                    files.unopened.append(_unopened(path, UNSTORABLE, size, mtime_ns))
            files.unopened.extend(_unopened(path, _LINK) for path in sorted(links))
        files.extend(others)
        return files

    def sounds(self) -> Iterator[str]:
        """The paths of all sounds and films, except those that a file beside them holds converted."""
        for folder, entries in _folders(self.root):
            left_out = _converted(entries)
            names = ((kind is not _Kind.AUDIO, entry.name) for entry, kind in entries if kind is not _Kind.LINK)
            yield from (folder + name for _, name in sorted(names) if name not in left_out)

    def file(self, path: str) -> tuple[int, int] | None:
        place = f"{self.root}/{path}"
        if not self._is_plain(path.rpartition("/")[0]):
            return None
        try:
            status = os.lstat(place)
            if stat.S_ISLNK(status.st_mode):
                inside = os.path.realpath(place, strict=True).startswith(f"{self.root}/")
                status = os.stat(place) if inside else status  # noqa: PTH116  # takes half as long as a Path
        except (OSError, ValueError):  # not there; ValueError: a name that no file can have
            return None
        return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None

    def rows(self, path: str) -> Iterator[object]:
        index = self.root / path
        try:
            with index.open("rb") as file:
                yield from rows(file, str(index))
        except OSError as error:
            raise unreadable(index, error) from error

    def named(self, parts: tuple[str, ...]) -> str:
        return str(self.root.joinpath(*parts))

    def _is_plain(self, folder: str) -> bool:
        known = self._plain.get(folder)
        if known is None:
            above = self._is_plain(folder.rpartition("/")[0])
            try:
                known = above and stat.S_ISDIR(os.lstat(f"{self.root}/{folder}").st_mode)
            except (OSError, ValueError):
                known = False
            if len(self._plain) >= _FOLDERS_KEPT:
                self._plain = {"": True}
            self._plain[folder] = known
        return known


def _is_sound_folder(folder: str) -> bool:
    return folder[:-1].rpartition("/")[2].lower() in SOUND_FOLDERS


def _unopened(path: str, why: str, size: int = ABSENT, mtime_ns: int = ABSENT) -> Candidate:
    """The candidate for a file that is counted but never opened."""
    return Candidate(shown(path), Route.MALFORMED, None, "", size, mtime_ns, why)


class _Kind(Enum):
    FOLDER = auto()
    AUDIO = auto()  # that libsndfile reads
    OTHER = auto()  # a sound in another format
    FILM = auto()
    LINK = auto()  # one that is not followed


_KINDS = {Wanted.AUDIO: {_Kind.AUDIO}, Wanted.SOUNDS: {_Kind.AUDIO, _Kind.OTHER}, Wanted.FILMS: {_Kind.FILM}}


def _converted(entries: Sequence[tuple[os.DirEntry[str], _Kind]]) -> frozenset[str]:
    """The names in one folder of sounds and films that a file beside them holds converted."""
    others = {entry.name for entry, kind in entries if kind in (_Kind.OTHER, _Kind.FILM)}
    read = (entry.name for entry, kind in entries if kind is _Kind.AUDIO)
    return frozenset(others.difference(unconverted(others, read)))


def _folders(root: Path) -> Iterator[tuple[str, list[tuple[os.DirEntry[str], _Kind]]]]:
    """All folders below, in order: each one's path, "" or with a trailing slash, and the files and links in it."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        found = list(_entries(root, folder))
        yield folder, [(entry, kind) for entry, kind in found if kind is not _Kind.FOLDER]
        inner = [f"{folder}{entry.name}/" for entry, kind in found if kind is _Kind.FOLDER]
        waiting.extend(sorted(inner, reverse=True))


def _entries(root: Path, folder: str) -> Iterator[tuple[os.DirEntry[str], _Kind]]:
    """The folders and sounds directly in a folder, in the file system's order."""
    place = root / folder
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                kind = _kind(entry.name)
                if entry.is_symlink():
                    if kind or os.path.isdir(entry.path):  # noqa: PTH112  # DirEntry.is_dir() raises for circular links
                        yield entry, kind if kind and _stays_inside(entry, root) else _Kind.LINK
                elif entry.is_dir(follow_symlinks=False):
                    yield entry, _Kind.FOLDER
                elif kind and entry.is_file(follow_symlinks=False):
                    yield entry, kind
    except OSError as error:
        raise unreadable(place, error) from error


def _kind(name: str) -> _Kind | None:
    if split_suffix(name)[1]:
        return _Kind.AUDIO
    if other_stem(name) is None:
        return None
    return _Kind.FILM if is_film(name) else _Kind.OTHER


def _stays_inside(link: os.DirEntry[str], root: Path) -> bool:
    """Whether a link leads to a file below the root."""
    try:
        target = os.path.realpath(link.path, strict=True)
    except OSError:  # it is broken, or a loop
        return False
    # A dump is untrusted: its links must not bring in files that the user did not name.
    return Path(target).is_relative_to(root) and link.is_file()
