"""Sound files and bytes become waveforms, or are refused with a reason."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from speaker_search.audio import AUDIO_SUFFIXES, Limits, read
from speaker_search.entities import SAMPLE_RATE, Refusal
from speaker_search.errors import AudioError

LOSSLESS = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("FLAC", "PCM_16")]
LOSSY = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]


def tone(seconds: float, rate: int = 44_100, channels: int = 1, hertz: float = 220.0) -> np.ndarray:
    """A sine of peak 0.3, each channel half as loud as the one before: (frames, channels)."""
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * hertz * time)
    return np.stack([wave / 2**channel for channel in range(channels)], axis=1).astype(np.float32)


def encoded(samples: np.ndarray, rate: int = 44_100, kind: str = "FLAC", subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def refusal(source: Path | bytes, limits: Limits | None = None) -> AudioError:
    with pytest.raises(AudioError) as caught:
        read(source, limits or Limits())
    assert "0x" not in str(caught.value)
    assert str(caught.value).endswith(".")
    return caught.value


def flac_claiming(frames: int, data: bytes) -> bytes:
    """The FLAC file with another length in its STREAMINFO, the 36 bits that end 18 bytes into that block's content."""
    claiming = bytearray(data)
    claiming[21] = claiming[21] & 0xF0 | frames >> 32
    claiming[22:26] = struct.pack(">I", frames & 0xFFFF_FFFF)
    return bytes(claiming)


@pytest.mark.parametrize(("kind", "subtype"), [*LOSSLESS, *LOSSY])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_becomes_16_khz_mono_float32(kind: str, subtype: str, channels: int) -> None:
    rate = 48_000
    wave = read(encoded(tone(1.0, rate, channels), rate, kind, subtype))
    assert wave.samples.dtype == np.float32
    assert wave.samples.ndim == 1
    assert wave.samples.flags.c_contiguous
    assert wave.seconds == pytest.approx(1.0, abs=0.06)  # mp3 pads to whole frames
    spectrum = np.abs(np.fft.rfft(wave.samples))
    assert np.argmax(spectrum) * SAMPLE_RATE / len(wave.samples) == pytest.approx(220.0, abs=2.0)
    assert float(wave.samples.std() * 2**0.5) == pytest.approx(0.3 if channels == 1 else 0.225, rel=0.1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000])
def test_the_length_in_seconds_does_not_depend_on_the_rate(rate: int) -> None:
    assert read(encoded(tone(0.5, rate), rate)).seconds == pytest.approx(0.5, abs=2 / SAMPLE_RATE)


def test_a_path_and_its_bytes_give_the_same_samples(tmp_path: Path) -> None:
    path = tmp_path / "琴子 01.ogg"
    path.write_bytes(encoded(tone(0.5), kind="OGG", subtype="VORBIS"))
    assert np.array_equal(read(path).samples, read(path.read_bytes()).samples)


def test_the_suffix_of_a_path_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "clip.raw"
    path.write_bytes(encoded(tone(0.5)))
    assert read(path).seconds == pytest.approx(0.5, abs=0.001)


def test_16_khz_samples_come_back_untouched() -> None:
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, SAMPLE_RATE).astype(np.float32)
    assert np.array_equal(read(encoded(samples, SAMPLE_RATE, "WAV", "FLOAT")).samples, samples)


def test_another_rate_is_resampled_by_soxr_hq() -> None:
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, 44_100).astype(np.float32)
    expected = soxr.resample(samples, 44_100, SAMPLE_RATE, quality="HQ")
    assert np.array_equal(read(encoded(samples, 44_100, "WAV", "FLOAT")).samples, expected)


@pytest.mark.parametrize("channels", [2, 3, 8])
def test_channels_are_averaged(channels: int) -> None:
    samples = np.random.default_rng(2).uniform(-0.5, 0.5, (SAMPLE_RATE, channels)).astype(np.float32)
    read_back = read(encoded(samples, SAMPLE_RATE, "WAV", "FLOAT")).samples
    assert np.allclose(read_back, samples.mean(axis=1), atol=1e-7)


def test_a_long_file_is_decoded_in_blocks_without_a_seam() -> None:
    samples = np.random.default_rng(3).integers(-9_000, 9_000, (700_000, 8), dtype=np.int16)  # over one block
    read_back = read(encoded(samples, SAMPLE_RATE)).samples
    assert np.allclose(read_back, (samples / 32_768).mean(axis=1), atol=1e-6)


