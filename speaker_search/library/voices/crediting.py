"""Known voice actors: imported, compared with the voices, and named by them."""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from speaker_search import documents
from speaker_search.catalog import pages, people
from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.documents.paging import cursor_after, key_of
from speaker_search.entities import fold
from speaker_search.library.holdings import check_limit
from speaker_search.library.voices.judging import Judging

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.cast.constraints import Constraints
    from speaker_search.cast.credits.named_voices import Credits
    from speaker_search.cast.voices import Cast
    from speaker_search.catalog.knowledge.kept_credits import Credit
    from speaker_search.search.live import Ready
    from speaker_search.search.profiles.profiles import Profiles

MOST_AUDITED = 50  # doubtful credits that an audit lists


class Crediting(Judging):
    """An open catalog with credits."""

    _profiles_informed: tuple[Profiles, bytes, Profiles] | None = None  # the latest, and what they were made from
    #: The latest of what verdicts and credits say together, and what it follows from: tens of thousands take long.
    _said: tuple[Constraints, dict[int, int], Constraints] | None = None
    _known_credits: tuple[tuple[object, ...], Credits] | None = None  # the latest, and the state they were read in

    def import_credits(
        self,
        file: str | Path,
        content: bytes | None = None,
        *,
        dry_run: bool = False,
        spoilers: bool = False,
        unmatched: str | Path | None = None,
    ) -> documents.ImportedCredits:
        """Import known voice actors: a CSV file `maker,game,character,voice_actor`, or a dump of VNDB or its folder.

        All of it or nothing; importing it again changes nothing. A column `sex`, f or m, may say that of the actors.
        `content` is that of a CSV file which was sent: then `file` is only its name. With `dry_run` nothing is kept.
        Facts that VNDB marks as spoilers are left out unless `spoilers`. `unmatched` is a CSV file to write what is
        ambiguous or unmatched to: fill in its column `chosen` and import it. Raises UsageError when a file is damaged
        or something else.
        """
        from speaker_search.cast.credits.credit_import import import_credits

        beside = None if unmatched is None else Path(unmatched)
        return import_credits(self.catalog, Path(file), content, dry_run=dry_run, spoilers=spoilers, unmatched=beside)

    def credits(
        self,
        *,
        maker: str | None = None,
        game: str | None = None,
        game_id: int | None = None,
        character_id: int | None = None,
        voice_actor: str | None = None,
        spoilers: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> documents.Credits:
        """A page of credits, by character, filtered by maker, game, character and actor (under any name). Spoilers are
        left out unless asked for.

        Names compare without regard to case and width. Raises NotFoundError for makers, games and characters that the
        catalog does not know.
        """
        from speaker_search.catalog.knowledge.kept_credits import credits_of

        check_limit(limit)
        after = key_of(cursor, "credits", 2) or (0, 0)
        with self.catalog.read() as connection:
            games = pages.games_within(connection, maker=maker, game=game, game_id=game_id)
            one = None if character_id is None else pages.standing_id(connection, "character", character_id)
            held = credits_of(connection, None if one is None else [one])
            wanted = sorted(
                (
                    (id_, credit.actor.id, credit)
                    for id_, credits in held.items()
                    for credit in credits
                    if (id_, credit.actor.id) > after
                    and (spoilers or not credit.spoiler)
                    and _is_of(credit, voice_actor)
                ),
                key=itemgetter(0, 1),
            )
            named = people.characters_by_id(connection, None, (id_ for id_, *_ in wanted))
        found = [each for each in wanted if games is None or named[each[0]].game.id in games]
        return documents.Credits(
            credits=[
                documents.ListedCredit(
                    character=documents.NamedCharacter.of(named[id_]),
                    voice_actor=credit.under,
                    actor_id=actor_id,
                    actor=credit.actor.name,
                    sex=credit.actor.sex,
                    spoiler=credit.spoiler,
                )
                for id_, actor_id, credit in found[:limit]
            ],
            next=cursor_after("credits", *found[limit - 1][:2]) if len(found) > limit else None,
        )

    def audit_credits(self, *, limit: int = MOST_AUDITED) -> documents.CreditAudit:
        """Credits that the voices disagree with, each with the lines to hear, and actors who sound like one person.

        Of the doubtful credits, at most `limit` are listed, the surest first.
        """
        from speaker_search.cast.credits.audit_report import audit

        return audit(self.catalog, self.ready, super()._constraints(), limit=limit)

    def likely_actors(self, *, min_probability: float = DEFAULT_PROBABILITY) -> documents.LikelyActors:
        """Who uncredited characters are probably spoken by: the actor that the credits of their voice agree on."""
        from speaker_search.cast.credits.audit_report import likely

        return likely(super().cast(min_probability=min_probability), self._credits())

    def cast(
        self, *, min_probability: float = DEFAULT_PROBABILITY, game: str | None = None, afresh: bool = False
    ) -> Cast:
        """The recurring voices of the whole catalog, or those of one game, named where credits agree."""
        from speaker_search.cast.credits.named_voices import named

        found = super().cast(min_probability=min_probability, game=game, afresh=afresh)
        return named(found, self._credits())

    def _constraints(self, ready: Ready | None = None) -> Constraints:
        """What verdicts say of characters, and what credits say besides."""
        from speaker_search.cast.credits.credit_constraints import joined, only_actors

        ready = ready or self.ready
        verdicts, ids = super()._constraints(ready), ready.profiles.character_ids
        actors = only_actors(self._credits(), ids)
        said = self._said
        if said is None or said[0] is not verdicts or said[1] != actors:
            said = self._said = verdicts, actors, joined(actors, verdicts).constraints
        return said[2]

    def _informed(self, ready: Ready) -> Ready:
        from speaker_search.search.profiles.build import with_known_actors

        actors, profiles = self._constraints(ready).actors, ready.profiles
        if profiles.pairs is None or not len(actors):
            return ready
        latest = self._profiles_informed
        if latest is None or latest[0] is not profiles or latest[1] != actors.tobytes():
            latest = (profiles, actors.tobytes(), with_known_actors(profiles, actors))
            self._profiles_informed = latest
        return replace(ready, profiles=latest[2])

    def _credits(self) -> Credits:
        """All credits by character, read again when they have changed."""
        from speaker_search.catalog.knowledge.kept_credits import credits_of, state_of_credits

        with self.catalog.read() as connection:
            state = state_of_credits(connection)
            known = self._known_credits
            if known is None or known[0] != state:
                known = self._known_credits = (state, credits_of(connection))
        return known[1]


def _is_of(credit: Credit, voice_actor: str | None) -> bool:
    """Whether a credit is of the actor of this name; of any without one."""
    names = (credit.actor.name, *credit.actor.pen_names)
    return voice_actor is None or fold(voice_actor) in {fold(name) for name in names}
