"""Sounds in the containers that people record in, written by PyAV."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np

#: For each kind, FFmpeg's name of its writer and its sound's codec and rate in Hz.
KINDS = {
    "m4a": ("ipod", "aac", 44_100),
    "alac.m4a": ("ipod", "alac", 44_100),
    "mp4": ("mp4", "aac", 48_000),
    "mov": ("mov", "pcm_s16le", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "mkv": ("matroska", "flac", 44_100),
    "wma": ("asf", "wmav2", 44_100),
    "avi": ("avi", "mp3", 44_100),
    "aac": ("adts", "aac", 44_100),
    "aiff": ("aiff", "pcm_s16be", 22_050),
    "caf": ("caf", "pcm_s16le", 16_000),
    "flv": ("flv", "aac", 44_100),
}
FILMS = ("mp4", "mkv", "avi")  # with a picture beside the sound


def boxed(samples: np.ndarray, kind: str, *, tracks: int = 1, film: bool | None = None) -> bytes:
    """Mono samples at the kind's rate as a file of that kind, with that many sound tracks."""
    name, codec, rate = KINDS[kind]
    written = io.BytesIO()
    with av.open(written, "w", format=name) as file:
        picture = None
        if film if film is not None else kind in FILMS:
            picture = file.add_stream("mpeg4", rate=5)
            picture.width = picture.height = 32
        streams = [file.add_stream(codec, rate=rate, layout="mono", bit_rate=96_000) for _ in range(tracks)]
        if picture is not None:
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = 0, Fraction(1, 5)
            for packet in [*picture.encode(frame), *picture.encode()]:
                file.mux(packet)
        for stream in streams:
            resampler = av.AudioResampler(stream.format, "mono", rate)
            sound = av.AudioFrame.from_ndarray(samples.astype(np.float32)[None], format="flt", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = rate, 0, Fraction(1, rate)
            fifo = av.AudioFifo()
            for whole in resampler.resample(sound):
                fifo.write(whole)
            size = stream.codec_context.frame_size or 1_024
            while frames := fifo.read(size, partial=True):
                for packet in stream.encode(frames):
                    file.mux(packet)
            for packet in stream.encode():
                file.mux(packet)
    return written.getvalue()
