"""Decode a sound file or its bytes to 16 kHz mono float32, or say why it is refused."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]
import soxr  # type: ignore[import-untyped]

from speaker_search.audio import containers
from speaker_search.audio.fingerprint import fingerprint
from speaker_search.audio.limits import Limits, check_layout, too_long
from speaker_search.entities import Floats, Refusal, Waveform, shown
from speaker_search.errors import AudioError

AUDIO_SUFFIXES = frozenset({".ogg", ".oga", ".opus", ".flac", ".wav", ".mp3"})  # lower-case

SILENT_PEAK = 10 ** (-60 / 20)  # -60 dBFS of full scale 1.0: below it there is only dither and noise
ABSURD_PEAK = 2.0**31  # a float WAV may hold samples scaled to int32; squares of larger ones overflow float32

# Only these reach libsndfile. Untrusted bytes should not reach its parsers for two dozen rarer formats, or its
# guesses at files without a header. RIFF, RIFX and RF64 are wav; OggS is Vorbis and opus; ID3 and 0xFFE. are mp3 (ID3
# may also precede flac).
_SIGNATURES = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"ID3")
PLAIN_FORMATS = "wav, flac, ogg, opus, mp3"
FORMATS = f"{PLAIN_FORMATS}; with the extra `containers` also {containers.FORMATS}"
_UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's frame count for a stream without one, such as FLAC written to a pipe
# Decoded at a time, over all channels: 16 MiB of float32, so that 8 channels take no more memory than one.
_BLOCK_SAMPLES = 2**22


_DEFAULTS = Limits()


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # soundfile carries no types
    """A sound file read once from start to end.

    soundfile seeks after every read of a seekable file, which is inexact for mp3 and fails for FLAC of unknown length.
    """

    def seekable(self) -> bool:
        return False


def read(source: Path | bytes, limits: Limits = _DEFAULTS) -> Waveform:
    """Read a sound as mono at the rate of the limits, 16 kHz: the mean of the channels, resampled with soxr HQ.

    libsndfile reads wav, flac, Ogg Vorbis, opus and mp3; `containers` reads other formats.

    The fingerprint is taken before resampling. A truncated file is accepted with what could be decoded, unless its
    decoder reports an error: FLAC does, Vorbis, opus and wav do not. A header that promises too much is refused before
    anything is decoded.

    Raises only AudioError, whatever the bytes are, with one of the reasons MISSING, UNREADABLE, NOT_AUDIO (folders and
    devices too), EMPTY, TOO_LONG (in seconds or in bytes), TOO_SHORT, NOT_FINITE and SILENT.
    """
    name = named(source)
    data = source if isinstance(source, bytes) else _load(source, name, limits)
    if not data:
        raise AudioError(Refusal.EMPTY, f"{name} is empty: 0 bytes.")
    if len(data) > limits.max_bytes:
        raise _too_large(name, len(data), limits)
    if kind := containers.format_of(data):
        mono, rate = containers.decode(data, kind, name, limits)
    else:
        mono, rate = _decode_file(data, name, limits)
    _check_samples(mono, rate, name, limits)
    original = fingerprint(mono, rate)
    if rate != limits.rate:
        mono = soxr.resample(mono, rate, limits.rate, quality="HQ")
    return Waveform(np.ascontiguousarray(mono, dtype=np.float32), original)


def _decode_file(data: bytes, name: str, limits: Limits) -> tuple[Floats, int]:
    """Decode by libsndfile to mono (n,) and the rate in Hz."""
    if not _looks_like_audio(data):
        raise AudioError(
            Refusal.NOT_AUDIO,
            f"{name} is not a format that can be read ({FORMATS}): convert it, for example `ffmpeg -i q.mp4 q.wav`.",
        )
    try:
        with _Forward(io.BytesIO(data)) as sound:
            _check_header(sound, name, limits)
            return _decode(sound, name, limits), int(sound.samplerate)
    except soundfile.LibsndfileError as error:
        # Not str(error), which shows the BytesIO with its address.
        detail = error.error_string.rstrip(" .")
        raise AudioError(Refusal.NOT_AUDIO, f"{name} cannot be decoded: {detail}.") from error


def header_seconds(source: Path | bytes, limits: Limits = _DEFAULTS) -> float:
    """The length in seconds that a sound's header promises; 0.0 when read() would refuse it by its header."""
    try:
        data = source if isinstance(source, bytes) else _load(source, "", limits)
        if kind := containers.format_of(data):
            return containers.header_seconds(data, kind, limits)
        if not _looks_like_audio(data):
            return 0.0
        with _Forward(io.BytesIO(data)) as sound:
            _check_header(sound, "", limits)
            return 0.0 if sound.frames == _UNKNOWN_FRAMES else float(sound.frames / sound.samplerate)
    except (AudioError, soundfile.LibsndfileError):
        return 0.0


