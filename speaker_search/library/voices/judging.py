"""People's word on which characters are one voice."""

from __future__ import annotations

from speaker_search.library.voices.sheets import Sheets


class Judging(Sheets):
    """An open catalog that keeps verdicts."""
