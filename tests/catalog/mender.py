"""Renames, merges and their undoing in a catalog, and all that they change there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection, select

from speaker_search.catalog import people, tables
from speaker_search.catalog.checks.integrity import merged_faults
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.mending.rename_and_merge import merge, rename
from speaker_search.catalog.mending.standing import lock_names
from speaker_search.catalog.mending.undo import undo
from speaker_search.documents import Noun
from speaker_search.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mender:
    """Edits by the ids of rows."""

    catalog: Catalog

    def rename(self, noun: Noun, id_: int, name: str) -> int:
        return self._edit(lambda connection: rename(connection, noun, id_, name, author="ann"))

    def merge(self, noun: Noun, id_: int, into: int) -> int:
        return self._edit(lambda connection: merge(connection, noun, id_, into, author="ann"))[0]

    def undo(self, edit: int) -> int | None:
        return self._edit(lambda connection: undo(connection, edit, author="bob"))

    def _edit(self, work: Callable[[Connection], T]) -> T:
        def edit(connection: Connection) -> T:
            lock_names(connection, change=True)
            return work(connection)

        done = self.catalog.transact(edit)
        with self.catalog.read() as connection:
            assert list(merged_faults(connection)) == []
        return done

    def found(self, name: str) -> tuple[str, int]:
        """Address and id of what a character's name finds."""
        with self.catalog.read() as connection:
            one = people.find_character(connection, None, name)
        return one.address, one.id

    def listed(self) -> list[str]:
        with self.catalog.read() as connection:
            return [one.address for one in people.list_characters(connection, None)]

    def everything(self) -> dict[str, list[tuple[object, ...]]]:
        """All rows that edits may change."""
        kept = (tables.makers, tables.games, tables.characters, tables.clips, tables.copies, tables.verdicts)
        with self.catalog.read() as connection:
            return {
                table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
                for table in kept
            }

    def ids(self, noun: Noun) -> list[int]:
        """What stands for itself."""
        table = {"maker": tables.makers, "game": tables.games, "character": tables.characters}[noun]
        live = select(table.c.id).where(table.c.merged_into_id.is_(None)).order_by(table.c.id)
        with self.catalog.read() as connection:
            return list(connection.execute(live).scalars())


@dataclass
class RandomEdits:
    """Random renames, merges and undoings, some of which are refused."""

    mender: Mender
    rng: np.random.Generator
    standing: list[int] = field(default_factory=list)  # edits that were not undone

    def edit(self) -> bool:
        """Rename or merge something; False when there is nothing yet, or when that was refused."""
        noun: Noun = ("maker", "game", "character")[self.rng.choice(3, p=[0.2, 0.3, 0.5])]
        ids = self.mender.ids(noun)
        if not ids:
            return False
        one = int(self.rng.choice(ids))
        before = self.mender.everything()
        try:
            if self.rng.random() < 0.5:
                name = f"{noun} {self.rng.integers(6)}"
                self.standing.append(self.mender.rename(noun, one, name))
            else:
                self.standing.append(self.mender.merge(noun, one, int(self.rng.choice(ids))))
        except UsageError:
            assert self.mender.everything() == before
            return False
        return True

    def undo(self) -> bool:
        """Undo any edit; False when a later one builds on it, which is named."""
        if not self.standing:
            return False
        edit = int(self.rng.choice(self.standing))
        try:
            self.mender.undo(edit)
        except UsageError as error:
            named = re.match(rf"Edit (\d+) builds on edit {edit}\.", str(error))
            assert named
            assert int(named[1]) in self.standing
            assert int(named[1]) > edit
            return False
        self.standing.remove(edit)
        return True

    def undo_the_rest(self) -> None:
        """From the latest to the first, which is never refused."""
        for edit in sorted(self.standing, reverse=True):
            self.mender.undo(edit)
        self.standing.clear()
