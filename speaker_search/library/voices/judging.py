"""People's word on which characters are one voice."""

from __future__ import annotations

from speaker_search.library.voices.casting import Casting


class Judging(Casting):
    """An open catalog that keeps verdicts."""
