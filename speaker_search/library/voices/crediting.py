"""Known voice actors: imported, compared with the voices, and named by them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from speaker_search import documents
from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.library.voices.judging import Judging

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.cast.constraints import Constraints
    from speaker_search.cast.voices import Cast

MOST_AUDITED = 50  # doubtful credits that an audit lists


class Crediting(Judging):
    """An open catalog with credits."""

    def import_credits(
        self,
        file: str | Path,
        *,
        dry_run: bool = False,
        spoilers: bool = False,
        unmatched: str | Path | None = None,
    ) -> documents.ImportedCredits:
        """Import known voice actors: a CSV file `maker,game,character,voice_actor`, or a dump of VNDB or its folder.

        All of it or nothing; importing it again changes nothing. With `dry_run` nothing is kept. Facts that VNDB marks
        as spoilers are left out unless `spoilers`. `unmatched` is a CSV file to write what is ambiguous or unmatched
        to: fill in its column `chosen` and import it. Raises UsageError when a file is damaged or something else.
        """
        from speaker_search.cast.credits.credit_import import import_credits

        beside = None if unmatched is None else Path(unmatched)
        return import_credits(self.catalog, Path(file), dry_run=dry_run, spoilers=spoilers, unmatched=beside)

    def audit_credits(self, *, limit: int = MOST_AUDITED) -> documents.CreditAudit:
        """Credits that the voices disagree with, each with the lines to hear, and actors who sound like one person.

        Of the doubtful credits, at most `limit` are listed, the surest first.
        """
        from speaker_search.cast.credits.audit_report import audit

        return audit(self.catalog, self.ready, super()._constraints(), limit=limit)

    def likely_actors(self, *, min_probability: float = DEFAULT_PROBABILITY) -> documents.LikelyActors:
        """Who uncredited characters are probably spoken by: the actor that the credits of their voice agree on."""
        from speaker_search.cast.credits.audit_report import likely
        from speaker_search.catalog.knowledge.kept_credits import credits_of

        found = super().cast(min_probability=min_probability)
        with self.catalog.read() as connection:
            credits = credits_of(connection)
        return likely(found, credits)

    def cast(
        self, *, min_probability: float = DEFAULT_PROBABILITY, game: str | None = None, afresh: bool = False
    ) -> Cast:
        """The recurring voices of the whole catalog, or those of one game, named where credits agree."""
        from speaker_search.cast.credits.named_voices import named
        from speaker_search.catalog.knowledge.kept_credits import credits_of

        found = super().cast(min_probability=min_probability, game=game, afresh=afresh)
        with self.catalog.read() as connection:
            credits = credits_of(connection)
        return named(found, credits)

    def _constraints(self) -> Constraints:
        """What verdicts say of characters, and what credits say besides."""
        from speaker_search.cast.credits.credit_constraints import joined, only_actors
        from speaker_search.catalog.knowledge.kept_credits import credits_of

        verdicts, ids = super()._constraints(), self.ready.profiles.character_ids
        with self.catalog.read() as connection:
            credits = credits_of(connection)
        return joined(only_actors(credits, ids), verdicts).constraints
