"""Verdicts taken together: what follows from them, and what would contradict them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

from sqlalchemy import Connection

from speaker_search.cast.constraints import Constraints, constraints_of
from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.kept_verdicts import (
    find_verdict,
    keep_verdict,
    kept_verdicts,
    lock_verdicts,
    mark_undone,
)
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.entities import Ids, Verdict
from speaker_search.errors import ContradictionError, UsageError

SAME, DIFFERENT = "=", "≠"


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
            self._of = character_ids, constraints_of(self._groups, character_ids)
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
