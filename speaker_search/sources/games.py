"""A game as a scan found it, and the result of a scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from speaker_search.entities import Place, shown
from speaker_search.errors import SourceError
from speaker_search.sources.archives.listing import Archive
from speaker_search.sources.archives.open_archives import Archives
from speaker_search.sources.candidates import Candidate, Layout, Route, loose
from speaker_search.sources.faults import UNSTORABLE
from speaker_search.sources.layouts.dump import dump_candidates
from speaker_search.sources.layouts.folders import folder_candidates
from speaker_search.sources.names import storable
from speaker_search.sources.spool import Spool
from speaker_search.sources.trees.archive_tree import ArchiveTree
from speaker_search.sources.trees.disk_tree import DiskTree
from speaker_search.sources.trees.tree import FileTree, Tree


@dataclass(frozen=True, slots=True)
class GameSource:
    """One game in one place, before its audio is read. Games may share a root, and a game may have several roots."""

    root: Place  #: absolute, without symlinks: a folder or an archive
    maker: str
    title: str
    layout: Layout
    index: str | None = None  #: POSIX path of the index.json below `root`; None without one
    below: str = ""  #: the game's folder inside an archive, with a trailing slash
    loose: tuple[str, ...] = ()  #: not a game, but these sounds and films outside of all games
    archives: Archives | None = field(default=None, compare=False, repr=False)  #: reads `root` when it is an archive
    spool: Spool | None = field(default=None, compare=False, repr=False)  #: holds its rows, when a list named them
    number: int = field(default=0, compare=False, repr=False)  #: of the game in the spool
    tree: FileTree | None = field(default=None, compare=False, repr=False)  #: the folder, where it is listed already
    trouble: SourceError | None = field(default=None, compare=False)  #: why this place cannot be used

    @property
    def storable(self) -> bool:
        """Whether the catalog can hold its names."""
        return all(map(storable, (str(self.root), self.maker, self.title)))

    def candidates(self) -> Iterator[Candidate]:
        """Stream the clip candidates; those in an archive in the order in which reading them is cheapest.

        All are MALFORMED when the catalog cannot hold the game's own names. Raises SourceError when the index.json or
        the archive is unusable or a folder cannot be read.
        """
        if self.storable:
            yield from self._found()
            return
        why = f"A folder above it cannot be stored. {UNSTORABLE}"
        for one in self._found():
            yield replace(one, route=Route.MALFORMED, why=one.why or why)

    def _found(self) -> Iterator[Candidate]:
        if self.trouble is not None:
            raise self.trouble
        if self.spool is not None:
            yield from self.spool.candidates(self.number)
        elif self.archives is not None:
            with self.archives.opened(self.root) as archive:
                yield from self._from_archive(archive)
        elif self.tree is not None:
            yield from self._from_tree(self.tree)
        elif isinstance(self.root, Path):
            yield from self._from_tree(DiskTree(self.root))

    def _from_tree(self, tree: Tree) -> Iterator[Candidate]:
        if self.loose:
            yield from map(loose, map(shown, self.loose))
            return
        files = tree.audio_files(self.below)
        if self.index is None:
            yield from folder_candidates(files)
        else:
            base = self.index[len(self.below) : self.index.rfind("/") + 1]
            yield from dump_candidates(files, tree.rows(self.index), base)

    def _from_archive(self, archive: Archive) -> Iterator[Candidate]:
        numbers = archive.listing.numbers
        found = [
            one if one.route is Route.MALFORMED else replace(one, path=self.below + one.path)
            for one in self._from_tree(ArchiveTree(self.root, archive))
        ]
        # In the archive's order, not that of the rows: going back in a 7z means decompressing a block again.
        yield from sorted(found, key=lambda one: numbers.get(one.path, len(numbers)))


@dataclass(frozen=True, slots=True)
class Scan:
    """The games below a path. Iterating gives the games."""

    games: tuple[GameSource, ...]  #: in order of their paths
    why: str  #: which layout was recognised and by what, for people to read

    def __iter__(self) -> Iterator[GameSource]:
        return iter(self.games)

    def __len__(self) -> int:
        return len(self.games)
