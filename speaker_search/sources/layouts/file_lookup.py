"""Finds the file of a game that a row means: the lookups behind the routes exact, sibling and stem."""

from __future__ import annotations

from array import array
from collections import deque
from typing import TypeAlias

from speaker_search.entities import fold
from speaker_search.sources.candidates import Route
from speaker_search.sources.names import is_film, other_stem, split_suffix, stem_of

# The number of one file, or a list when there are several: a list for each of a million files would cost 90 MB.
_Numbers: TypeAlias = int | list[int]
NOBODY = -1  # owner of a file that no row has


class FileLookup:
    """A game's sounds and films by folded path and by folded stem, both without their suffixes.

    The earlier of two paths is preferred. Films are not found by their stem alone: it may be that of any line.
    """

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._by_path: dict[str, _Numbers] = {}
        self._by_stem: dict[str, _Numbers] = {}
        self._namesakes: dict[str, _Namesakes] = {}
        for number, path in enumerate(paths):
            bare = stem_of(path)
            _put(self._by_path, fold(bare), number)
            if not is_film(path):
                _put(self._by_stem, fold(bare[bare.rfind("/") + 1 :]), number)

    def at(self, target: str) -> tuple[Route, int] | None:
        """The file at exactly this path (with any audio suffix if it has none), else its sibling, else None."""
        bare, suffix = split_suffix(target)
        numbers = _get(self._by_path, fold(bare))
        if not numbers and (stem := other_stem(target)) is not None:
            bare, suffix = stem, target[len(stem) :]  # a row that says b.m4a means b.ogg when somebody has converted it
            numbers = _get(self._by_path, fold(bare))
        for number in numbers:
            path = self._paths[number]
            if path == target or (not suffix and stem_of(path) == target):
                return Route.EXACT, number
        if not numbers:
            return None
        same_suffix = (number for number in numbers if fold(self._paths[number]) == fold(target))
        return Route.SIBLING, next(same_suffix, numbers[0])

    def elsewhere(self, target: str, speaker: str, owners: array[int]) -> int | None:
        """A file of the same stem anywhere in the game, preferably in a folder of the speaker's name.

        Of several, the first one without an owner is taken, and one with an owner when all have one.
        """
        name = target[target.rfind("/") + 1 :]
        stem = fold(split_suffix(name)[0])
        if stem not in self._by_stem:
            stem = fold(other_stem(name) or stem)
        numbers = _get(self._by_stem, stem)
        if len(numbers) < 2:
            return numbers[0] if numbers else None
        if stem not in self._namesakes:
            self._namesakes[stem] = _Namesakes(self._paths, numbers)
        return self._namesakes[stem].pick(fold(speaker), owners)


class _Namesakes:
    """Files with the same stem. Queues, because there may be thousands of them and as many rows that ask."""

    def __init__(self, paths: list[str], numbers: list[int]) -> None:
        self._all = deque(numbers)
        self._by_folder: dict[str, deque[int]] = {}
        for number in numbers:
            for folder in {fold(part) for part in paths[number].split("/")[:-1]}:
                self._by_folder.setdefault(folder, deque()).append(number)

    def pick(self, speaker: str, owners: array[int]) -> int:
        queue = self._by_folder.get(speaker, self._all)
        while len(queue) > 1 and owners[queue[0]] != NOBODY:  # once owned, always owned
            queue.popleft()
        return queue[0]


def _put(where: dict[str, _Numbers], key: str, number: int) -> None:
    before = where.setdefault(key, number)
    if isinstance(before, list):
        before.append(number)
    elif before != number:
        where[key] = [before, number]


def _get(where: dict[str, _Numbers], key: str) -> list[int]:
    numbers = where.get(key, [])
    return numbers if isinstance(numbers, list) else [numbers]
