"""What a scan was asked to look for, and what it keeps open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from speaker_search.entities import shown
from speaker_search.errors import SourceError, UsageError
from speaker_search.sources.archives.open_archives import Archives
from speaker_search.sources.candidates import Layout
from speaker_search.sources.game_folders import FoundGame
from speaker_search.sources.games import GameSource
from speaker_search.sources.names import maker_and_title
from speaker_search.sources.spool import Spool
from speaker_search.sources.trees.tree import Tree


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """The arguments of scan(), passed through it with the archives and the spool it has open."""

    layout: Layout | None  #: None: to be detected
    maker: str | None
    title: str | None
    archives: Archives
    spool: Spool

    def game(self, tree: Tree, found: FoundGame, folder: Path) -> GameSource:
        """The game with its full names: those given, else those found, else those of the folders around it.

        Raises UsageError when none of these gives a maker and a title.
        """
        lineage = (tree.around, tree.name, *found.parts)
        maker = self.maker or shown(found.maker or lineage[-2]).strip()
        title = self.title or shown(found.title or lineage[-1]).strip()
        if not maker or not title:
            raise nameless(tree.named(found.parts))
        return GameSource(folder, maker, title, found.layout, found.index, loose=found.loose)

    def troubled(self, place: Path, layout: Layout, trouble: SourceError) -> GameSource:
        """A place that cannot be used, as a game that raises `trouble` when it is read, so that its neighbours are."""
        stem = place.name.removesuffix(place.suffix) if layout is Layout.SHARDS else place.name
        maker, title = maker_and_title(stem)
        maker, title = (maker, title) if maker else (place.parent.name, stem)
        game = GameSource(place, self.maker or shown(maker) or "?", self.title or shown(title) or "?", layout)
        return replace(game, trouble=trouble)


def nameless(place: str) -> UsageError:
    """Neither the path nor the caller gives a maker and a title."""
    return UsageError(f"The path {place} does not name a maker and a game.", "Give both yourself: --maker and --game.")
