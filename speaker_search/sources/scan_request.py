"""What a scan was asked to look for, and what it keeps open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from speaker_search.entities import ObjectPath, Place, shown
from speaker_search.errors import SourceError, UsageError
from speaker_search.sources.archives.open_archives import Archives
from speaker_search.sources.candidates import Layout
from speaker_search.sources.faults import unreadable
from speaker_search.sources.game_folders import FoundGame
from speaker_search.sources.games import GameSource
from speaker_search.sources.names import maker_and_title
from speaker_search.sources.spool import Spool
from speaker_search.sources.trees.disk_tree import DiskTree
from speaker_search.sources.trees.object_tree import ObjectTree, tree_of
from speaker_search.sources.trees.tree import FileTree, Tree


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """The arguments of scan(), passed through it with the archives and the spool it has open."""

    layout: Layout | None  #: None: to be detected
    maker: str | None
    title: str | None
    archives: Archives
    spool: Spool
    listed: list[ObjectTree] = field(default_factory=list)  #: folders in object storage

    def tree(self, folder: Place) -> FileTree:
        """A folder as a tree. One in object storage is listed once. Raises SourceError when it cannot be."""
        if not isinstance(folder, ObjectPath):
            return DiskTree(folder)
        around = next((tree for tree in self.listed if folder.is_relative_to(tree.root)), None)
        if around is not None:
            return around.within(folder)
        try:
            tree = tree_of(folder)
        except OSError as error:
            raise unreadable(folder, error) from error
        self.listed.append(tree)
        return tree

    def game(self, tree: Tree, found: FoundGame, folder: Place) -> GameSource:
        """The game with its full names: those given, else those found, else those of the folders around it.

        Raises UsageError when none of these gives a maker and a title.
        """
        lineage = (tree.around, tree.name, *found.parts)
        maker = self.maker or shown(found.maker or lineage[-2]).strip()
        title = self.title or shown(found.title or lineage[-1]).strip()
        if not maker or not title:
            raise nameless(tree.named(found.parts))
        return GameSource(folder, maker, title, found.layout, found.index, loose=found.loose)

    def game_in(self, tree: FileTree, found: FoundGame) -> GameSource:
        """The same for a game that lies in a folder as it is."""
        folder = tree.root.joinpath(*found.parts)
        return replace(self.game(tree, found, folder), tree=self.tree(folder))

    def troubled(self, place: Place, layout: Layout, trouble: SourceError) -> GameSource:
        """A place that cannot be used, as a game that raises `trouble` when it is read, so that its neighbours are."""
        stem = place.name.removesuffix(place.suffix) if layout is Layout.SHARDS else place.name
        maker, title = maker_and_title(stem)
        maker, title = (maker, title) if maker else (place.parent.name, stem)
        game = GameSource(place, self.maker or shown(maker) or "?", self.title or shown(title) or "?", layout)
        return replace(game, trouble=trouble)


def nameless(place: str) -> UsageError:
    """Neither the path nor the caller gives a maker and a title."""
    return UsageError(f"The path {place} does not name a maker and a game.", "Give both yourself: --maker and --game.")
