"""Choosing the space to search, with proof that nothing is lost and nothing gets worse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import numpy as np

from speaker_search.catalog import people
from speaker_search.catalog.knowledge.adoptions import Lacking, keep_adoption, lacking, latest_adoption
from speaker_search.catalog.knowledge.kept_verdicts import kept_verdicts
from speaker_search.catalog.scans.enqueue import TRANSIENT
from speaker_search.catalog.spaces import Space, count_clips, filled_spaces, spaces
from speaker_search.documents.casts.credits import HeardLines
from speaker_search.documents.models.adoption import (
    Adoption,
    Agreed,
    DisputedPair,
    HeldSpace,
    ListeningSet,
    SpacesHeld,
)
from speaker_search.documents.models.spaces_compared import SpacesCompared
from speaker_search.documents.nouns import NamedCharacter
from speaker_search.entities import counted
from speaker_search.errors import EncoderError, UsageError
from speaker_search.library.kept_weights import find_weights, keep_weights, kept_weights
from speaker_search.library.mending import author_of
from speaker_search.library.models.comparing import Say
from speaker_search.library.models.embedding_again import EmbeddingAgain

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.evaluation.spaces.agreement import Agreement, KnownPairs
    from speaker_search.search.live import Ready

CHANCE = 0.05  # not adopted without `yes` where as many voices would be worse by chance less often than this
SHOWN = 20  # disputed pairs


class Adopting(EmbeddingAgain):
    """An open catalog that keeps which of its spaces is searched.

    Verdicts, credits and names are about characters, so they hold in every space. Voices are linked anew, with ids of
    their own in each. An open library, such as a running server, goes on with the space that it began with.
    """

    def spaces_held(self) -> SpacesHeld:
        """All spaces, and which was adopted."""
        searched = self._searched()
        with self.catalog.read() as connection:
            adopted = latest_adoption(connection)
            held = [(space, count_clips(connection, space.id)) for space in spaces(connection)]
        return SpacesHeld(
            spaces=[
                HeldSpace(
                    space=space.name,
                    encoder=space.encoder,
                    dim=space.dim,
                    embedded=counts.embedded,
                    pending=counts.pending,
                    refused=counts.refused,
                    searched=space == searched,
                    weights=self._weights_of(space),
                )
                for space, counts in held
            ],
            adopted=adopted.space if adopted else None,
            before=adopted.before if adopted else None,
            author=adopted.author if adopted else None,
            at=datetime.fromtimestamp(adopted.at, UTC) if adopted else None,
        )

    def adopt(self, space: str, *, yes: bool = False, author: str | None = None, say: Say = lambda _: None) -> Adoption:
        """Search a space from now on, given by its name or its encoder's; `author` is the login name unless given.

        It is not adopted while it lacks clips of the space that was searched before. Where verdicts or credits show
        that it is worse by more than chance, or clips without audio or whose files are away would be lost, it is
        adopted only with `yes`.
        Raises CatalogError and UsageError for what is no space of the catalog, EncoderError where its weights are not
        on this machine.
        """
        who = author_of(author)
        wanted, before = self._wanted(space), self._by_default() or self._oldest_but(space)
        self._keep_weights_of(wanted)
        with self.catalog.read() as connection:
            adopted = latest_adoption(connection)
        if before is None or before == wanted:
            if new := adopted is None or adopted.space != wanted.name:
                self._keep(wanted, None, who)
            return _adoption(wanted, None, new=new)
        with self.catalog.read() as connection:
            lost = lacking(connection, wanted, before)
        why_not = _incomplete(lost, wanted, before, yes=yes)
        comparison, listening = (None, None) if why_not else self._proof(before, wanted, say)
        if why_not is None and listening is not None and not yes:
            why_not = _worse(listening, wanted)
        if why_not is None:
            self._keep(wanted, before, who)
        return _adoption(
            wanted,
            before,
            new=why_not is None,
            why_not=why_not,
            lost=lost,
            comparison=comparison,
            listening=listening,
        )

    def adopt_back(self, *, author: str | None = None) -> Adoption:
        """Search the space again that was searched before the latest adoption.

        Raises UsageError if there is none, EncoderError where its weights are not on this machine.
        """
        who = author_of(author)
        with self.catalog.read() as connection:
            latest = latest_adoption(connection)
            held = {space.name: space for space in spaces(connection)}
        if latest is None or latest.before is None or latest.before not in held:
            raise UsageError("There is no space to return to.", "`spksearch adopt` lists the spaces.")
        wanted, before = held[latest.before], held.get(latest.space)
        self._keep_weights_of(wanted)
        with self.catalog.read() as connection:
            lost = None if before is None else lacking(connection, wanted, before)
        self._keep(wanted, before, who)
        return _adoption(wanted, before, new=True, lost=lost)

    def _keep(self, space: Space, before: Space | None, author: str) -> None:
        with self.catalog.write() as connection:
            keep_adoption(connection, space, before, author)

    def _wanted(self, name: str) -> Space:
        """The space of this name, or the encoder's. Raises UsageError if that has several."""
        fitting = self._spaces_named([name])
        if len(fitting) > 1:
            listed = ", ".join(one.name for one in fitting)
            raise UsageError(f"{name} has several spaces: {listed}.", "Name one of them.")
        return fitting[0]

    def _oldest_but(self, space: str) -> Space | None:
        with self.catalog.read() as connection:
            others = [one for one in filled_spaces(connection) if space not in (one.name, one.encoder)]
        return others[0] if others else None

    def _keep_weights_of(self, space: Space) -> None:
        if not self._is_passed_in(space):
            keep_weights(self.settings.home, find_weights(self.settings.home, space.name, self.settings.checkpoint))

    def _is_passed_in(self, space: Space) -> bool:
        """Whether whoever opened the library passed in the encoder of a space."""
        return self._encoder is not None and self._encoder.space == space.name

    def _weights_of(self, space: Space) -> Literal["kept", "found", "missing"]:
        if self._is_passed_in(space):
            return "found"
        try:
            found = find_weights(self.settings.home, space.name, self.settings.checkpoint)
        except EncoderError:
            return "missing"
        return "kept" if found.path == kept_weights(self.settings.home, space.name) else "found"

    def _proof(self, before: Space, after: Space, say: Say) -> tuple[SpacesCompared, ListeningSet | None]:
        """The two spaces on the same clips, and on what people and credits know."""
        whole, shared = self._opened([before, after], say)
        return self._compared(whole, shared, None, False, say), self._listened(*shared)

    def _listened(self, before: Ready, after: Ready) -> ListeningSet | None:
        from speaker_search.cast.credits.credit_constraints import only_actors
        from speaker_search.cast.verdicts import consistent
        from speaker_search.evaluation.spaces.agreement import agreement, known_pairs

        profiles = after.profiles
        with self.catalog.read() as connection:
            verdicts = consistent(kept_verdicts(connection))
        actors = only_actors(self._credits(), profiles.character_ids)
        said = self._constraints(after).groups()
        known = known_pairs(profiles.character_ids, profiles.game_ids, verdicts, actors, said)
        found = agreement(before.profiles, profiles, known) if len(known) else None
        if found is None:
            return None

        def agreed(which: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Agreed:
            right = (int(each[which].sum()) for each in (found.before_right, found.after_right))
            return Agreed(pairs=int(which.sum()), before=next(right), after=next(right))

        return ListeningSet(
            verdicts=agreed(known.verdict),
            credits_same=agreed(~known.verdict & known.same),
            credits_different=agreed(~known.verdict & ~known.same),
            better=found.better,
            worse=found.worse,
            chance=found.chance,
            disputed=int((found.before_right != found.after_right).sum()),
            pairs=self._disputed(after, known, found),
        )

    def _disputed(self, ready: Ready, known: KnownPairs, found: Agreement) -> list[DisputedPair]:
        """Pairs that one space gets right and the other wrong, with the lines to hear."""
        from speaker_search.cast.lines import closest
        from speaker_search.search.calibration import logistic

        ids = ready.profiles.character_ids
        places = np.flatnonzero(found.before_right != found.after_right)
        lost = np.where(known.same, found.before - found.after, found.after - found.before)[places]
        places = places[np.argsort(-lost, kind="stable")][:SHOWN]
        with self.catalog.read() as connection:
            ends = np.concatenate([known.one[places], known.other[places]])
            named = people.characters_by_id(connection, None, ids[ends].tolist())
        before, after = logistic(found.before), logistic(found.after)
        pairs = []
        for place in places.tolist():
            one, other = int(known.one[place]), int(known.other[place])
            lines = closest(ready, one, other)
            pairs.append(
                DisputedPair(
                    one=NamedCharacter.of(named[int(ids[one])]),
                    other=NamedCharacter.of(named[int(ids[other])]),
                    same=bool(known.same[place]),
                    said_by="verdict" if known.verdict[place] else "credits",
                    before=float(before[place]),
                    after=float(after[place]),
                    lines=None
                    if lines is None
                    else HeardLines(clip_id=lines.one, other_clip_id=lines.other, cosine=lines.cosine),
                )
            )
        return pairs


def _incomplete(lost: Lacking, wanted: Space, before: Space, *, yes: bool) -> str | None:
    """Why a space that lacks clips cannot be adopted, and the mend."""
    if lost.unembedded > lost.imported:
        rest = counted(lost.unembedded - lost.imported, "clip")
        return (
            f"{rest} of {before.name} are not embedded in {wanted.name} yet: `spksearch ingest --again --encoder "
            f"{wanted.name}` embeds them."
        )
    unread = {reason: count for reason, count in lost.refused.items() if reason in TRANSIENT}
    if unread and not yes:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in unread.items())
        return (
            f"{counted(sum(unread.values()), 'clip')} of {before.name} could not be read for {wanted.name} "
            f"({reasons}): bring their files back and run `spksearch ingest --again --encoder {wanted.name}`, or adopt "
            "it all the same with --yes."
        )
    if lost.imported and not yes:
        return (
            f"{counted(lost.imported, 'clip')} of {before.name} came without audio, so that no search in {wanted.name} "
            "would find them: ingest the folders that have their audio, or adopt it all the same with --yes."
        )
    return None


def _worse(listening: ListeningSet, wanted: Space) -> str | None:
    if listening.worse <= listening.better or listening.chance >= CHANCE:
        return None
    return (
        f"{wanted.name} is right about fewer pairs for {counted(listening.worse, 'voice')}, and about more for "
        f"{listening.better:,}; chance alone does that with a probability of {listening.chance:.2g}. Listen to the "
        "pairs, or adopt it all the same with --yes."
    )


def _adoption(
    wanted: Space,
    before: Space | None,
    *,
    new: bool,
    why_not: str | None = None,
    lost: Lacking | None = None,
    comparison: SpacesCompared | None = None,
    listening: ListeningSet | None = None,
) -> Adoption:
    return Adoption(
        space=wanted.name,
        before=before.name if before else None,
        adopted=why_not is None,
        new=new,
        why_not=why_not,
        unembedded=lost.unembedded if lost else 0,
        imported=lost.imported if lost else 0,
        refused=lost.refused if lost else {},
        comparison=comparison,
        listening=listening,
    )
