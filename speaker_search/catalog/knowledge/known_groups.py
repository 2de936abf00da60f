"""What follows from verdicts and credits: which characters are one voice, and which are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from speaker_search.entities import Verdict

Pair = tuple[int, int]


class Groups:
    """Characters known to be one voice, and groups of them known to be different ones. It never contradicts itself."""

    def __init__(self, verdicts: Iterable[Verdict] = ()) -> None:
        """Take in verdicts, sorted by id. One that contradicts those before it, after a merge, is passed over."""
        self._members: dict[int, list[int]] = {}
        self._group: dict[int, int] = {}
        self._apart: defaultdict[int, set[int]] = defaultdict(set)
        self._actor: dict[int, int] = {}  # of a group
        self._of_actor: dict[int, int] = {}  # an actor's group
        for verdict in verdicts:
            self.add(verdict.one_id, verdict.other_id, same=verdict.same)

    def group_of(self, character: int) -> int:
        """The character that stands for all those known to be one voice with this one: itself where nothing is known.

        It may be another one after the next `add` or `credit`.
        """
        return self._group.get(character, character)

    def actor_of(self, character: int) -> int | None:
        """The actor who is known to speak a character; None where nobody is."""
        return self._actor.get(self.group_of(character))

    def is_known(self, character: int) -> bool:
        """Whether a character is known to be one voice with another one, or who its actor is."""
        group = self.group_of(character)
        return group in self._actor or len(self._members.get(group, ())) > 1

    def any_known(self, some: Iterable[int], others: Iterable[int]) -> bool:
        """Whether any two characters, one of each, are known to be the same voice or different ones."""
        mine, theirs = ({self.group_of(character) for character in each} for each in (some, others))
        if not self._actor.keys().isdisjoint(mine) and not self._actor.keys().isdisjoint(theirs):
            return True
        return any(not theirs.isdisjoint((group, *self._apart.get(group, ()))) for group in mine)

    def same(self, one: int, other: int) -> bool | None:
        """Whether two characters are known to be one voice; None when nothing is known."""
        left, right = self.group_of(one), self.group_of(other)
        if left == right:
            return True
        if right in self._apart.get(left, ()):
            return False
        return False if left in self._actor and right in self._actor else None

    def add(self, one: int, other: int, *, same: bool) -> bool:
        """Take in what is said of two characters, unless it contradicts what is known; whether it was taken in."""
        known = self.same(one, other)
        if known is not None:
            return known == same
        left, right = (self._noted(character) for character in (one, other))
        if same:
            self._join(left, right)
        else:
            self._apart[left].add(right)
            self._apart[right].add(left)
        return True

    def credit(self, character: int, actor: int) -> bool:
        """Take in who speaks a character, unless it contradicts what is known; whether it was taken in.

        One actor's characters are one voice, and those of two actors are different ones.
        """
        group, theirs = self._noted(character), self._of_actor.get(actor)
        if theirs is not None:
            return self.add(character, theirs, same=True)
        if group in self._actor:
            return False
        self._actor[group] = actor
        self._of_actor[actor] = group
        return True

    def known_of(self, wanted: Collection[int]) -> tuple[list[Pair], list[Pair], list[Pair]]:
        """What is known of these characters, also through others: pairs of one voice, pairs of different ones, and
        characters with their actors. As few pairs of each group as say it, sorted.
        """
        wanted = set(wanted)
        there = {group: sorted(wanted.intersection(members)) for group, members in self._members.items()}
        together = [(members[0], member) for members in there.values() for member in members[1:]]
        apart = [
            (min(there[one][0], there[other][0]), max(there[one][0], there[other][0]))
            for one, others in self._apart.items()
            for other in others
            if one < other and there.get(one) and there.get(other)
        ]
        spoken = [(there[group][0], actor) for group, actor in self._actor.items() if there.get(group)]
        return sorted(together), sorted(apart), sorted(spoken)

    def _noted(self, character: int) -> int:
        """The group of a character, which is a group of its own where nothing was known."""
        group = self.group_of(character)
        self._members.setdefault(group, [group])
        return group

    def _join(self, left: int, right: int) -> None:
        if len(self._members[left]) < len(self._members[right]):
            left, right = right, left  # each character then moves only a few times
        joined = self._members.pop(right)
        self._members[left] += joined
        self._group.update(dict.fromkeys(joined, left))
        for group in self._apart.pop(right, ()):
            self._apart[group].discard(right)
            self._apart[group].add(left)
            self._apart[left].add(group)
        if right in self._actor:
            actor = self._actor.pop(right)
            self._actor[left] = actor
            self._of_actor[actor] = left
