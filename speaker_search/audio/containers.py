"""Sounds that libsndfile does not read, such as m4a, webm and the sound of a video: decoded by FFmpeg, through PyAV.

PyAV is an optional dependency. It resamples nothing here: FFmpeg's resampler gives other samples than soxr, with which
the encoders' authors read their training data.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from speaker_search.audio.limits import Limits, check_layout, too_long
from speaker_search.entities import Floats, Refusal
from speaker_search.errors import AudioError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

#: FFmpeg's name of each format's reader, by the bytes at an offset. If it were left to guess, FFmpeg would try hundreds
#: of readers, and some of them (for playlists, say) open the files that a sound names.
_SIGNATURES = (
    (4, b"ftyp", "mov"),  # m4a, mp4, mov, 3gp
    (0, b"\x1a\x45\xdf\xa3", "matroska"),  # webm, mkv, mka
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),  # wma, wmv
    (8, b"AVI ", "avi"),
    (0, b"FLV\x01", "flv"),
    (0, b"#!AMR", "amr"),
    (0, b"FORM", "aiff"),
    (0, b"caff", "caf"),
)
FORMATS = "m4a, mp4, mov, webm, mkv, wma, aac, avi, flv, amr, aiff, caf"
_DURATION_HZ = 1_000_000  # of FFmpeg's durations of whole files
MAX_STREAMS = 64  # of a file: a film has a dozen, with all its languages
_OPTIONS = {"max_streams": str(MAX_STREAMS), "enable_drefs": "0", "use_absolute_path": "0"}
_CODECS = (
    "aac,aac_latm,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,alac,amrnb,amrwb,dca,eac3,flac,mp1,mp1float,mp2,"
    "mp2float,mp3,mp3float,nellymoser,opus,libopus,speex,libspeex,truehd,vorbis,libvorbis,wmalossless,wmapro,wmav1,wmav2,"
    "wmavoice,pcm_alaw,pcm_mulaw,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,"
    "pcm_s32be,pcm_s32le,pcm_s8,pcm_u8"
)


def format_of(data: bytes) -> str | None:
    """FFmpeg's name for the format of a file, by its first bytes; None when it is not one of FORMATS."""
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:  # ADTS: like mp3, of layer 0, which mp3 lacks
        return "aac"
    return next((name for at, sign, name in _SIGNATURES if data.startswith(sign, at)), None)


def decode(data: bytes, kind: str, name: str, limits: Limits) -> tuple[Floats, int]:
    """The first sound track of a file as mono (n,), the mean of its channels, and its rate in Hz.

    Stops one frame after max_seconds, whatever the header says. Of a truncated file, what could be decoded counts.
    Raises AudioError. FFmpeg may also crash the process, so call this in a child process.
    """
    with _opened(data, kind, name) as file:
        return _decode(file, name, limits)


def header_seconds(data: bytes, kind: str, limits: Limits) -> float:
    """The length in seconds that a file promises, or the limit where it does not say. Raises AudioError."""
    with _opened(data, kind, "") as file:
        stream = _sound(file, "", limits)
        promised = _promised(stream) or (file.duration or 0) / _DURATION_HZ
        return min(promised, limits.max_seconds) or limits.max_seconds


@cache
def installed() -> bool:
    """Whether the package av is there."""
    return importlib.util.find_spec("av") is not None


@contextmanager
def _opened(data: bytes, kind: str, name: str) -> Iterator[Any]:
    """The file in PyAV. Raises AudioError, also for what goes wrong while it is open."""
    try:
        import av
    except ImportError as error:
        raise AudioError(
            Refusal.NOT_AUDIO,
            f"{name} is in a format that needs the extra `containers` (the package av) to be read: "
            "install it (`pip install av`), or convert the file, for example `ffmpeg -i q.m4a q.wav`.",
        ) from error
    options = _OPTIONS | {"codec_whitelist": _CODECS}
    try:
        with av.open(io.BytesIO(data), format=kind, container_options=options, metadata_errors="replace") as file:
            yield file
    except (av.FFmpegError, ValueError) as error:
        detail = getattr(error, "strerror", None) or "FFmpeg cannot read it"
        raise AudioError(Refusal.NOT_AUDIO, f"{name} cannot be decoded: {detail}.") from error


def _sound(file: Any, name: str, limits: Limits) -> Any:
    """The first sound track. Raises AudioError when there is none, or its header promises too much."""
    if not file.streams.audio:
        raise AudioError(Refusal.NOT_AUDIO, f"{name} has no sound that can be decoded in it.")
    stream = file.streams.audio[0]
    if stream.channels:  # some formats say only in the stream itself how many there are
        check_layout(stream.channels, stream.rate, name, limits)
    if (promised := _promised(stream)) > limits.max_seconds:
        raise too_long(name, f"{promised:,.1f} s", limits)
    return stream


def _promised(stream: Any) -> float:
    """The length of a track in seconds by its header; 0.0 where it does not say."""
    return float(stream.duration * stream.time_base) if stream.duration else 0.0


def _decode(file: Any, name: str, limits: Limits) -> tuple[Floats, int]:
    stream = _sound(file, name, limits)
    stream.codec_context.thread_count = 1
    blocks: list[Floats] = []
    rate, samples = 0, 0
    for frame in file.decode(stream):
        if frame.sample_rate != rate:
            if rate:
                raise AudioError(Refusal.NOT_AUDIO, f"{name} changes its sample rate in the middle.")
            rate = frame.sample_rate
        check_layout(len(frame.layout.channels), rate, name, limits)
        blocks.append(_mono(frame))
        samples += frame.samples
        if samples > limits.max_seconds * rate:
            raise too_long(name, "longer than its header says", limits)
    if not blocks:
        raise AudioError(Refusal.EMPTY, f"{name} contains no samples.")
    return np.concatenate(blocks), rate


def _mono(frame: AudioFrame) -> Floats:
    """The mean of a frame's channels in [-1, 1], (n,)."""
    samples = frame.to_ndarray()  # (channels, n), or (1, n * channels) when they are interleaved
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(frame.layout.channels)).T
    if samples.dtype.kind == "f":
        return np.asarray(samples.mean(axis=0, dtype=np.float32), np.float32)
    scale = 2.0 ** (8 * samples.dtype.itemsize - 1)
    offset = scale if samples.dtype.kind == "u" else 0.0
    return np.asarray((samples.mean(axis=0, dtype=np.float64) - offset) / scale, np.float32)