def test_audio_suffixes_are_lower_case_with_their_dot() -> None:
    assert {".ogg", ".oga", ".opus", ".flac", ".wav", ".mp3"} == AUDIO_SUFFIXES


def test_a_missing_file_is_refused_as_missing(tmp_path: Path) -> None:
    error = refusal(tmp_path / "gone.ogg")
    assert error.reason is Refusal.MISSING
    assert str(error) == "gone.ogg does not exist."


def test_a_path_through_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert refusal(tmp_path / "file" / "clip.ogg").reason is Refusal.MISSING


@pytest.mark.parametrize("name", ["a\0b.ogg", "\udcff\ud800.ogg"])
def test_a_name_that_no_file_can_have_is_missing(tmp_path: Path, name: str) -> None:
    error = refusal(tmp_path / name)
    assert error.reason is Refusal.MISSING
    assert str(error).encode("utf-8").isascii()
    assert "\0" not in str(error)


def test_a_name_that_is_too_long_for_the_file_system_is_unreadable(tmp_path: Path) -> None:
    assert refusal(tmp_path / ("x" * 5_000)).reason is Refusal.UNREADABLE


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "clip.ogg"
    path.write_bytes(encoded(tone(0.5)))
    path.chmod(0)
    assert refusal(path).reason is Refusal.UNREADABLE


def test_a_folder_named_like_a_clip_is_not_audio(tmp_path: Path) -> None:
    (tmp_path / "x.ogg").mkdir()
    error = refusal(tmp_path / "x.ogg")
    assert error.reason is Refusal.NOT_AUDIO
    assert str(error) == "x.ogg is a folder."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.ogg")
    assert refusal(tmp_path / "x.ogg").reason is Refusal.NOT_AUDIO


@pytest.mark.parametrize(
    "data",
    [
        "これは音声ではありません".encode(),
        b"OggS",
        b"fLaC" + bytes(100),
        b"RIFF\x00\x00\x00\x00WAVE",
        b"\xff",
        b"\xff\xfb",
        b"ID3" + bytes(50),
        b".snd" + bytes(500),  # Sun audio, which libsndfile would read
        np.random.default_rng(5).bytes(4_096),
    ],
)
def test_what_is_not_audio_is_refused_as_such(tmp_path: Path, data: bytes) -> None:
    assert refusal(data).reason is Refusal.NOT_AUDIO
    path = tmp_path / "text.ogg"
    path.write_bytes(data)
    assert refusal(path).reason is Refusal.NOT_AUDIO
    assert str(refusal(path)).startswith("text.ogg ")


@pytest.mark.parametrize(
    ("kind", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("WAV", "PCM_16")]
)
def test_a_truncated_header_is_not_audio(kind: str, subtype: str) -> None:
    assert refusal(encoded(tone(0.5, 48_000), 48_000, kind, subtype)[:30]).reason is Refusal.NOT_AUDIO


def test_nine_channels_are_refused() -> None:
    error = refusal(encoded(np.zeros((8_000, 9), np.float32), 16_000, "WAV"))
    assert error.reason is Refusal.NOT_AUDIO
    assert "9 channels" in str(error)


@pytest.mark.parametrize("rate", [1, 2_000, 400_000])
def test_an_implausible_rate_is_refused(rate: int) -> None:
    error = refusal(encoded(np.zeros(8_000, np.float32), rate, "WAV"))
    assert error.reason is Refusal.NOT_AUDIO
    assert f"{rate:,} Hz" in str(error)


def test_no_bytes_are_empty(tmp_path: Path) -> None:
    (tmp_path / "clip.ogg").touch()
    assert refusal(tmp_path / "clip.ogg").reason is Refusal.EMPTY
    assert refusal(b"").reason is Refusal.EMPTY


@pytest.mark.parametrize(("kind", "subtype"), [("WAV", "PCM_16"), ("OGG", "VORBIS")])
def test_no_frames_are_empty(kind: str, subtype: str) -> None:
    assert refusal(encoded(np.zeros((0, 1), np.float32), kind=kind, subtype=subtype)).reason is Refusal.EMPTY


def test_the_shortest_line_lasts_0_3_seconds() -> None:
    assert read(encoded(tone(0.3, 16_000), 16_000)).seconds == 0.3
    error = refusal(encoded(tone(0.29, 16_000), 16_000))
    assert error.reason is Refusal.TOO_SHORT
    assert str(error) == "The clip is 0.29 s long, and at least 0.3 s are needed."


