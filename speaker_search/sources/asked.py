"""What a scan was asked for, carried through it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from speaker_search.entities import shown
from speaker_search.errors import SourceError, UsageError
from speaker_search.sources.archives import Archives
from speaker_search.sources.candidates import Layout
from speaker_search.sources.finding import Found
from speaker_search.sources.games import GameSource
from speaker_search.sources.names import maker_and_title
from speaker_search.sources.spool import Spool
from speaker_search.sources.trees import Tree


@dataclass(frozen=True, slots=True)
class Asked:
    """The flags, and what is open while the scan goes on."""

    layout: Layout | None  #: None: found out
    maker: str | None
    title: str | None
    archives: Archives
    spool: Spool

    def game(self, tree: Tree, found: Found, folder: Path) -> GameSource:
        """The game with its names in full: those given, else those found, else those of the folders around it.

        Raises UsageError when they tell none.
        """
        lineage = (tree.around, tree.name, *found.parts)
        maker = self.maker or shown(found.maker or lineage[-2]).strip()
        title = self.title or shown(found.title or lineage[-1]).strip()
        if not maker or not title:
            raise nameless(tree.named(found.parts))
        return GameSource(folder, maker, title, found.layout, found.index)

    def troubled(self, place: Path, layout: Layout, trouble: SourceError) -> GameSource:
        """A place beside others that cannot be taken in: said when its turn comes, so that the others are."""
        stem = place.name.removesuffix(place.suffix) if layout is Layout.SHARDS else place.name
        maker, title = maker_and_title(stem)
        maker, title = (maker, title) if maker else (place.parent.name, stem)
        game = GameSource(place, self.maker or shown(maker) or "?", self.title or shown(title) or "?", layout)
        return replace(game, trouble=trouble)


def nameless(place: str) -> UsageError:
    return UsageError(f"The maker and title of {place} cannot be told from its path.", "Name them.")
