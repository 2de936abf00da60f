"""Clips that may have the wrong character."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speaker_search.catalog import people
from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.documents.models.suspect_clips import SuspectClips
from speaker_search.errors import UsageError
from speaker_search.library.questions.asking import Asking
from speaker_search.new_file import check_place


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
        exists is replaced. The table is for reading: it cannot be ingested itself. Raises NotFoundError for an unknown
        game, and UsageError for rows of several games that have different index.json.
        """
        from speaker_search.cast.sheets.export import as_csv, write
        from speaker_search.cast.suspects.suspect_lines import suspect_clips
        from speaker_search.cast.unknown_speakers.index_patch import check_patch, index_folder, index_rows
        from speaker_search.search.calibration import least_log_odds

        if limit is not None and limit < 1:
            raise UsageError(f"The limit must be at least 1, not {limit}.")
        least = least_log_odds(min_probability)
        if export_to is not None:
            check_patch(export_to)
            check_place(export_to, replace=True)
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
                listed = found.of_their_game
                games_of = {(one.own.maker, one.own.game) for one in listed}
                if len(games_of) > 1 and len({index_folder(one.path) for one in listed}) > 1:
                    raise UsageError("The suspects are of several games.", "Name one with --game.")
                content = index_rows((one.path, one.text, one.likelier.name) for one in listed)
            write(content, export_to)
        return found