def test_the_longest_line_lasts_a_minute() -> None:
    assert read(encoded(tone(60.0, 16_000), 16_000)).seconds == 60.0
    error = refusal(encoded(tone(60.001, 16_000), 16_000))
    assert error.reason is Refusal.TOO_LONG
    assert "over the limit of 60 s." in str(error)


def test_length_is_judged_by_the_header_before_decoding() -> None:
    short = encoded(tone(0.5))
    undecodable = flac_claiming(44_100 * 100, short[: len(short) // 2])
    assert refusal(undecodable).reason is Refusal.TOO_LONG


def test_a_stream_of_unknown_length_is_read() -> None:
    assert read(flac_claiming(0, encoded(tone(0.5)))).seconds == pytest.approx(0.5, abs=0.001)


def test_a_stream_of_unknown_length_is_not_decoded_past_the_limit() -> None:
    error = refusal(flac_claiming(0, encoded(tone(3.0))), Limits(max_seconds=1.0))
    assert error.reason is Refusal.TOO_LONG


def test_a_header_that_claims_too_little_gives_no_more_than_it_claims() -> None:
    assert read(flac_claiming(22_050, encoded(tone(2.0)))).seconds == pytest.approx(0.5, abs=0.001)


def test_too_many_bytes_are_refused_unread(tmp_path: Path) -> None:
    data = encoded(tone(0.5))
    path = tmp_path / "clip.flac"
    path.write_bytes(data)
    limits = Limits(max_bytes=len(data) - 1)
    assert refusal(path, limits).reason is Refusal.TOO_LONG
    assert refusal(data, limits).reason is Refusal.TOO_LONG
    assert read(path, Limits(max_bytes=len(data))).seconds == pytest.approx(0.5, abs=0.001)


def test_silence_is_below_minus_60_dbfs() -> None:
    loud = np.full(16_000, 0.00101, np.float32)
    assert read(encoded(loud, 16_000, "WAV", "FLOAT")).seconds == 1.0
    assert refusal(encoded(loud * 0.98, 16_000, "WAV", "FLOAT")).reason is Refusal.SILENT
    assert refusal(encoded(np.zeros(16_000, np.float32), 16_000, "OGG", "VORBIS")).reason is Refusal.SILENT


def test_channels_that_cancel_out_are_silent() -> None:
    mono = tone(0.5, 16_000)
    assert refusal(encoded(np.hstack([mono, -mono]), 16_000)).reason is Refusal.SILENT


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_not_plain_numbers_are_refused(value: float, channels: int) -> None:
    samples = tone(0.5, 16_000, channels)
    samples[1_000] = value
    assert refusal(encoded(samples, 16_000, "WAV", "FLOAT")).reason is Refusal.NOT_FINITE


def test_opposite_infinities_are_refused_without_a_warning() -> None:
    samples = tone(0.5, 16_000, 2)
    samples[5] = (np.inf, -np.inf)
    assert refusal(encoded(samples, 16_000, "WAV", "FLOAT")).reason is Refusal.NOT_FINITE


def test_another_format_is_refused_with_how_to_convert_it() -> None:
    assert str(refusal(b"MThd" + bytes(500))) == (
        "The clip is not a format that can be read (wav, flac, ogg, opus, mp3; with the extra `containers` also m4a, "
        "mp4, mov, webm, mkv, wma, aac, avi, flv, amr, aiff, caf): convert it, for example `ffmpeg -i q.mp4 q.wav`."
    )


@pytest.mark.parametrize(("kind", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("WAV", "PCM_16")])
def test_a_file_that_breaks_off_counts_with_what_is_left(kind: str, subtype: str) -> None:
    noise = np.random.default_rng(4).uniform(-0.5, 0.5, 4 * 48_000).astype(np.float32)  # a tone would fit in one page
    data = encoded(noise, 48_000, kind, subtype)
    assert 0.5 < read(data[: len(data) * 6 // 10]).seconds < 3.5


def test_a_hole_in_an_ogg_costs_only_its_own_frames() -> None:
    data = bytearray(encoded(tone(4.0), kind="OGG", subtype="VORBIS"))
    middle = len(data) // 2
    data[middle : middle + 1_000] = bytes(1_000)
    assert 1.0 < read(bytes(data)).seconds < 4.0


def test_an_error_half_way_through_decoding_refuses_the_file() -> None:
    data = encoded(tone(4.0))
    error = refusal(data[: len(data) // 2])
    assert error.reason is Refusal.NOT_AUDIO
    assert str(error).startswith("The clip cannot be decoded: ")
