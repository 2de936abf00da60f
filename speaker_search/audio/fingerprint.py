"""What makes two files the same recording."""

from __future__ import annotations

import hashlib

import numpy as np

from speaker_search.entities import Floats

FINGERPRINT_BYTES = 16


def fingerprint(mono: Floats, rate: int) -> bytes:
    """16 bytes that are equal for equal audio, whatever file it came in: BLAKE2b over the rate and 16-bit samples.

    `mono`, (n,) in [-1, 1], is what the decoder returned, at the file's own rate in Hz. It is taken before resampling,
    whose result depends on soxr's version. Once rounded to 16 bits, PCM from wav and flac is identical on every
    machine, whether stored as integers or floats. A lossy file keeps its fingerprint when it is moved or put into
    another container, but only while its decoder returns the same floats: another build of libsndfile may differ in
    the last bit, which can round a sample the other way.
    """
    scaled = mono * np.float32(2**15)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -(2**15), 2**15 - 1, out=scaled)
    digest = hashlib.blake2b(rate.to_bytes(4, "little"), digest_size=FINGERPRINT_BYTES)
    digest.update(scaled.astype("<i2").data)
    return digest.digest()
