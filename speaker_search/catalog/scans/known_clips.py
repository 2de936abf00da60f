"""The clips that a catalog knows in one root, in little memory: there may be a million."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from speaker_search.catalog.rows import chunks
from speaker_search.catalog.tables import clips, copies

ROWS_PER_READ = 10_000
NEW = -1


@dataclass(frozen=True, slots=True)
class KnownClip:
    """A clip, or another place of a clip's audio, as the last scan left it."""

    id: int
    path: str
    size: int
    mtime_ns: int
    label: tuple[int, int, int]  #: game, character (0: nobody knows), hash of the text
    gone: bool
    copy: bool  #: not the clip's own place


class KnownClips:
    """Clips of one game in one root by path, and which of them a scan has met. Columns, not objects."""

    def __init__(self, connection: Connection, root_id: int, game_id: int) -> None:
        self.root_id = root_id
        self._game_id = game_id
        self._rows: dict[str, int] = {}  # NEW for paths met that the catalog did not know
        self._met = bytearray()
        self._columns = [array("q") for _ in range(8)]
        self._back: list[int] = []
        self._read(connection, clips.c.game_id == game_id)
        c = copies.c
        own = copies.join(clips, clips.c.id == c.clip_id)
        places = select(c.path, c.clip_id, c.size, c.mtime_ns, func.coalesce(c.character_id, 0), c.text).select_from(
            own
        )
        here = connection.execute(places.where(c.root_id == root_id, clips.c.game_id == game_id)).all()
        self._add([(*row[:4], game_id, row[4], hash(row[5]), False, True) for row in here])
        copied = connection.execute(select(c.clip_id).distinct().select_from(own).where(clips.c.game_id == game_id))
        self._copied = set(copied.scalars())

    def look_up(self, connection: Connection, paths: Sequence[str]) -> None:
        """Learn of clips at these paths that are another game's so far."""
        for some in chunks(paths):
            self._read(connection, (clips.c.game_id != self._game_id) & clips.c.path.in_(some))

    def met(self, path: str) -> bool:
        """Whether the scan has been at this path before."""
        row = self._rows.get(path)
        return row is not None and (row == NEW or bool(self._met[row]))

    def meet_same(self, path: str, size: int, mtime_ns: int, label: tuple[int, int, int]) -> bool:
        """Meet a clip that is just as it was, at its own place: what most are, and quick. False: nothing was done."""
        row = self._rows.get(path, NEW)
        if row == NEW or self._met[row]:
            return False
        _, sizes, times, games, characters, texts, gone, copy = self._columns
        if (sizes[row], times[row]) != (size, mtime_ns) or gone[row] or copy[row]:
            return False
        if (games[row], characters[row], texts[row]) != label:
            return False
        self._met[row] = True
        return True

    def meet(self, path: str) -> KnownClip | None:
        """The clip at a path, which from now on counts as met; None for a new one."""
        row = self._rows.setdefault(path, NEW)
        if row == NEW:
            return None
        self._met[row] = True
        clip = self._clip(path, row)
        if clip.gone:
            self._back.append(clip.id)
        return clip

    def unmet(self) -> list[KnownClip]:
        """The game's own clips that were not met."""
        left = (self._clip(path, row) for path, row in self._rows.items() if row != NEW and not self._met[row])
        return [clip for clip in left if clip.label[0] == self._game_id]

    def is_copied(self, clip_id: int) -> bool:
        """Whether other places have the clip's audio too: they may know what its own does not."""
        return clip_id in self._copied

    def vanished(self, path: str) -> bool:
        """Whether a file was there when the clip at this path was last seen, and the scan has not met it."""
        row = self._rows.get(path, NEW)
        return row != NEW and not self._met[row] and self._columns[1][row] >= 0

    def back(self) -> list[int]:
        """Ids of clips that were gone and have been met again."""
        return self._back

    def _read(self, connection: Connection, which: object) -> None:
        c = clips.c
        character = func.coalesce(c.character_id, 0)
        query = select(c.path, c.id, c.size, c.mtime_ns, c.game_id, character, c.text, c.gone)
        rows = connection.execute(
            query.where(c.root_id == self.root_id, which).execution_options(yield_per=ROWS_PER_READ)  # type: ignore[arg-type]
        )
        for part in rows.partitions():
            self._add([(*row[:6], hash(row[6]), row[7], False) for row in part])

    def _add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Rows of a path and the columns' values."""
        if rows:
            paths, *values = zip(*rows, strict=True)
            first = len(self._met)
            self._rows.update(zip(paths, range(first, first + len(paths)), strict=True))
            self._met.extend(bytes(len(paths)))
            for column, added in zip(self._columns, values, strict=True):
                column.extend(added)

    def _clip(self, path: str, row: int) -> KnownClip:
        id_, size, mtime_ns, game_id, character_id, text_hash, gone, copy = (column[row] for column in self._columns)
        return KnownClip(id_, path, size, mtime_ns, (game_id, character_id, text_hash), bool(gone), bool(copy))
