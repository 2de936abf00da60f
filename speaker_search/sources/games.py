"""A game as a scan found it, and a scan's findings as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from speaker_search.entities import shown
from speaker_search.errors import AudioError, SourceError
from speaker_search.sources.archives import Archives
from speaker_search.sources.candidates import Candidate, Layout, Route
from speaker_search.sources.dump import dump_candidates
from speaker_search.sources.folders import folder_candidates
from speaker_search.sources.listing import Archive, ListedTree
from speaker_search.sources.names import storable
from speaker_search.sources.spool import Spool
from speaker_search.sources.trees import Tree
from speaker_search.sources.walk import DiskTree


@dataclass(frozen=True, slots=True)
class GameSource:
    """One game in one place: no audio in it is read yet. Several games may share a root, and several roots a game."""

    root: Path  #: absolute, without symlinks: a folder or an archive
    maker: str
    title: str
    layout: Layout
    index: str | None = None  #: POSIX path of the index.json below `root`; None without one
    below: str = ""  #: the game's folder inside an archive, with a slash behind
    archives: Archives | None = field(default=None, compare=False, repr=False)  #: reads `root` when it is an archive
    spool: Spool | None = field(default=None, compare=False, repr=False)  #: where its rows wait, if rows named it
    number: int = field(default=0, compare=False, repr=False)  #: of the game in the spool
    trouble: SourceError | None = field(default=None, compare=False)  #: why nothing can be taken in from here

    def candidates(self) -> Iterator[Candidate]:
        """Stream the clip candidates; those of an archive in the order in which they are read at the least cost.

        Raises SourceError when the index.json or the archive is unusable or a folder unreadable.
        """
        if not all(map(storable, (str(self.root), self.maker, self.title))):
            raise SourceError(f"The name of {shown(str(self.root))} is too long, or no UTF-8.", "Rename it.")
        if self.trouble is not None:
            raise self.trouble
        if self.spool is not None:
            yield from self.spool.candidates(self.number)
        elif self.archives is None:
            yield from self._from_tree(DiskTree(self.root))
        else:
            with self.archives.opened(self.root) as archive:
                yield from self._from_archive(archive)

    def _from_tree(self, tree: Tree) -> Iterator[Candidate]:
        files = tree.audio_files(self.below)
        if self.index is None:
            yield from folder_candidates(files)
        else:
            base = self.index[len(self.below) : self.index.rfind("/") + 1]
            yield from dump_candidates(files, tree.rows(self.index), base)

    def _from_archive(self, archive: Archive) -> Iterator[Candidate]:
        tree = tree_of(self.root, archive)
        numbers = tree.numbers
        # By place, not by row: going back in a 7z costs inflating its block from the start.
        found = [
            one if one.route is Route.MALFORMED else replace(one, path=self.below + one.path)
            for one in self._from_tree(tree)
        ]
        yield from sorted(found, key=lambda one: numbers.get(one.path, len(numbers)))


@dataclass(frozen=True, slots=True)
class Scan:
    """What lies below a path. Iterating gives the games."""

    games: tuple[GameSource, ...]  #: in order of their paths
    why: str  #: what was recognised and by what, a sentence for people

    def __iter__(self) -> Iterator[GameSource]:
        return iter(self.games)

    def __len__(self) -> int:
        return len(self.games)


def tree_of(root: Path, archive: Archive) -> ListedTree:
    """The files of a zip, tar or 7z in their folders."""

    def read(path: str) -> bytes:
        try:
            return archive.read(path)
        except AudioError as error:
            raise SourceError(str(error), "Get the archive again.") from error

    return ListedTree(root, archive.listing, read)
