"""The sounds that notebooks play."""

from __future__ import annotations

from typing import Any

from speaker_search.errors import SpeakerSearchError
from speaker_search.library.holdings import Holdings
from speaker_search.library.media_types import IN_BROWSERS

INLINE_BYTES = 512 * 1024  # of a clip's sound as stored: a larger one has no player


class InlineSounds:
    """Reads clips' sounds from an open catalog. Answers hold it: copies share it, and pickled ones are silent."""

    __slots__ = ("_holdings",)

    def __init__(self, holdings: Holdings | None = None) -> None:
        self._holdings = holdings

    def __call__(self, clip_id: int) -> tuple[str, bytes] | None:
        """A clip's media type and sound as stored; None where it cannot be read or played, or is too large."""
        if self._holdings is None:
            return None
        try:
            sound = self._holdings.sound(clip_id)
            if sound.media_type not in IN_BROWSERS:
                return None
            if isinstance(sound.source, bytes):
                content = sound.source
            elif sound.source.stat().st_size > INLINE_BYTES:
                return None
            else:
                content = sound.source.read_bytes()
        except (SpeakerSearchError, OSError):
            return None
        return (sound.media_type, content) if len(content) <= INLINE_BYTES else None

    def __deepcopy__(self, _: object) -> InlineSounds:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return InlineSounds, ()
