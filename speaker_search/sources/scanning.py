"""Finding the games below a folder, and telling maker and title from the folders' names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from speaker_search.entities import shown
from speaker_search.errors import SourceError, UsageError
from speaker_search.sources.candidates import Layout
from speaker_search.sources.games import GameFolder
from speaker_search.sources.walk import shallowest_audio, unreadable

INDEX_DEPTH = 3  # folders below PATH down to which an index.json is looked for
_INDEX_NAME = "index.json"


def scan(
    path: Path, *, layout: Layout | None = None, maker: str | None = None, title: str | None = None
) -> list[GameFolder]:
    """Find the games below a folder by names alone, in order of their paths.

    Without `layout` it is a dump when an index.json lies in PATH or up to three folders below, else folders.

    Dump. A folder with an index.json is a game, and what lies below it belongs to it. `maker` and `title` given win. A
    game that is PATH itself or lies directly in it is called `<Maker>_<Title>`, split at the first `_`; without a `_`,
    and deeper down, its maker is the folder around it. A folder in those two places with a `_` in its name and one
    index.json below it, one folder down, is the game itself, so that the audio beside that folder is found too; with
    one exception: when PATH holds one `<Maker>_<Title>` of another name, that is the game. A folder beside games with
    audio and no index.json is given as a game whose candidates() raises SourceError, because it would be lost silently.

    Folders. With `title`, PATH is that game (by `maker`, or a maker of PATH's name): `<character>/**`. With `maker`
    alone PATH holds its games: `<game>/<character>/**`. With neither, the audio file with the fewest folders above it,
    below PATH, tells: with three or more `<maker>/<game>/<character>/**`, with two `<game>/<character>/**` by a maker
    of PATH's name, with fewer PATH is the game and the folder around it the maker.

    Raises SourceError when there is nothing to take in, and UsageError when one title is given for several games or
    the names do not tell the maker and title.
    """
    root = _folder(path)
    found = [] if layout is Layout.FOLDERS else _dumps(root)
    if found:
        games = found
    elif layout is Layout.DUMP:
        raise SourceError(f"{_named(root)} holds no index.json.", "Look deeper, or use --layout folders.")
    else:
        games = _game_folders(root, maker, title)
    if title is not None and len(games) > 1:
        raise UsageError(f"{_named(root)} holds {len(games):,} games, which cannot all be called {title}.")
    return [_game(root, game, maker, title) for game in games]


@dataclass(frozen=True, slots=True)
class _Found:
    """A game before it has its names in full."""

    parts: tuple[str, ...]  # from PATH down
    layout: Layout
    index: str | None = None
    maker: str = ""  # "" when the folder around it is the maker
    title: str = ""  # "" when it is called like its folder


def _folder(path: Path) -> Path:
    try:
        if not path.exists():
            raise SourceError(f"{_named(path)} does not exist.", "Check the path.")
        if not path.is_dir():
            raise SourceError(f"{_named(path)} is a file, not a folder.", "Name the folder that it lies in.")
        return path.resolve()
    except OSError as error:
        raise unreadable(path, error) from error


def _game(root: Path, found: _Found, maker: str | None, title: str | None) -> GameFolder:
    folder = root.joinpath(*found.parts)
    maker = maker or shown(found.maker or folder.parent.name).strip()
    title = title or shown(found.title or folder.name).strip()
    if not maker or not title:
        raise UsageError(f"The maker and title of {_named(folder)} cannot be told from its path.", "Name them.")
    return GameFolder(folder, maker, title, found.layout, found.index)


def _dumps(root: Path) -> list[_Found]:
    tree = _tree(root, ())
    return list(_dumps_below(root, tree)) if tree.indexes else []


@dataclass(frozen=True, slots=True)
class _Branch:
    """A folder in the search for index.json files."""

    parts: tuple[str, ...]
    index: str | None  # name of its own index.json as on disk
    below: tuple[_Branch, ...]  # not looked at when it has an index.json

    @property
    def indexes(self) -> int:
        return 1 if self.index else sum(branch.indexes for branch in self.below)


def _tree(root: Path, parts: tuple[str, ...]) -> _Branch:
    place = root.joinpath(*parts)
    folders: list[str] = []
    index: str | None = None
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.name.lower() == _INDEX_NAME and entry.is_file(follow_symlinks=False):
                    index = entry.name if index != _INDEX_NAME else index  # of two, the one spelled as it should be
    except OSError as error:
        raise unreadable(place, error) from error
    if index or len(parts) == INDEX_DEPTH:
        return _Branch(parts, index, ())
    return _Branch(parts, None, tuple(_tree(root, (*parts, name)) for name in sorted(folders)))


def _dumps_below(root: Path, branch: _Branch) -> Iterator[_Found]:
    inner = _inner_index(root, branch)
    if branch.index or inner:
        maker, title = _split(root, branch.parts)
        yield _Found(branch.parts, Layout.DUMP, inner or branch.index, maker, title)
    elif branch.indexes:
        for child in branch.below:
            yield from _dumps_below(root, child)
    elif shallowest_audio(root.joinpath(*branch.parts)) is not None:
        maker, title = _split(root, branch.parts)
        yield _Found(branch.parts, Layout.DUMP, None, maker, title)


def _inner_index(root: Path, branch: _Branch) -> str | None:
    """The one index.json one folder down in a folder called `<Maker>_<Title>`."""
    if branch.indexes != 1 or branch.index or not any(_split(root, branch.parts)):
        return None
    child = next(child for child in branch.below if child.indexes)
    if not child.index:
        return None
    own = branch.parts[-1] if branch.parts else root.name
    if not branch.parts and child.parts[-1] != own and any(_split(root, child.parts)):
        return None
    return f"{child.parts[-1]}/{child.index}"


def _split(root: Path, parts: tuple[str, ...]) -> tuple[str, str]:
    """(maker, title) of a folder called `<Maker>_<Title>` that is PATH or lies in it, else ("", "")."""
    maker, _, title = (parts[-1] if parts else root.name).partition("_")
    return (maker, title) if len(parts) <= 1 and maker.strip() and title.strip() else ("", "")


def _game_folders(root: Path, maker: str | None, title: str | None) -> list[_Found]:
    depth = shallowest_audio(root)
    if depth is None:
        raise SourceError(f"{_named(root)} holds no audio files and no index.json.", "Name a folder with voices.")
    if title is not None:
        return [_Found((), Layout.FOLDERS, maker=root.name)]
    if maker is not None and depth == 0:
        mend = "Give the game's title too if it is one game."
        raise SourceError(f"{_named(root)} holds audio beside its game folders.", mend)
    levels = 1 if maker is not None else min(depth - 1, 2)
    if levels < 1:
        return [_Found((), Layout.FOLDERS)]
    folders: list[tuple[str, ...]] = [(name,) for name in _subfolders(root)]
    if levels == 2:
        folders = [(*parts, name) for parts in folders for name in _subfolders(root.joinpath(*parts))]
    with_audio = (parts for parts in folders if shallowest_audio(root.joinpath(*parts)) is not None)
    return [_Found(parts, Layout.FOLDERS) for parts in with_audio]


def _subfolders(place: Path) -> list[str]:
    try:
        with os.scandir(place) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError as error:
        raise unreadable(place, error) from error


def _named(path: Path) -> str:
    return shown(str(path))
