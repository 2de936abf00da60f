"""Finding the games in a tree of files, and telling maker and title from the folders' names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from speaker_search.errors import SourceError
from speaker_search.sources.candidates import Layout
from speaker_search.sources.names import maker_and_title
from speaker_search.sources.trees import Tree

INDEX_DEPTH = 3  # folders below PATH down to which index.json, lists and archives are looked for


@dataclass(frozen=True, slots=True)
class Found:
    """A game before it has its names in full."""

    parts: tuple[str, ...]  #: from the top of the tree down
    layout: Layout
    index: str | None = None  #: path of the index.json below `parts`
    maker: str = ""  #: "" when the folder around it is the maker
    title: str = ""  #: "" when it is called like its folder
    lists: tuple[str, ...] = ()  #: names of the lists in it
    nothing: bool = False  #: it holds audio, and neither an index.json nor a list as the folders beside it do


@dataclass(frozen=True, slots=True)
class Branch:
    """A folder in the search for what tells a layout; not looked into when it has an index.json or a list."""

    parts: tuple[str, ...]
    index: str | None  #: name of its own index.json as written
    lists: tuple[str, ...]
    archives: tuple[str, ...]
    below: tuple[Branch, ...]

    @property
    def indexes(self) -> int:
        return 1 if self.index else sum(branch.indexes for branch in self.below)

    @property
    def marks(self) -> int:
        """Folders with an index.json or a list."""
        return 1 if self.index or self.lists else sum(branch.marks for branch in self.below)

    def all_lists(self) -> Iterator[tuple[str, ...]]:
        yield from ((*self.parts, name) for name in self.lists)
        for branch in self.below:
            yield from branch.all_lists()

    def all_archives(self) -> Iterator[tuple[str, ...]]:
        yield from ((*self.parts, name) for name in self.archives)
        for branch in self.below:
            yield from branch.all_archives()


def branch_of(tree: Tree, parts: tuple[str, ...] = (), *, lists: bool = True) -> Branch:
    """Look through a tree, with or without an eye for lists; what lies below an index.json belongs to its game."""
    level = tree.level(parts)
    listed = tuple(level.manifests) if lists else ()
    if level.index:
        return Branch(parts, level.index, listed, (), ())
    archives = tuple(level.archives)
    if len(parts) == INDEX_DEPTH:
        return Branch(parts, None, listed, archives, ())
    below = tuple(branch_of(tree, (*parts, name), lists=lists) for name in level.folders)
    return Branch(parts, None, listed, archives, below)


def marked_games(tree: Tree, branch: Branch) -> Iterator[Found]:
    """The games with an index.json and the folders with a list, and those with audio beside them that have neither.

    A folder that is the tree's top or lies directly in it, is called `<Maker>_<Title>` and has one index.json below it,
    one folder down, is the game itself, so that the audio beside that folder is found too; with one exception: when the
    top holds one `<Maker>_<Title>` of another name, that is the game.
    """
    inner = None if branch.lists else _inner_index(tree, branch)
    maker, title = _split(tree, branch.parts)
    if branch.index or inner:
        yield Found(branch.parts, Layout.DUMP, inner or branch.index, maker, title)
    elif branch.lists and not branch.indexes:
        yield Found(branch.parts, Layout.MANIFEST, lists=branch.lists)
    elif branch.marks:
        if tree.shallowest_audio(branch.parts) == 0:
            yield Found(branch.parts, Layout.DUMP, nothing=True)
        for child in branch.below:
            yield from marked_games(tree, child)
    elif tree.shallowest_audio(branch.parts) is not None:
        yield Found(branch.parts, Layout.DUMP, None, maker, title, nothing=True)


def folder_games(tree: Tree, maker: str | None, title: str | None) -> tuple[list[Found], str]:
    """The games of the folders layout, and how the folders were read; [] without any audio."""
    depth = tree.shallowest_audio(())
    if depth is None:
        return [], ""
    if title is not None:
        return [Found((), Layout.FOLDERS, maker=tree.name)], "<character>"
    if maker is not None and depth == 0:
        mend = "Give the game's title too if it is one game."
        raise SourceError(f"{tree.named(())} holds audio beside its game folders.", mend)
    levels = 1 if maker is not None else levels_above(depth)
    if levels < 1:
        return [Found((), Layout.FOLDERS)], "<character>" if depth else "files of no character"
    folders: list[tuple[str, ...]] = [(name,) for name in tree.level(()).folders]
    if levels == 2:
        folders = [(*parts, name) for parts in folders for name in tree.level(parts).folders]
    with_audio = [parts for parts in folders if tree.shallowest_audio(parts) is not None]
    read_as = "<maker>/<game>/<character>" if levels == 2 else "<game>/<character>"
    return [Found(parts, Layout.FOLDERS) for parts in with_audio], read_as


def levels_above(depth: int) -> int:
    """How many of the folders above a file are the maker's and the game's, by the file that has fewest above it."""
    return max(0, min(depth - 1, 2))


def _inner_index(tree: Tree, branch: Branch) -> str | None:
    """The one index.json one folder down in a folder called `<Maker>_<Title>`."""
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
    """(maker, title) of a folder called `<Maker>_<Title>` that is the top or lies in it, else ("", "")."""
    return maker_and_title(parts[-1] if parts else tree.name) if len(parts) <= 1 else ("", "")
