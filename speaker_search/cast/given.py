"""What is known of characters before their voices are compared, by rows, for linking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from speaker_search.cast.constraints import Constraints, constraints_of
from speaker_search.cast.linking import Given
from speaker_search.entities import Character, Ids, fold
from speaker_search.search.calibration import Calibration

#: A name in more games of one maker than this is a role, such as a clerk's, and says nothing about a person.
MOST_NAMESAKES = 50


def given(
    constraints: Constraints, everyone: Sequence[Character], linkable: Ids, calibration: Calibration | None
) -> tuple[Ids, Given]:
    """The rows (n,) to link, in ascending order, and what is known about them. It refers to a character by its position
    in these rows.

    `everyone` (C) are the characters by row, `linkable` the rows that may be linked by their voices. Characters that a
    constraint binds to another are linked, too, whatever is heard of them.
    """
    ids = np.array([character.id for character in everyone], np.int64)
    said = constraints_of(constraints.groups(), ids)  # also through characters without embedded clips
    together, apart = np.searchsorted(ids, said.together), np.searchsorted(ids, said.apart)
    rows = np.union1d(linkable, together.ravel())
    namesakes = _namesakes([everyone[row] for row in linkable.tolist()])
    spoken = np.searchsorted(ids, said.actors[:, 0])
    linked = np.isin(spoken, rows)
    return rows, Given(
        together=np.searchsorted(rows, together),
        apart=_within(apart, rows),
        namesakes=np.searchsorted(rows, linkable[namesakes]),
        alike=0.0 if calibration is None else calibration.odds_of_two,
        actors=np.column_stack([np.searchsorted(rows, spoken), said.actors[:, 1]])[linked],
    )


def _within(pairs: Ids, rows: Ids) -> Ids:
    """Those pairs that are both among these rows, in places among them."""
    both = pairs[np.isin(pairs, rows).all(axis=1)]
    return np.searchsorted(rows, both)


def _namesakes(characters: Sequence[Character]) -> Ids:
    """Pairs (n, 2) of places: of one name, in different games of one maker."""
    called: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for place, character in enumerate(characters):
        called[character.game.maker.id, fold(character.name)].append(place)
    pairs = [
        (one, other)
        for places in called.values()
        if len(places) <= MOST_NAMESAKES
        for one, other in combinations(places, 2)
        if characters[one].game.id != characters[other].game.id
    ]
    return np.array(pairs, np.int64).reshape(-1, 2)
