"""The folders and marks of files that are all listed at once, as an archive or a store of objects lists them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from speaker_search.sources.names import SOUND_FOLDERS, is_film, is_read, is_sound, split_suffix
from speaker_search.sources.trees.tree import Level, Wanted, is_mark, level_of


class ListedNames:
    """What a tree's levels are, by the paths of its files."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._folders: dict[str, set[str]] = {"": set()}  # path with a trailing slash -> names of the folders in it
        self._marks: dict[str, list[str]] = {}
        self._depths: dict[Wanted, dict[str, int]] = {wanted: {} for wanted in Wanted}  # folder -> shallowest_audio
        for path in paths:
            folder = path[: path.rfind("/") + 1]
            if folder not in self._folders:
                self._add_folder(folder)
            name = path[len(folder) :]
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
        """As Tree.level."""
        folder = _folder(parts)
        return level_of(sorted(self._folders.get(folder, ())), self._marks.get(folder, []))

    def shallowest_audio(self, parts: tuple[str, ...], wanted: Wanted) -> int | None:
        """As Tree.shallowest_audio."""
        return self._depths[wanted].get(_folder(parts))

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
