"""What is known of characters before their voices are compared, as pairs of rows for linking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from speaker_search.cast.constraints import Constraints
from speaker_search.cast.linking import NO_PAIRS, Given
from speaker_search.cast.verdicts import Groups
from speaker_search.entities import Character, Ids, fold
from speaker_search.search.calibration import Calibration

#: A name in more games of one maker than this is a role, such as a clerk's, and says nothing about a person.
MOST_NAMESAKES = 50


def given(
    constraints: Constraints, everyone: Sequence[Character], linkable: Ids, calibration: Calibration | None
) -> tuple[Ids, Given]:
    """The rows (n,) to link, ascending, and what is known of them, by their places in that list.

    `everyone` (C) are the characters by row, `linkable` the rows that may be linked by their voices. Characters that a
    constraint binds to another are linked, too, whatever is heard of them.
    """
    row_of = {character.id: row for row, character in enumerate(everyone)}
    together, apart = _pairs(constraints, row_of)
    rows = np.union1d(linkable, together.ravel())
    namesakes = _namesakes([everyone[row] for row in linkable.tolist()])
    return rows, Given(
        together=np.searchsorted(rows, together),
        apart=_within(apart, rows),
        namesakes=np.searchsorted(rows, linkable[namesakes]),
        alike=0.0 if calibration is None else calibration.odds_of_two,
    )


def _pairs(constraints: Constraints, row_of: dict[int, int]) -> tuple[Ids, Ids]:
    """The constraints as pairs of rows: also those that follow through characters without embedded clips."""
    known = Groups()
    for one, other in constraints.together.tolist():
        known.add(one, other, same=True)
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for id_ in sorted({*constraints.together.ravel().tolist(), *constraints.apart.ravel().tolist()}):
        if id_ in row_of:
            groups[known.group_of(id_)].append(row_of[id_])
    together = [(rows[0], row) for rows in groups.values() for row in rows[1:]]
    ends = [(known.group_of(one), known.group_of(other)) for one, other in constraints.apart.tolist()]
    apart = {(groups[one][0], groups[other][0]) for one, other in ends if groups.get(one) and groups.get(other)}
    return _array(together), _array(sorted(apart))


def _within(pairs: Ids, rows: Ids) -> Ids:
    """Those pairs that are both among these rows, in places among them."""
    both = pairs[np.isin(pairs, rows).all(axis=1)]
    return np.searchsorted(rows, both)


def _namesakes(characters: Sequence[Character]) -> Ids:
    """Pairs (n, 2) of places: of one name, in different games of one maker."""
    called: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for place, character in enumerate(characters):
        called[character.game.maker.id, fold(character.name)].append(place)
    return _array(
        [
            (one, other)
            for places in called.values()
            if len(places) <= MOST_NAMESAKES
            for one, other in combinations(places, 2)
            if characters[one].game.id != characters[other].game.id
        ]
    )


def _array(pairs: Iterable[tuple[int, int]]) -> Ids:
    found = np.array(list(pairs), np.int64)
    return found if len(found) else NO_PAIRS
