"""Turns py7zr's extract(), which returns when it has written all members, into members that come one at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

import py7zr
from py7zr.exceptions import CrcError

from speaker_search.sources.archives.forward import DamageError

# Nothing is written here, but py7zr checks that members stay below a path, following links that are there. Nothing can
# be below a file, so with this one the names alone decide.
_NOWHERE = Path(__file__).resolve()


class Extraction(py7zr.WriterFactory):
    """One call of extract(), in a thread that waits after each member until the next one is asked for."""

    def __init__(self, archive: py7zr.SevenZipFile, names: Sequence[str]) -> None:
        """`names` are the members wanted, as the archive names them. Only one Extraction may use an archive at once."""
        self._asked = threading.Semaphore(0)
        self._given: SimpleQueue[bytes | DamageError] = SimpleQueue()
        self._stopped = False
        self._thread = threading.Thread(target=self._extract, args=(archive, names), name="7z", daemon=True)
        self._thread.start()

    def next(self) -> bytes:
        """The next member in the archive's order. Raises DamageError when it cannot be read."""
        self._asked.release()
        given = self._given.get()
        if isinstance(given, DamageError):
            raise given
        return given

    def stop(self) -> None:
        """Let the thread end at the next opportunity."""
        self._stopped = True
        self._asked.release()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def create(self, filename: str) -> py7zr.Py7zIO:  # noqa: ARG002  # members come in order
        return _Buffer(self)

    def give(self, member: bytes) -> None:
        """Hand a member over, and wait until the next is asked for."""
        self._given.put(member)
        self._wait()

    def raise_if_stopped(self) -> None:
        """End the call of extract() once stop() was called."""
        if self._stopped:
            raise _StoppedError

    def _wait(self) -> None:
        self._asked.acquire()
        self.raise_if_stopped()

    def _extract(self, archive: py7zr.SevenZipFile, names: Sequence[str]) -> None:
        try:
            self._wait()
            archive.reset()
            archive.extract(_NOWHERE, targets=list(names), recursive=False, factory=self)
            self._given.put(DamageError("the archive is truncated"))
        except _StoppedError:
            pass
        except Exception as error:  # noqa: BLE001  # LZMAError, zlib.error, TypeError…, by method and damage
            self._given.put(DamageError(_why(error)))


class _StoppedError(Exception):
    """Ends a call of extract()."""


class _Buffer(py7zr.Py7zIO):
    """What py7zr writes one member to."""

    def __init__(self, extraction: Extraction) -> None:
        self._extraction = extraction
        self._pieces: list[bytes | bytearray] = []

    def write(self, s: bytes | bytearray) -> int:
        self._extraction.raise_if_stopped()
        self._pieces.append(s)
        return len(s)

    def close(self) -> None:
        """py7zr calls this once the member is complete and its checksum is right."""
        member = b"".join(self._pieces)
        self._pieces.clear()  # py7zr keeps these objects to the end
        self._extraction.give(member)

    def read(self, size: int | None = None) -> bytes:  # noqa: ARG002
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:  # noqa: ARG002
        return 0

    def flush(self) -> None:
        pass

    def size(self) -> int:
        return sum(map(len, self._pieces))


def _why(error: Exception) -> str:
    if isinstance(error, CrcError):
        return "its checksum does not match"
    return str(error) or type(error).__name__
