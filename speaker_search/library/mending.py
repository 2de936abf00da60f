"""Names mended by people: renamed, merged, and undone."""

from __future__ import annotations

from speaker_search.library.carrying import Carrying


class Mending(Carrying):
    """An open catalog whose names can be mended."""
