"""A folder in object storage as a tree, by one listing of all that is below it."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property

from speaker_search.entities import ObjectPath, shown
from speaker_search.sources.candidates import Candidate, Route
from speaker_search.sources.faults import UNSTORABLE, unreadable
from speaker_search.sources.layouts.index_json import rows
from speaker_search.sources.names import is_sound, other_stem, split_suffix, storable, unconverted
from speaker_search.sources.objects.addresses import is_plain
from speaker_search.sources.objects.store import Held, store
from speaker_search.sources.places import NOWHERE, opened
from speaker_search.sources.trees.listed_names import ListedNames
from speaker_search.sources.trees.tree import AudioFiles, Level, Wanted

_ODD = "Its key has an empty part, `.` or `..` in it: rename it."


class Objects:
    """What a store lists below a folder, in order of the keys. Columns, not objects: there may be a million."""

    def __init__(self, top: ObjectPath, held: Iterable[Held]) -> None:
        self.top = top
        self.paths: list[str] = []  #: below the top
        self.sizes = array("q")  #: bytes
        self.mtimes_ns = array("q")
        self.itself = False  #: whether the top is an object
        self.unopened: list[Candidate] = []  #: sounds whose keys are not paths, or cannot be stored
        for one in sorted(held, key=lambda one: one.key):
            path = one.key[len(top.key) + 1 :]
            self.itself |= one.key == top.key
            if not path or path.endswith("/"):  # the object that some programs make of an empty folder
                continue
            if not is_plain(path) or not storable(path):
                if is_sound(path):
                    why = UNSTORABLE if is_plain(path) else _ODD
                    self.unopened.append(Candidate(shown(path), Route.MALFORMED, None, "", one.size, one.mtime_ns, why))
                continue
            self.paths.append(path)
            self.sizes.append(one.size)
            self.mtimes_ns.append(one.mtime_ns)


class ObjectTree:
    """A folder in object storage. Links do not exist there."""

    def __init__(self, objects: Objects, below: str = "") -> None:
        """`below` is a folder below the top of the listing, "" or with a trailing slash."""
        self.root = objects.top / below.rstrip("/")
        self.name = self.root.name
        self.around = self.root.parent.name
        self.is_file = objects.itself and not (objects.paths or objects.unopened)
        self._objects = objects
        self._below = below

    def within(self, folder: ObjectPath) -> ObjectTree:
        """A folder in it, by the same listing."""
        inner = folder.key[len(self.root.key) + 1 :]
        return ObjectTree(self._objects, f"{self._below}{inner}/" if inner else self._below)

    def unusable(self) -> list[Candidate]:
        """The sounds whose keys are not paths, or cannot be stored."""
        return [one for one in self._objects.unopened if one.path.startswith(self._below)]

    def level(self, parts: tuple[str, ...]) -> Level:
        return self._names.level(parts)

    def shallowest_audio(self, parts: tuple[str, ...], *, wanted: Wanted = Wanted.AUDIO) -> int | None:
        return self._names.shallowest_audio(parts, wanted)

    def audio_files(self, below: str) -> AudioFiles:
        objects, files = self._objects, AudioFiles()
        top = self._below + below
        numbers = {objects.paths[number][len(top) :]: number for number in self._range(top)}
        read = sorted(path for path in numbers if split_suffix(path)[1])
        for path in [*read, *unconverted((path for path in numbers if other_stem(path) is not None), read)]:
            files.add(path, objects.sizes[numbers[path]], objects.mtimes_ns[numbers[path]])
        inside = (one for one in objects.unopened if one.path.startswith(top))
        files.unopened.extend(replace(one, path=one.path[len(top) :]) for one in inside)
        return files

    def sounds(self) -> Iterator[str]:
        return iter(self.audio_files("").paths)

    def file(self, path: str) -> tuple[int, int] | None:
        number = bisect_left(self._objects.paths, self._below + path)
        if number == len(self._objects.paths) or self._objects.paths[number] != self._below + path:
            return None
        return self._objects.sizes[number], self._objects.mtimes_ns[number]

    def rows(self, path: str) -> Iterator[object]:
        index = self.root / path
        try:
            with opened(index) as file:
                yield from rows(file, str(index))
        except OSError as error:
            raise unreadable(index, error) from error

    def named(self, parts: tuple[str, ...]) -> str:
        return str(self.root.joinpath(*parts))

    @cached_property
    def _names(self) -> ListedNames:
        return ListedNames(self._objects.paths[number][len(self._below) :] for number in self._range(self._below))

    def _range(self, top: str) -> range:
        paths = self._objects.paths
        if not top:
            return range(len(paths))
        return range(bisect_left(paths, top), bisect_left(paths, top[:-1] + "0"))  # 0 comes right after /


def tree_of(folder: ObjectPath) -> ObjectTree:
    """A folder as it is listed now. Raises OSError."""
    return ObjectTree(Objects(folder, store(folder.scheme).below(folder)))


def tree_if_known(folder: ObjectPath) -> ObjectTree | None:
    """The same; None where the store does not say what is there. A bucket that does not exist is empty."""
    try:
        return tree_of(folder)
    except OSError as error:
        return ObjectTree(Objects(folder, ())) if error.errno in NOWHERE else None