def named(source: Path | bytes) -> str:
    """How a refusal names the clip, at the start of its sentence."""
    return "The clip" if isinstance(source, bytes) else shown(source.name or str(source))


def _load(path: Path, name: str, limits: Limits) -> bytes:
    """Read the whole file at once: a disk error half way through must not look like a short clip."""
    try:
        status = path.stat()  # before opening it: opening a pipe would wait forever
        if not stat.S_ISREG(status.st_mode):
            if stat.S_ISDIR(status.st_mode):
                raise AudioError(Refusal.NOT_AUDIO, f"{name} is a folder.")
            raise AudioError(Refusal.NOT_AUDIO, f"{name} is not a regular file.")
        if status.st_size > limits.max_bytes:
            raise _too_large(name, status.st_size, limits)
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioError(Refusal.MISSING, f"{name} does not exist.") from error
    except OSError as error:
        raise AudioError(Refusal.UNREADABLE, f"{name} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # a NUL or a lone surrogate in the path: no file can have that name
        raise AudioError(Refusal.MISSING, f"{name} is not a name that a file can have.") from error


def _looks_like_audio(data: bytes) -> bool:
    mp3 = len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0  # an MPEG frame starts with eleven set bits
    return mp3 or data.startswith(_SIGNATURES)


def _check_header(sound: _Forward, name: str, limits: Limits) -> None:
    """Refuse a clip by its header, before anything is decoded."""
    check_layout(sound.channels, sound.samplerate, name, limits)
    if sound.frames == 0:
        raise AudioError(Refusal.EMPTY, f"{name} contains no samples.")
    if sound.frames != _UNKNOWN_FRAMES and sound.frames > limits.max_seconds * sound.samplerate:
        raise too_long(name, f"{sound.frames / sound.samplerate:,.1f} s", limits)


def _decode(sound: _Forward, name: str, limits: Limits) -> Floats:
    """Decode to mono, (n,), stopping one frame after max_seconds: a header may promise too little."""
    room = int(limits.max_seconds * sound.samplerate) + 1  # frames
    block_frames = _BLOCK_SAMPLES // sound.channels
    blocks: list[Floats] = []
    while room > 0:
        wanted = min(block_frames, room, sound.frames)  # the header only keeps the buffer small
        block = sound.read(frames=wanted, dtype="float32", always_2d=True)  # (frames, channels)
        blocks.append(_mono(block))
        room -= len(block)
        if len(block) < wanted:
            break
    mono = np.concatenate(blocks)
    if len(mono) > limits.max_seconds * sound.samplerate:
        raise too_long(name, "longer than its header says", limits)
    return mono


def _mono(block: Floats) -> Floats:
    """The mean of the channels, (frames, channels) -> (frames,)."""
    if block.shape[1] == 1:
        return block[:, 0]
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
        # Column by column: numpy's mean over a short last axis takes 15 times as long.
        total = block[:, 0] + block[:, 1]
        for channel in range(2, block.shape[1]):
            total += block[:, channel]
        return total / np.float32(block.shape[1])


def _check_samples(mono: Floats, rate: int, name: str, limits: Limits) -> None:
    """Refuse decoded samples that cannot be a voice."""
    if len(mono) == 0:
        raise AudioError(Refusal.EMPTY, f"{name} contains no samples.")
    seconds = len(mono) / rate
    if seconds < limits.min_seconds:
        raise AudioError(
            Refusal.TOO_SHORT, f"{name} is {seconds:.2f} s long, and at least {limits.min_seconds:g} s are needed."
        )
    peak = float(np.abs(mono).max())  # NaN when any sample is
    if not np.isfinite(peak) or peak > ABSURD_PEAK:
        raise AudioError(Refusal.NOT_FINITE, f"{name} has samples that are not finite or are absurdly large.")
    if peak < SILENT_PEAK:
        raise AudioError(Refusal.SILENT, f"{name} is silent: its peak is below -60 dBFS.")


def _too_large(name: str, size: int, limits: Limits) -> AudioError:
    mib = 2**20
    return AudioError(
        Refusal.TOO_LONG, f"{name} is {size / mib:,.1f} MiB, over the limit of {limits.max_bytes / mib:,.1f} MiB."
    )
