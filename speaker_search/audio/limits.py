"""What is accepted as a sound, and the refusals of what is not."""

from __future__ import annotations

from dataclasses import dataclass

from speaker_search.entities import SAMPLE_RATE, Refusal
from speaker_search.errors import AudioError


@dataclass(frozen=True, slots=True)
class Limits:
    """What is accepted as a voiced line."""

    min_seconds: float = 0.3  #: a shorter clip holds too little voice to recognise
    max_seconds: float = 60.0  #: one line, not a whole recording
    max_bytes: int = 256 * 2**20  #: of the file as stored, which is read into memory whole
    max_channels: int = 8
    min_rate: int = 4_000  #: Hz
    max_rate: int = 192_000  #: Hz
    rate: int = SAMPLE_RATE  #: Hz, that it is resampled to


def check_layout(channels: int, rate: int, name: str, limits: Limits) -> None:
    """Refuse a sound by its channels and its rate in Hz, before anything is decoded."""
    if not 1 <= channels <= limits.max_channels:
        claim = f"{channels} channels, and at most {limits.max_channels} are accepted"
        raise AudioError(Refusal.NOT_AUDIO, f"{name} claims to have {claim}.")
    if not limits.min_rate <= rate <= limits.max_rate:
        bounds = f"which is outside {limits.min_rate:,} to {limits.max_rate:,} Hz"
        raise AudioError(Refusal.NOT_AUDIO, f"{name} claims a sample rate of {rate:,} Hz, {bounds}.")


def too_long(name: str, length: str, limits: Limits) -> AudioError:
    return AudioError(Refusal.TOO_LONG, f"{name} lasts {length}, over the limit of {limits.max_seconds:g} s.")
