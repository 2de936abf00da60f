"""A recording's fingerprint: equal for the same audio in another file, different for other audio."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speaker_search.audio import read
from speaker_search.audio.fingerprint import fingerprint


def noise(rate: int = 44_100, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(6).integers(-9_000, 9_000, (rate // 2, channels), dtype=np.int16)


def encoded(samples: np.ndarray, rate: int, kind: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def of(source: Path | bytes) -> bytes:
    return read(source).fingerprint


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_lossless_files_of_the_same_samples_have_the_same_fingerprint(rate: int, channels: int) -> None:
    samples = noise(rate, channels)
    kinds = [("WAV", "PCM_16"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24")]
    found = {of(encoded(samples, rate, kind, subtype)) for kind, subtype in kinds}
    found.add(of(encoded((samples / 2**15).astype(np.float32), rate, "WAV", "FLOAT")))
    assert len(found) == 1
    assert len(found.pop()) == 16


def test_a_file_keeps_its_fingerprint_when_moved_and_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(encoded(noise(), 44_100, "OGG", "VORBIS"))
    assert of(path) == of(path.read_bytes()) == of(path.rename(tmp_path / "b.ogg"))


def test_one_sample_that_differs_by_one_step_makes_another_fingerprint() -> None:
    samples, changed = noise(), noise()
    changed[7_000] += 1
    assert of(encoded(samples, 44_100, "FLAC", "PCM_16")) != of(encoded(changed, 44_100, "WAV", "PCM_16"))


def test_the_same_samples_at_another_rate_have_another_fingerprint() -> None:
    assert len({of(encoded(noise(), rate, "WAV", "PCM_16")) for rate in (22_050, 32_000, 44_100)}) == 3


def test_the_fingerprint_is_that_of_the_rate_and_16_bit_samples_on_every_machine() -> None:
    mono = np.array([0.0, 0.5, -1.0, 1.0, 1.5, -(2.0**31), 0.4 / 2**15, -0.0], np.float32)
    assert fingerprint(mono, 48_000).hex() == "bbcdbecc89e43f41ef34e1a82d420b2e"
    exact = np.array([0, 16_384, -32_768, 32_767, 32_767, -32_768, 0, 0], np.float32) / np.float32(2**15)
    assert fingerprint(exact, 48_000) == fingerprint(mono, 48_000)
