"""How fast an encoder embeds the catalog's own clips on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from speaker_search.audio.decoders import Decoders
from speaker_search.encoders import Encoder
from speaker_search.entities import SAMPLE_RATE, Floats, Ids
from speaker_search.errors import AudioError, NotFoundError

SAMPLED = 64  # clips, evenly chosen ...
MOST_SECONDS = 120.0  # ... as many of them as have no more sound than this together


def sample(clip_ids: Ids, sound_of: Callable[[int], Path | bytes]) -> list[Floats]:
    """Sounds (n,) at 16 kHz of some of these clips; of fewer, or none, where they cannot be read.

    `sound_of` gives a clip's file, or its content; it may raise NotFoundError and AudioError.
    """
    chosen = clip_ids[np.linspace(0, len(clip_ids) - 1, min(SAMPLED, len(clip_ids))).astype(np.int64)]
    found: list[Floats] = []
    seconds = 0.0
    with Decoders(1) as decoders:
        for id_ in chosen.tolist():
            with suppress(AudioError, NotFoundError):
                waveform = decoders.submit(sound_of(id_)).result()
                seconds += waveform.seconds
                if seconds > MOST_SECONDS and found:
                    break
                found.append(waveform.samples)
    return found


def seconds_per_second(encoder: Encoder, sounds: list[Floats]) -> float:
    """Seconds of these sounds (n,) that it embeds in a second, all of them together."""
    encoder.embed(sounds[:1])  # the first call prepares what later ones use
    began = time.perf_counter()
    encoder.embed(sounds)
    return sum(map(len, sounds)) / SAMPLE_RATE / (time.perf_counter() - began)
