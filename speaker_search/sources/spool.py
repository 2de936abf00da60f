"""Sorts candidates that come in any order by game, in a temporary file: a list may have millions of rows."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator

from speaker_search.entities import Place, fold, shown
from speaker_search.errors import SourceError
from speaker_search.sources.candidates import Candidate, Route

ROWS_AT_A_TIME = 5_000  # held in memory, written and read together

_TABLE = """
CREATE TABLE candidates (
    number INTEGER PRIMARY KEY, game INTEGER, root INTEGER,
    path TEXT, route TEXT, character TEXT, text TEXT, size INTEGER, mtime_ns INTEGER, why TEXT
)"""
_ROOTS = "CREATE TABLE roots (number INTEGER PRIMARY KEY, folder TEXT)"
_ADD = "INSERT INTO candidates VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# A file belongs to the first row that names it.
_REPEATED = """
UPDATE candidates SET route = ? WHERE size >= 0 AND route = ? AND number NOT IN (
    SELECT min(number) FROM candidates WHERE size >= 0 AND route = ? GROUP BY root, path
)"""
# By now every sound below a list's folder has been added, so the names in the list can go.
_NAMED = """
DELETE FROM candidates WHERE route IN (?, ?) AND (SELECT folder FROM roots WHERE number = root) || path IN (
    SELECT folder || path FROM candidates JOIN roots ON roots.number = root WHERE route IN (?, ?)
)"""
_OF_A_GAME = """
SELECT number, path, route, character, text, size, mtime_ns, why FROM candidates
WHERE game = ? AND number > ? ORDER BY number LIMIT ?"""


class Spool:
    """A temporary SQLite database without a name, which the system deletes when the process ends, however it ends."""

    def __init__(self) -> None:
        self.games: list[tuple[Place, str, str]] = []  #: (root, maker, title) as first written, in order of appearance
        self._keys: dict[tuple[Place, str, str], int] = {}
        self._roots: dict[Place, int] = {}
        self._waiting: list[tuple[object, ...]] = []
        self._lock = threading.Lock()
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._database.close)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(_TABLE)
        self._database.execute(_ROOTS)

    def last_game(self, root: Place) -> tuple[str, str] | None:
        """Maker and title of the game of a root that appeared last; None without one."""
        of_root = ((maker, title) for place, maker, title in reversed(self.games) if place == root)
        return next(of_root, None)

    def add(self, root: Place, maker: str, title: str, candidate: Candidate) -> None:
        """Add a candidate to its game. Titles and makers are compared as the catalog compares them."""
        game = self._keys.get((root, maker, title))
        if game is None:
            game = self._keys.setdefault((root, fold(maker), fold(title)), len(self.games))
            self._keys[root, maker, title] = game
            if game == len(self.games):
                self.games.append((root, maker, title))
        number = self._roots.setdefault(root, len(self._roots))
        one = candidate
        said = (one.path, one.route.value, one.character, one.text, one.size, one.mtime_ns, one.why)
        self._waiting.append((game, number, *said))
        if len(self._waiting) >= ROWS_AT_A_TIME:
            self._write()

    def finish(self) -> None:
        """Mark repeated rows, and drop sounds that a list names from the skipped ones, once all have been added."""
        self._write()
        exact = Route.EXACT.value
        try:
            folders = [(number, f"{shown(root.as_posix())}/") for root, number in self._roots.items()]
            self._database.executemany("INSERT INTO roots VALUES (?, ?)", folders)
            walked = (Route.SKIPPED.value, Route.FILM.value)
            self._database.execute(_NAMED, (*walked, exact, Route.UNSUPPORTED.value))
            self._database.execute(_REPEATED, (Route.REPEATED.value, exact, exact))
            self._database.execute("CREATE INDEX of_a_game ON candidates (game, number)")
        except sqlite3.OperationalError as error:
            raise _full(error) from error

    def candidates(self, game: int) -> Iterator[Candidate]:
        """The candidates of one game, in the order in which they were added."""
        last = 0
        while True:
            with self._lock:
                rows = self._database.execute(_OF_A_GAME, (game, last, ROWS_AT_A_TIME)).fetchall()
            for _, path, route, *rest in rows:
                yield Candidate(path, Route(route), *rest)
            if len(rows) < ROWS_AT_A_TIME:
                return
            last = rows[-1][0]

    def _write(self) -> None:
        try:
            self._database.execute("BEGIN")
            self._database.executemany(_ADD, self._waiting)
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise _full(error) from error
        self._waiting.clear()


def _full(error: sqlite3.OperationalError) -> SourceError:
    mend = "Free some space in the folder for temporary files, or set TMPDIR to another folder."
    return SourceError(f"The rows cannot be sorted by game: {error}.", mend)
