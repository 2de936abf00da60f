"""The characters of a catalog whose voice actors are known, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.entities import Ids
from speaker_search.errors import UsageError
from speaker_search.evaluation.metrics import Bools
from speaker_search.evaluation.truth import Truth
from speaker_search.search.profiles.profiles import Profiles

NOBODY = -1  # in place of an actor, or of a row

By = Literal["style", "game", "maker"]


@dataclass(frozen=True, slots=True)
class Known:
    """Characters (n) whose voice actors are known, by id, including those whose clips were all refused."""

    ids: Ids  # (n,)
    games: Ids  # (n,)
    actors: Ids  # (n,) numbers from 0 on
    rows: Ids  # (n,) in the profiles; NOBODY without an embedded clip
    actors_of_rows: Ids  # (C,) of every character in the profiles; NOBODY where it is not known

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def voice_actors(self) -> int:
        return int(self.actors.max()) + 1

    @property
    def heard(self) -> Ids:
        """Places of those with an embedded clip."""
        return np.flatnonzero(self.rows != NOBODY)

    def recurring(self) -> Bools:
        """Whether each one's actor plays in another game too, (n,)."""
        plays = np.unique(np.stack([self.actors, self.games]), axis=1)[0]
        return np.bincount(plays, minlength=self.voice_actors)[self.actors] > 1

    def without(self, ids: Ids) -> Known:
        """The same without these characters; their actors stay where they have others."""
        kept = ~np.isin(self.ids, ids)
        numbers, actors = np.unique(self.actors[kept], return_inverse=True)
        there = np.isin(self.actors_of_rows, numbers)
        of_rows = np.where(there, np.searchsorted(numbers, self.actors_of_rows), NOBODY)
        return Known(self.ids[kept], self.games[kept], np.asarray(actors, np.int64), self.rows[kept], of_rows)

    def groups(self, labels: Ids) -> Ids:
        """Each one's group, (n,), from labels (C,) >= 0; one without an embedded clip is a group of its own."""
        alone = -1 - np.arange(len(self))
        return alone if not len(labels) else np.where(self.rows == NOBODY, alone, labels[self.rows])


def known_characters(catalog: Catalog, profiles: Profiles, truth: Truth) -> Known:
    """The characters that the truth names. Raises UsageError when it names none."""
    with catalog.read() as connection:
        found_by_name = people.ids_by_names(connection, truth.names)
        everyone = people.characters_by_id(connection, None, found_by_name.values())
    actors_of: dict[int, set[str]] = {}  # of merged characters, the truth may name several
    for names, id_ in found_by_name.items():
        actors_of.setdefault(id_, set()).add(truth.voice_actor(names))
    named = [(everyone[id_], who.pop()) for id_, who in sorted(actors_of.items()) if len(who) == 1]
    if not named:
        raise UsageError("The truth names none of the characters in the catalog.", "Is it for other games?")
    actors = np.asarray(np.unique([actor for _, actor in named], return_inverse=True)[1], np.int64)
    found = [profiles.row(character.id) for character, _ in named]
    rows = np.array([NOBODY if row is None else row for row in found], np.int64)
    actors_of_rows = np.full(len(profiles), NOBODY, np.int64)
    actors_of_rows[rows[rows != NOBODY]] = actors[rows != NOBODY]
    ids = np.array([character.id for character, _ in named], np.int64)
    games = np.array([character.game.id for character, _ in named], np.int64)
    return Known(ids, games, actors, rows, actors_of_rows)


def known_by_word(profiles: Profiles, said: Groups) -> Known:
    """The characters that credits name an actor of, or verdicts call one voice with another.

    Two of them count as two voices unless it is known that they are one.
    """
    together, _, spoken = said.known_of(profiles.character_ids.tolist())
    ids = np.unique(np.array([*together, *((id_, id_) for id_, _ in spoken)], np.int64))
    groups = [said.group_of(id_) for id_ in ids.tolist()]
    actors = np.asarray(np.unique(np.array(groups, np.int64), return_inverse=True)[1], np.int64)
    rows = np.searchsorted(profiles.character_ids, ids)
    actors_of_rows = np.full(len(profiles), NOBODY, np.int64)
    actors_of_rows[rows] = actors
    return Known(ids, profiles.game_ids[rows], actors, rows, actors_of_rows)


def part_names(catalog: Catalog, known: Known, truth: Truth, by: By) -> list[str]:
    """The style, game or maker of each known character (n); "" for a style that the truth does not say.

    Raises UsageError when it says no style at all.
    """
    with catalog.read() as connection:
        named = people.characters_by_id(connection, None, known.ids.tolist())
    everyone = [named[id_] for id_ in known.ids.tolist()]
    if by == "game":
        return [f"{one.game.maker.name}/{one.game.title}" for one in everyone]
    if by == "maker":
        return [one.game.maker.name for one in everyone]
    styles = [truth.style(one) for one in everyone]
    if not any(styles):
        raise UsageError(
            "The truth names no style of a character in the catalog.",
            'Add "style" to its rows, or put a roles.json of {"maker", "game", "character", "style"} beside it.',
        )
    return styles
