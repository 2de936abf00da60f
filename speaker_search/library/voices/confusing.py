"""Characters that sound like one person, for people to merge or to judge."""

from __future__ import annotations

from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.documents.models.confused_characters import Confusions
from speaker_search.documents.paging import key_of
from speaker_search.library.holdings import check_limit
from speaker_search.library.voices.crediting import Crediting


class Confusing(Crediting):
    """An open catalog that lists what its voices confuse."""

    def confusions(
        self, *, min_probability: float = DEFAULT_PROBABILITY, limit: int = 20, cursor: str | None = None
    ) -> Confusions:
        """A page of pairs of characters that sound like one person and that no verdict or credit answers.

        First those whose names are nearly one, in one game and then in games of one maker, and then those of other
        names in two games; the likeliest first. Raises UsageError for a probability or cursor that is none.
        """
        from speaker_search.cast.confusions.confused_report import page_of_confusions
        from speaker_search.search.calibration import least_log_odds

        check_limit(limit)
        least, after = least_log_odds(min_probability), key_of(cursor, "confusions", 4)
        ready, said = self._informed(self.ready), self._constraints().groups()
        return page_of_confusions(self.catalog, ready, said, least, limit=limit, after=after)
