"""Files and bytes become waveforms, or are refused with a reason."""

# Decoders is left out: the child processes it starts import this package, and should start quickly.
from speaker_search.audio.decode import AUDIO_SUFFIXES, header_seconds, read
from speaker_search.audio.limits import Limits

__all__ = ["AUDIO_SUFFIXES", "Limits", "header_seconds", "read"]
