"""What searches and measurements ask of the clips of a space, whatever keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.spaces import Space
from speaker_search.entities import Floats, Ids
from speaker_search.views.clip_index.columns import Columns

if TYPE_CHECKING:
    from speaker_search.views.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Near:
    """Clips near a vector, best first."""

    ids: Ids  # (n,)
    characters: Ids  # (n,)
    games: Ids  # (n,)
    cosines: Floats  # (n,), of vectors in float16


class Clips(Protocol):
    """The clips of a space at a position of its change log: kept by FAISS on this machine, or by Milvus."""

    @property
    def clips(self) -> int:
        """How many there are."""

    @property
    def dim(self) -> int: ...

    @property
    def ids(self) -> Ids:
        """The clips (n,) that there are, ascending."""

    @property
    def games(self) -> Ids:
        """The games that have clips here, by id."""

    def nearest(self, query: Floats, limit: int, *, games: Ids | None = None, characters: Ids | None = None) -> Near:
        """At most `limit` clips nearest to a unit vector (dim,), only of these games and characters if given."""

    def nearest_of_each(
        self, query: Floats, games: Ids, characters: Ids, limit: int, most: int
    ) -> list[tuple[Ids, Floats]]:
        """For each character (m,), whose games `games` (m,) are: at most `limit` of its clips nearest to a unit vector
        (dim,), and their cosines, best first.

        Where vectors are compared one by one, at most `most` of each character's clips are, evenly chosen.
        """

    def of_characters(self, games: Ids, characters: Ids, most: int) -> Iterator[Columns]:
        """The clips of each character (m,), whose games `games` (m,) are, by id and one character at a time; at most
        `most` of each, evenly chosen.
        """

    def of_game(self, game: int) -> Columns:
        """The clips of a game, in no order."""

    def evenly(self, most: int) -> Columns:
        """All clips in order, or that many of them, evenly chosen in this order."""

    def held(self, ids: Ids) -> Columns:
        """Those of the clips with these ids that there are."""

    def all(self) -> Columns:
        """Every clip, in order."""


class Engine(Protocol):
    """What keeps the clips of spaces: the module `views.snapshot`, for FAISS, and `MilvusViews`."""

    def load(self, folder: Path, uuid: str, space: Space) -> Snapshot | None:
        """The views in a folder, at the position where they were saved; None when it holds none of this space."""

    def follow(self, catalog: Catalog, space: Space, before: Snapshot | None) -> Snapshot:
        """The views of the catalog as it is now, updated from `before` where that is possible."""

    def rebuilt(self, catalog: Catalog, space: Space) -> Snapshot:
        """The views of the catalog as it is now, with its clips kept anew."""

    def save(self, folder: Path, snapshot: Snapshot, uuid: str, space: Space) -> None:
        """Save the views to a folder for the next start."""

    def retuned(self, folder: Path, snapshot: Snapshot) -> Snapshot:
        """The same, searched as the folder says."""
