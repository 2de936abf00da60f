"""Finds the games in a tree of folders, and reads maker and title from the folder names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from speaker_search.errors import SourceError
from speaker_search.sources.candidates import Layout
from speaker_search.sources.layouts.found_lists import FoundLists, is_manifest
from speaker_search.sources.names import is_film, is_read, maker_and_title
from speaker_search.sources.trees.tree import Tree, Wanted

INDEX_DEPTH = 3  # folders below PATH down to which index.json, lists and archives are looked for


@dataclass(frozen=True, slots=True)
class FoundGame:
    """A game before its maker and title are settled."""

    parts: tuple[str, ...]  #: folder names from the top of the tree down
    layout: Layout
    index: str | None = None  #: path of the index.json below `parts`
    maker: str = ""  #: "" when the maker is the folder around the game
    title: str = ""  #: "" when the title is the name of the folder
    lists: tuple[str, ...] = ()  #: names of the lists in it
    unmarked: bool = False  #: it holds audio but no index.json and no list that can be used, unlike its neighbours
    loose: tuple[str, ...] = ()  #: not a game, but these sounds and films outside of all games


@dataclass(frozen=True, slots=True)
class Branch:
    """A folder and the marks of a layout in and below it. Nothing below an index.json is looked at."""

    parts: tuple[str, ...]
    index: str | None  #: name of its own index.json as written
    lists: tuple[str, ...]
    archives: tuple[str, ...]
    others: tuple[str, ...]  #: sounds and films directly in it that libsndfile does not read
    below: tuple[Branch, ...]
    refused: tuple[tuple[str, str], ...] = ()  #: names of its tables that are not lists, each with the reason

    @property
    def indexes(self) -> int:
        """How many folders have an index.json."""
        return 1 if self.index else sum(branch.indexes for branch in self.below)

    @property
    def marks(self) -> int:
        """How many folders have an index.json or a list."""
        return 1 if self.index or self.lists else sum(branch.marks for branch in self.below)

    def all_lists(self) -> Iterator[tuple[str, ...]]:
        """The paths of all lists in and below this folder, as parts."""
        yield from ((*self.parts, name) for name in self.lists)
        for branch in self.below:
            yield from branch.all_lists()

    def all_refused(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """The tables in and below this folder that are not lists, their paths as parts, with the reasons."""
        yield from (((*self.parts, name), why) for name, why in self.refused)
        for branch in self.below:
            yield from branch.all_refused()

    def all_archives(self) -> Iterator[tuple[str, ...]]:
        """The paths of all archives in and below this folder, as parts."""
        yield from ((*self.parts, name) for name in self.archives)
        for branch in self.below:
            yield from branch.all_archives()


def branch_of(
    tree: Tree,
    parts: tuple[str, ...] = (),
    *,
    lists_in: Callable[[tuple[str, ...], Sequence[str]], FoundLists] | None = None,
) -> Branch:
    """Look for marks of a layout in a tree, INDEX_DEPTH folders deep.

    `lists_in` says which of the tables in a folder are lists of voices. Without it lists are ignored.
    """
    level = tree.level(parts)
    if level.index:
        listed = tuple(name for name in level.tables if lists_in and is_manifest(name))
        return Branch(parts, level.index, listed, (), (), ())
    found = lists_in(parts, level.tables) if lists_in else FoundLists()
    judged = {*found.lists, *(name for name, _ in found.refused)}
    archives = tuple(name for name in level.archives if name not in judged)
    deeper = level.folders if len(parts) < INDEX_DEPTH else []
    below = tuple(branch_of(tree, (*parts, name), lists_in=lists_in) for name in deeper)
    return Branch(parts, None, found.lists, archives, tuple(level.others), below, found.refused)


def marked_games(tree: Tree, branch: Branch) -> Iterator[FoundGame]:
    """The games with an index.json, the folders with a list, and the folders beside them that only have audio.

    Some dumps keep their index.json one folder down. A folder called `<Maker>_<Title>` with exactly one index.json
    below it, one folder down, is therefore a game itself, and audio outside of that inner folder is found too. This
    applies to the top of the tree and to the folders directly in it. When the top holds one `<Maker>_<Title>` folder
    of another name, that inner folder is the game instead.
    """
    inner = None if branch.lists else _inner_index(tree, branch)
    maker, title = _split(tree, branch.parts)
    if branch.index or inner:
        yield FoundGame(branch.parts, Layout.DUMP, inner or branch.index, maker, title)
    elif branch.lists and not branch.indexes:
        yield FoundGame(branch.parts, Layout.MANIFEST, lists=branch.lists)
    elif branch.marks:
        if tree.shallowest_audio(branch.parts) == 0:
            yield FoundGame(branch.parts, Layout.DUMP, unmarked=True)
        elif branch.others:
            yield _outside(branch.parts, branch.others)
        for child in branch.below:
            yield from marked_games(tree, child)
    elif tree.shallowest_audio(branch.parts) is not None:
        yield FoundGame(branch.parts, Layout.DUMP, None, maker, title, unmarked=True)
    elif others := _sounds_below(tree, branch.parts):
        yield _outside(branch.parts, others)


def folder_games(tree: Tree, maker: str | None, title: str | None) -> tuple[list[FoundGame], str]:
    """The games of the folders layout, and how the folder names were read; no games when there is no audio."""
    depth = sound_depth(tree, ())
    if depth is None:
        return [], ""
    if title is not None:
        return [FoundGame((), Layout.FOLDERS, maker=tree.name)], "<character>"
    if maker is not None and depth == 0:
        mend = "If it is one game, give its title too."
        raise SourceError(f"{tree.named(())} holds audio files beside its game folders.", mend)
    levels = 1 if maker is not None else levels_above(depth)
    if levels < 1:
        return [FoundGame((), Layout.FOLDERS)], "<character>" if depth else "files without a character"
    folders: list[tuple[str, ...]] = [()]
    games: list[FoundGame] = []
    for _ in range(levels):
        above = [(parts, tree.level(parts)) for parts in folders]
        games += [FoundGame(parts, Layout.FOLDERS, loose=tuple(one.others)) for parts, one in above if one.others]
        folders = [(*parts, name) for parts, one in above for name in one.folders]
    for parts in folders:
        holds_sounds = tree.shallowest_audio(parts, wanted=Wanted.SOUNDS) is not None
        films = () if holds_sounds else _sounds_below(tree, parts)
        # A film in the folder of a character is a line; one above it, such as movie/op.mp4, is not.
        if holds_sounds or any("/" in path and is_read(path) for path in films):
            games.append(FoundGame(parts, Layout.FOLDERS))
        elif films:
            games.append(FoundGame(parts, Layout.FOLDERS, loose=films))
    return games, "<maker>/<game>/<character>" if levels == 2 else "<game>/<character>"


def _outside(parts: tuple[str, ...], others: tuple[str, ...]) -> FoundGame:
    """A folder beside games that holds only sounds and films that libsndfile does not read."""
    if any(is_read(name) and not is_film(name) for name in others):
        return FoundGame(parts, Layout.DUMP, unmarked=True)
    return FoundGame(parts, Layout.FOLDERS, loose=others)


def _sounds_below(tree: Tree, parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(tree.audio_files("".join(f"{part}/" for part in parts)).paths))


def sound_depth(tree: Tree, parts: tuple[str, ...]) -> int | None:
    """How deep the least nested audio file is; without any the least nested sound in any format, else film."""
    depths = (tree.shallowest_audio(parts, wanted=wanted) for wanted in Wanted)
    return next((depth for depth in depths if depth is not None), None)


def levels_above(depth: int) -> int:
    """How many folder levels name the maker and the game, when the least nested audio file is `depth` folders down."""
    return max(0, min(depth - 1, 2))


def _inner_index(tree: Tree, branch: Branch) -> str | None:
    """The path of the only index.json, one folder down, in a folder called `<Maker>_<Title>`."""
    if branch.indexes != 1 or branch.index or not any(_split(tree, branch.parts)):
        return None
    child = next(child for child in branch.below if child.indexes)
    if not child.index:
        return None
    own = branch.parts[-1] if branch.parts else tree.name
    if not branch.parts and child.parts[-1] != own and any(_split(tree, child.parts)):
        return None
    return f"{child.parts[-1]}/{child.index}"


def _split(tree: Tree, parts: tuple[str, ...]) -> tuple[str, str]:
    """(maker, title) from a folder called `<Maker>_<Title>` at the top of the tree or directly in it, else ("", "")."""
    return maker_and_title(parts[-1] if parts else tree.name) if len(parts) <= 1 else ("", "")
