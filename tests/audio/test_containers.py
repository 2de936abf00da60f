"""Sounds in containers that libsndfile does not read: m4a, webm, wma and the sound of videos."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="the optional package av is not installed")

import soxr
from audio.boxes import KINDS, boxed

from speaker_search.audio import Limits, header_seconds, read
from speaker_search.audio.containers import MAX_STREAMS
from speaker_search.audio.decoders import Decoders
from speaker_search.entities import SAMPLE_RATE, Refusal
from speaker_search.errors import AudioError

LOSSLESS = ("alac.m4a", "mov", "mkv", "aiff", "caf")
LIMITS = Limits(max_seconds=2.0)


def sound(kind: str, seconds: float = 1.0) -> np.ndarray:
    """A tone that rises from 200 to 1,500 Hz with a peak of 0.5, at the kind's rate."""
    rate = KINDS[kind][2]
    time = np.arange(int(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * (200 + 650 * time / seconds) * time)).astype(np.float32)


def refusal(data: bytes, limits: Limits = LIMITS) -> AudioError:
    with pytest.raises(AudioError) as caught:
        read(data, limits)
    assert "0x" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_the_sound_of_every_container_is_read(kind: str) -> None:
    samples = sound(kind)
    wave = read(boxed(samples, kind), LIMITS).samples
    expected = soxr.resample(samples, KINDS[kind][2], SAMPLE_RATE, quality="HQ")
    assert len(wave) == pytest.approx(SAMPLE_RATE, abs=0.06 * SAMPLE_RATE)  # codecs pad to whole frames
    if kind in LOSSLESS:
        assert np.allclose(wave, expected, atol=1e-3)
    middle = expected[4_000:12_000]
    likeness = np.correlate(wave, middle, "valid") / np.linalg.norm(middle)
    delay = int(likeness.argmax())
    assert likeness[delay] > 0.98 * np.linalg.norm(wave[delay : delay + len(middle)])


def test_the_same_sound_has_the_same_fingerprint_in_another_lossless_container() -> None:
    samples = sound("mov")
    assert read(boxed(samples, "mov")).fingerprint == read(boxed(samples, "mov", tracks=2)).fingerprint


def test_of_several_tracks_the_first_is_heard() -> None:
    samples = sound("mkv")
    assert np.array_equal(read(boxed(samples, "mkv", tracks=3)).samples, read(boxed(samples, "mkv")).samples)


def test_a_length_over_the_limit_is_refused_by_the_header_or_while_decoding() -> None:
    for kind in ("m4a", "webm", "aac"):
        error = refusal(boxed(sound(kind, 3.0), kind))
        assert error.reason is Refusal.TOO_LONG
        assert str(error).endswith("over the limit of 2 s.")


@pytest.mark.parametrize("kind", KINDS)
def test_the_length_is_known_before_it_is_decoded(kind: str) -> None:
    assert header_seconds(boxed(sound(kind), kind), LIMITS) == pytest.approx(1.0, abs=0.15)


def test_a_length_that_no_header_tells_counts_as_the_longest(tmp_path: Path) -> None:
    """As browsers write webm, in one go: else minutes of them would be decoded together."""
    whole = boxed(sound("webm"), "webm")
    header = whole.replace(b"\x44\x89\x88", b"\xec\x89\x88", 1)  # the element Duration becomes one to be skipped
    assert header != whole
    assert header_seconds(header, LIMITS) == LIMITS.max_seconds


def test_a_film_without_sound_is_refused() -> None:
    error = refusal(boxed(sound("mp4"), "mp4", tracks=0))
    assert error.reason is Refusal.NOT_AUDIO
    assert str(error) == "The clip has no sound that can be decoded in it."


@pytest.mark.parametrize("kind", ["m4a", "webm", "mp4", "mkv", "wma"])
def test_a_file_that_breaks_off_is_refused_or_counts_with_what_is_left(kind: str) -> None:
    data = boxed(sound(kind), kind)
    reasons = (Refusal.NOT_AUDIO, Refusal.EMPTY, Refusal.TOO_SHORT)
    for share in (0.01, 0.1, 0.5, 0.9):
        try:
            assert 0.3 <= read(data[: int(share * len(data))]).seconds < 1.06
        except AudioError as error:
            if error.reason not in reasons:
                raise


def test_hostile_containers_are_refused_by_the_child_and_cost_nothing_else() -> None:
    """Damaged codecs, hundreds of tracks, and minutes of silence in a small file."""
    whole = boxed(sound("m4a"), "m4a")
    rng = np.random.default_rng(2)
    broken = []
    for kind in ("m4a", "webm", "mkv", "wma"):
        data = bytearray(boxed(sound(kind), kind))
        for place in rng.integers(40, len(data), 200):
            data[place] = int(rng.integers(256))
        broken.append(bytes(data))
    crowd = boxed(sound("mov", 0.3), "mov", tracks=10 * MAX_STREAMS)
    silence = boxed(np.zeros(300 * 44_100, np.float32), "mkv")
    assert len(silence) < 2**20
    hostile = [*broken, crowd, silence, b"\0\0\0\x20ftypM4A " + bytes(500), b"\x1a\x45\xdf\xa3" + bytes(500)]
    with Decoders(1, limits=LIMITS) as decoders:
        refused = [decoders.submit(data).exception() for data in hostile]
        assert decoders.submit(whole).result().seconds == pytest.approx(1.0, abs=0.06)
    assert all(error is None or isinstance(error, AudioError) for error in refused)
    reasons = [getattr(error, "reason", None) for error in refused[len(broken) :]]
    assert reasons == [Refusal.NOT_AUDIO, Refusal.TOO_LONG, Refusal.NOT_AUDIO, Refusal.NOT_AUDIO]


def test_without_the_package_a_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    data = boxed(sound("m4a"), "m4a")
    monkeypatch.setitem(sys.modules, "av", None)
    assert str(refusal(data)) == (
        "The clip is in a format that needs the extra `containers` (the package av) to be read: install it "
        "(`pip install av`), or convert the file, for example `ffmpeg -i q.m4a q.wav`."
    )


def test_a_reference_to_another_file_is_not_followed() -> None:
    """A playlist, which FFmpeg would open file after file, is no format that is read."""
    assert refusal(b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n").reason is Refusal.NOT_AUDIO
    assert refusal(b"ffconcat version 1.0\nfile /etc/hostname\n").reason is Refusal.NOT_AUDIO
