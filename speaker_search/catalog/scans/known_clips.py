"""The clips that a catalog has in one root, kept compactly: there may be a million."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from speaker_search.catalog.mending.standing import standing
from speaker_search.catalog.rows import among, chunks, stream
from speaker_search.catalog.tables import clips, copies

NEW = -1


@dataclass(frozen=True, slots=True)
class KnownClip:
    """A clip, or a copy of one, as the last scan left it."""

    id: int
    path: str
    size: int
    mtime_ns: int
    label: tuple[int, int, int]  #: game, character (0: unknown), hash of the text
    gone: bool
    copy: bool  #: not the clip's own path


class KnownClips:
    """Clips of one game in one root by path, and which of them a scan has seen. Columns, not objects."""

    def __init__(self, connection: Connection, root_id: int, game_id: int) -> None:
        self.root_id = root_id
        self._game_id = game_id
        self._rows: dict[str, int] = {}  # NEW for paths seen that the catalog did not have
        self._seen = bytearray()
        self._columns = [array("q") for _ in range(8)]
        self._back: list[int] = []
        self._copied: set[int] = set()
        self._read(connection, clips.c.game_id == game_id)
        c = copies.c
        columns = (c.root_id, c.path, c.clip_id, c.size, c.mtime_ns, func.coalesce(c.character_id, 0), c.text)
        of_game = select(*columns, clips.c.gone).join_from(clips, copies).where(clips.c.game_id == game_id)
        for part in stream(connection, of_game):
            self._copied.update(row.clip_id for row in part)
            here = [row for row in part if row.root_id == root_id]
            now = standing(connection, {row[5] for row in here})  # a copy's character stays as the source had it
            self._add([(*row[1:5], game_id, now[row[5]], hash(row[6]), row[7], True) for row in here])

    def look_up(self, connection: Connection, paths: Sequence[str]) -> None:
        """Load clips at these paths that belong to other games so far."""
        for some in chunks(paths):
            self._read(connection, (clips.c.game_id != self._game_id) & among(connection, clips.c.path, some))

    def seen(self, path: str) -> bool:
        """Whether the scan has seen this path before."""
        row = self._rows.get(path)
        return row is not None and (row == NEW or bool(self._seen[row]))

    def mark_unchanged(self, path: str, size: int, mtime_ns: int, label: tuple[int, int, int]) -> bool:
        """Mark a clip as seen if nothing about it has changed, which is the common case and fast. False otherwise."""
        row = self._rows.get(path, NEW)
        if row == NEW or self._seen[row]:
            return False
        _, sizes, times, games, characters, texts, gone, copy = self._columns
        if (sizes[row], times[row]) != (size, mtime_ns) or gone[row] or copy[row]:
            return False
        if (games[row], characters[row], texts[row]) != label:
            return False
        self._seen[row] = True
        return True

    def mark_seen(self, path: str) -> KnownClip | None:
        """Mark the clip at a path as seen and return it; None for a new one."""
        row = self._rows.setdefault(path, NEW)
        if row == NEW:
            return None
        self._seen[row] = True
        clip = self._clip(path, row)
        if clip.gone:
            self._back.append(clip.id)
        return clip

    def unseen(self) -> list[KnownClip]:
        """The game's own clips that were not seen."""
        left = (self._clip(path, row) for path, row in self._rows.items() if row != NEW and not self._seen[row])
        return [clip for clip in left if clip.label[0] == self._game_id]

    def is_copied(self, clip_id: int) -> bool:
        """Whether the clip has copies: they may have a label that its own path lacks."""
        return clip_id in self._copied

    def vanished(self, path: str) -> bool:
        """Whether the clip at this path had a file at the last scan, and this scan has not seen it."""
        row = self._rows.get(path, NEW)
        return row != NEW and not self._seen[row] and self._columns[1][row] >= 0

    def back(self) -> list[int]:
        """Ids of clips that were gone and have been seen again."""
        return self._back

    def _read(self, connection: Connection, which: ColumnElement[bool]) -> None:
        c = clips.c
        character = func.coalesce(c.character_id, 0)
        query = select(c.path, c.id, c.size, c.mtime_ns, c.game_id, character, c.text, c.gone)
        for part in stream(connection, query.where(c.root_id == self.root_id, which)):
            self._add([(*row[:6], hash(row[6]), row[7], False) for row in part])

    def _add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows: a path and a value for each column."""
        if rows:
            paths, *values = zip(*rows, strict=True)
            first = len(self._seen)
            self._rows.update(zip(paths, range(first, first + len(paths)), strict=True))
            self._seen.extend(bytes(len(paths)))
            for column, added in zip(self._columns, values, strict=True):
                column.extend(added)

    def _clip(self, path: str, row: int) -> KnownClip:
        id_, size, mtime_ns, game_id, character_id, text_hash, gone, copy = (column[row] for column in self._columns)
        return KnownClip(id_, path, size, mtime_ns, (game_id, character_id, text_hash), bool(gone), bool(copy))
