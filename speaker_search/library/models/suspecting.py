"""Clips that may have the wrong character."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speaker_search.catalog import people
from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.documents.models.suspect_clips import SuspectClips
from speaker_search.errors import UsageError
from speaker_search.library.questions.asking import Asking


class Suspecting(Asking):
    """An open catalog that doubts its labels."""

    def suspects(
        self,
        *,
        game: str | None = None,
        min_probability: float = DEFAULT_PROBABILITY,
        limit: int | None = 20,
        export_to: Path | None = None,
    ) -> SuspectClips:
        """Clips that sound less like their own character than like another, the most suspect first. Nothing is moved.

        Characters of one voice are not told apart. With `export_to`, the clips listed are also written as a table
        (.csv), or those of the game's own other characters as corrected rows of an index.json (.json); a file that
        exists is replaced. Raises NotFoundError for an unknown game.
        """
        from speaker_search.cast.sheets.export import as_csv, write
        from speaker_search.cast.suspects.suspect_lines import suspect_clips
        from speaker_search.cast.unknown_speakers.index_patch import check_patch, index_rows
        from speaker_search.search.calibration import least_log_odds

        if limit is not None and limit < 1:
            raise UsageError(f"The limit must be at least 1, not {limit}.")
        least = least_log_odds(min_probability)
        if export_to is not None:
            check_patch(export_to)
        games = None
        if game is not None:
            with self.catalog.read() as connection:
                games = np.array(sorted(people.games_called(connection, [game])), np.int64)
        ready = self.ready
        found = suspect_clips(
            self.catalog, ready, games=games, voices=self._voices(ready), least_log_odds=least, limit=limit
        )
        if export_to is not None:
            if export_to.suffix.lower() == ".csv":
                content = as_csv(found.columns, found.cells())
            else:
                content = index_rows((one.path, one.text, one.likelier.name) for one in found.of_their_game)
            write(content, export_to)
        return found
