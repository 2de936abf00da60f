"""Known voice actors."""

from __future__ import annotations

from speaker_search.library.voices.judging import Judging


class Crediting(Judging):
    """An open catalog with credits."""
