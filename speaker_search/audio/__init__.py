"""Files and bytes become waveforms, or are refused with a reason."""

# Not Decoders: the child they start imports this package, and is to be quick about it.
from speaker_search.audio.identity import content_hash
from speaker_search.audio.reading import AUDIO_SUFFIXES, Limits, header_seconds, read

__all__ = ["AUDIO_SUFFIXES", "Limits", "content_hash", "header_seconds", "read"]
