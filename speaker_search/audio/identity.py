"""What makes two files the same recording."""

from __future__ import annotations

import hashlib

import numpy as np

from speaker_search.entities import Floats

HASH_BYTES = 16


def content_hash(mono: Floats, rate: int) -> bytes:
    """16 bytes that are equal for equal audio, whatever file it came in: BLAKE2b over the rate and 16-bit samples.

    `mono`, (n,) in [-1, 1], is what the decoder gave, at the file's own rate in Hz: what resampling adds depends on
    soxr's version. Rounded to 16 bits, PCM is the same as wav and flac, as integers and as floats, on every machine.
    A lossy file keeps its hash when moved or put into another container, but only as long as its decoder gives the
    same floats: another build of libsndfile may differ in the last bit, and some sample then rounds the other way.
    """
    scaled = mono * np.float32(2**15)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -(2**15), 2**15 - 1, out=scaled)
    digest = hashlib.blake2b(rate.to_bytes(4, "little"), digest_size=HASH_BYTES)
    digest.update(scaled.astype("<i2").data)
    return digest.digest()
