"""Whatever the bytes are, they become a waveform or raise AudioError, and nothing else happens."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.audio import read
from speaker_search.entities import Waveform
from speaker_search.errors import AudioError

KINDS = [
    ("OGG", "VORBIS", 44_100),
    ("OGG", "OPUS", 48_000),
    ("FLAC", "PCM_16", 44_100),
    ("WAV", "PCM_16", 22_050),
    ("WAV", "FLOAT", 16_000),
    ("MP3", "MPEG_LAYER_III", 44_100),
]


def small_file(kind: str, subtype: str, rate: int) -> bytes:
    samples = np.random.default_rng(7).uniform(-0.2, 0.2, (rate // 2, 2)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def outcome(data: bytes) -> str:
    """Read it and check what callers rely on: "read", or the reason of the refusal."""
    try:
        wave = read(data)
    except AudioError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert "0x" not in str(refused)
        return refused.reason
    assert isinstance(wave, Waveform)
    assert wave.samples.dtype == np.float32
    assert wave.samples.flags.c_contiguous
    assert np.isfinite(wave.samples).all()
    assert 0.29 < wave.seconds <= 60.001
    return "read"


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, most of them in the header; sometimes cut off, or with bytes inserted."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 2, 4, 16])):
        reach = min(len(changed), 120) if rng.random() < 0.6 else len(changed)
        changed[rng.randrange(reach)] = rng.choice([0, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    if rng.random() < 0.3:
        del changed[rng.randrange(len(changed)) :]
    if rng.random() < 0.2:
        place = rng.randrange(len(changed) + 1)
        changed[place:place] = rng.randbytes(rng.randrange(1, 60))
    return bytes(changed)


@pytest.mark.parametrize(("kind", "subtype", "rate"), KINDS)
def test_mutated_bytes_are_read_or_refused(kind: str, subtype: str, rate: int) -> None:
    data = small_file(kind, subtype, rate)
    assert outcome(data) == "read"
    rng = random.Random(f"{kind} {subtype}")
    outcomes = {outcome(mutated(data, rng)) for _ in range(100)}
    assert "not_audio" in outcomes


@pytest.mark.parametrize(("kind", "subtype", "rate"), KINDS)
def test_every_truncation_of_a_header_is_read_or_refused(kind: str, subtype: str, rate: int) -> None:
    data = small_file(kind, subtype, rate)
    for length in range(60):
        assert outcome(data[:length]) in {"not_audio", "empty", "too_short", "silent"}


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    st.sampled_from([b"", b"OggS\0", b"fLaC", b"RIFF\xff\0\0\0WAVEfmt \x10\0\0\0", b"ID3\x03", b"\xff\xfb\x90\xc4"]),
    st.binary(max_size=600),
)
def test_any_bytes_behind_any_signature_are_read_or_refused(signature: bytes, rest: bytes) -> None:
    outcome(signature + rest)
