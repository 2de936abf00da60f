"""Verdicts taken together: what follows from them, and what would contradict them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from sqlalchemy import Connection

from speaker_search.cast.constraints import Constraints
from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.kept_verdicts import (
    find_verdict,
    keep_verdict,
    kept_verdicts,
    lock_verdicts,
    mark_undone,
)
from speaker_search.entities import Ids, Verdict
from speaker_search.errors import ContradictionError, UsageError

SAME, DIFFERENT = "=", "≠"


class Groups:
    """Characters known to be one voice, and groups of them known to be different ones. It never contradicts itself."""

    def __init__(self, verdicts: Iterable[Verdict] = ()) -> None:
        """Of verdicts by id. Merged characters may make one contradict those before it: that one is passed over."""
        self._members: dict[int, list[int]] = {}
        self._group: dict[int, int] = {}
        self._apart: defaultdict[int, set[int]] = defaultdict(set)
        for verdict in verdicts:
            self.add(verdict.one_id, verdict.other_id, same=verdict.same)

    @classmethod
    def of(cls, constraints: Constraints) -> Groups:
        """The same of constraints."""
        groups = cls()
        for pairs, same in ((constraints.together, True), (constraints.apart, False)):
            for one, other in pairs.tolist():
                groups.add(one, other, same=same)
        return groups

    def group_of(self, character: int) -> int:
        """The character that stands for all those known to be one voice with this one: itself where nothing is known.

        It may be another one after the next `add`.
        """
        return self._group.get(character, character)

    def any_known(self, some: Iterable[int], others: Iterable[int]) -> bool:
        """Whether any two characters, one of each, are known to be the same voice or different ones."""
        theirs = {self.group_of(character) for character in others}
        return any(not theirs.isdisjoint((group, *self._apart.get(group, ()))) for group in map(self.group_of, some))

    def same(self, one: int, other: int) -> bool | None:
        """Whether two characters are known to be one voice; None when nothing is known."""
        left, right = self.group_of(one), self.group_of(other)
        if left == right:
            return True
        return False if right in self._apart.get(left, ()) else None

    def add(self, one: int, other: int, *, same: bool) -> bool:
        """Take in what is said of two characters, unless it contradicts what is known; whether it was taken in."""
        known = self.same(one, other)
        if known is not None:
            return known == same
        left, right = self.group_of(one), self.group_of(other)
        for group in (left, right):
            self._members.setdefault(group, [group])
        if not same:
            self._apart[left].add(right)
            self._apart[right].add(left)
            return True
        joined = self._members.pop(right)
        self._members[left] += joined
        self._group.update(dict.fromkeys(joined, left))
        for group in self._apart.pop(right, ()):
            self._apart[group].discard(right)
            self._apart[group].add(left)
            self._apart[left].add(group)
        return True

    def constraints(self, character_ids: Ids) -> Constraints:
        """What is known of these characters, also through others, in as few pairs as say it."""
        wanted = set(character_ids.tolist())
        there = {group: sorted(wanted.intersection(members)) for group, members in self._members.items()}
        together = [pair for members in there.values() for pair in pairwise(members)]
        apart = [
            (min(there[one][0], there[other][0]), max(there[one][0], there[other][0]))
            for one, others in self._apart.items()
            for other in others
            if one < other and there.get(one) and there.get(other)
        ]
        return Constraints(*(np.array(sorted(pairs), np.int64).reshape(-1, 2) for pairs in (together, apart)))


class Known:
    """What verdicts that stand, by id, say together."""

    def __init__(self, verdicts: Iterable[Verdict]) -> None:
        self._groups = Groups()
        #: those that contradict earlier ones because characters were merged since
        self.contradicted = frozenset(v.id for v in verdicts if not self._groups.add(v.one_id, v.other_id, same=v.same))
        self._of: tuple[Ids, Constraints] | None = None

    def constraints(self, character_ids: Ids) -> Constraints:
        """What is known of these characters (n,). Asked again about the same array, it answers at once."""
        if self._of is None or self._of[0] is not character_ids:
            self._of = character_ids, self._groups.constraints(character_ids)
        return self._of[1]


def consistent(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Standing verdicts, by id, without those that contradict earlier ones because characters were merged since."""
    groups = Groups()
    return [verdict for verdict in verdicts if groups.add(verdict.one_id, verdict.other_id, same=verdict.same)]


