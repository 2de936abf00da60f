"""Files and bytes become waveforms, or are refused with a reason."""

from speaker_search.audio.reading import AUDIO_SUFFIXES, Limits, read

__all__ = ["AUDIO_SUFFIXES", "Limits", "read"]
