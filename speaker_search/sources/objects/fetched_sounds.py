"""Sounds that are objects of their own: fetched whole, since decoders read files from the start."""

from __future__ import annotations

import errno

from speaker_search.audio.limits import Limits
from speaker_search.entities import ObjectPath, Refusal
from speaker_search.errors import AudioError
from speaker_search.sources.faults import too_large
from speaker_search.sources.objects.store import store


def sound_in_store(place: ObjectPath, size: int, *, max_bytes: int = Limits().max_bytes) -> bytes:
    """The bytes of a sound that was listed with this size, by one request.

    Raises AudioError: TOO_LONG when it is over `max_bytes` (before it is fetched), MISSING, or UNREADABLE.
    """
    if size > max_bytes:
        raise too_large(place.name, size, max_bytes)
    if size <= 0:
        return b""  # a store answers no range of an empty object
    try:
        return store(place.scheme).read(place, 0, max_bytes)  # it may have grown since
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise AudioError(Refusal.MISSING, f"{place.name} does not exist: {error}.") from error
        raise AudioError(Refusal.UNREADABLE, f"{place.name} cannot be read: {error}.") from error