def chain(verdicts: Iterable[Verdict], one: int, other: int, *, same: bool) -> list[Verdict] | None:
    """The shortest chain of verdicts from which it follows that two characters are one voice, or two; None if none.

    One voice follows from verdicts `same` alone, two from any number of them and exactly one `different`.
    """
    steps: defaultdict[int, list[tuple[int, Verdict]]] = defaultdict(list)
    for verdict in verdicts:
        steps[verdict.one_id].append((verdict.other_id, verdict))
        steps[verdict.other_id].append((verdict.one_id, verdict))
    start, end = (one, True), (other, same)  # a character, and whether it is the same voice as `one`
    reached: dict[tuple[int, bool], tuple[tuple[int, bool], Verdict] | None] = {start: None}
    waiting = deque([start])
    while waiting and end not in reached:
        now = waiting.popleft()
        for character, verdict in steps[now[0]]:
            then = (character, now[1] and verdict.same)
            if (now[1] or verdict.same) and then not in reached:
                reached[then] = (now, verdict)
                waiting.append(then)
    found: list[Verdict] = []
    place = reached.get(end)
    while place is not None:
        found.append(place[1])
        place = reached[place[0]]
    return found[::-1] or None


def check(connection: Connection, verdicts: Sequence[Verdict], one: int, other: int, *, same: bool) -> None:
    """Raises ContradictionError, with the chain of verdicts, when the opposite follows for two characters."""
    against = chain(verdicts, one, other, same=not same)
    if against is None:
        return
    path = [one]
    for verdict in against:
        path.append(verdict.other_id if verdict.one_id == path[-1] else verdict.one_id)
    named = people.characters_by_id(connection, None, path)
    names = [f"{named[id_].address} (id {id_})" for id_ in path]
    links = [
        f"{left} {SAME if verdict.same else DIFFERENT} {right} by verdict {verdict.id}"
        for (left, right), verdict in zip(pairwise(names), against, strict=True)
    ]
    first, *rest = sorted(verdict.id for verdict in against)
    others = f" (or {', '.join(map(str, rest))})" if rest else ""
    wanted = f"{names[0]} {SAME if same else DIFFERENT} {names[-1]}"
    raise ContradictionError(
        f"{wanted} contradicts earlier verdicts: {', '.join(links)}.",
        f"If one of them is wrong, undo it first: `spksearch verdict undo {first}`{others}.",
    )


def give(catalog: Catalog, one: str, other: str, *, same: bool, author: str, note: str) -> tuple[Verdict, bool]:
    """Keep a verdict on two characters, by name or id; and whether it is new, because the same one may stand already.

    Raises ContradictionError when it contradicts the standing ones, UsageError for one character.
    """

    def work(connection: Connection) -> tuple[Verdict, bool]:
        lock_verdicts(connection)
        left, right = (people.find_character(connection, None, name) for name in (one, other))
        if left.id == right.id:
            raise UsageError(f"Both are {left.address} (id {left.id}).", "A verdict is about two characters.")
        standing = consistent(kept_verdicts(connection))
        for verdict in standing:
            if {verdict.one_id, verdict.other_id} == {left.id, right.id} and verdict.same == same:
                return verdict, False
        check(connection, standing, left.id, right.id, same=same)
        return keep_verdict(connection, left.id, right.id, same=same, author=author, note=note), True

    return catalog.transact(work)


def undo(catalog: Catalog, id_: int, *, author: str) -> tuple[Verdict, bool]:
    """Undo a verdict; and whether it still stood. Raises NotFoundError."""

    def work(connection: Connection) -> tuple[Verdict, bool]:
        lock_verdicts(connection)
        verdict = find_verdict(connection, id_)
        if verdict.undone_at is not None:
            return verdict, False
        return mark_undone(connection, id_, author), True

    return catalog.transact(work)
