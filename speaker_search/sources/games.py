"""A game's folder on a disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from speaker_search.entities import shown
from speaker_search.errors import SourceError
from speaker_search.sources.candidates import Candidate, Layout
from speaker_search.sources.dump import dump_candidates
from speaker_search.sources.folders import folder_candidates
from speaker_search.sources.names import storable


@dataclass(frozen=True, slots=True)
class GameFolder:
    """One game as a scan found it: nothing in it is read yet."""

    root: Path  #: absolute, without symlinks
    maker: str
    title: str
    layout: Layout
    index: str | None = None  #: POSIX path of the index.json below `root`; None in the folders layout, or when it lacks

    def candidates(self) -> Iterator[Candidate]:
        """Stream the clip candidates. Raises SourceError when the index.json is unusable or a folder unreadable."""
        if not storable(str(self.root)):
            raise SourceError(f"The name of {shown(str(self.root))} is no UTF-8.", "Rename the folder.")
        if self.layout is Layout.FOLDERS:
            yield from folder_candidates(self.root)
        elif self.index is None:
            mend = "Unpack it again, or take it in by itself with --layout folders."
            raise SourceError(f"{self.root} lies beside dumps and holds audio, but no index.json.", mend)
        else:
            yield from dump_candidates(self.root, self.index)
