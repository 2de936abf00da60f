"""What an archive lists: the members that have a usable name, and audio members that do not."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Protocol

from speaker_search.entities import shown
from speaker_search.sources.candidates import Candidate, Route
from speaker_search.sources.names import is_sound, member_name
from speaker_search.sources.table_columns import Row

_WHY = "It is a link, or its name in the archive leads out of it, is not valid Unicode, or is too long."


class Listing:
    """The files in an archive, numbered in the order in which they are stored."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}  #: POSIX path inside the archive -> number
        self.sizes = array("q")  #: bytes of each number when decompressed
        self.refused: list[Candidate] = []  #: audio members that no path leads to, without their time

    def add(self, written: str, size: int, *, usable: bool = True) -> bool:
        """Add the next member, and return whether a path leads to it.

        Of two with the same name the later counts, as in programs that unpack.

        `usable` is false for links and devices, because what they point to is outside of the archive. Raises
        OverflowError for a size of 2^63 bytes or more, which no file has.
        """
        name = member_name(written) if usable else None
        if name is None:
            self._refuse(written, Route.MALFORMED, size)
        else:
            if name in self.numbers:
                self._refuse(name, Route.REPEATED, self.sizes[self.numbers[name]])
            self.numbers[name] = len(self.sizes)
        self.sizes.append(size)
        return name is not None

    def _refuse(self, written: str, route: Route, size: int) -> None:
        path = shown(written.replace("\\", "/"))
        if is_sound(path) or "\0" in written:  # a NUL in a name may hide its suffix
            self.refused.append(Candidate(path, route, None, "", size, 0, _WHY if route is Route.MALFORMED else ""))


class Archive(Protocol):
    """An open archive. Any number of threads may read from it."""

    @property
    def listing(self) -> Listing:
        """Its files; empty when its members are rows."""

    def rows(self) -> Iterator[tuple[Row, Candidate]] | None:
        """Its clips with what its own table says about each; None for files in folders. Raises SourceError."""

    def read(self, path: str) -> bytes:
        """A member's bytes. Raises AudioError."""

    def close(self) -> None:
        """Close the file."""
