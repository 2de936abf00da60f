"""What Decoders and its child processes say to each other over two pipes: a line of JSON, then the bytes it announces.

A child has read untrusted bytes and may say anything, so its answers are checked and nothing is unpickled.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from speaker_search.audio.fingerprint import FINGERPRINT_BYTES
from speaker_search.audio.limits import Limits
from speaker_search.entities import Refusal, Waveform
from speaker_search.errors import AudioError

READY = b"ready\n"  # the child's first word

MAX_ANSWER_LINE_BYTES = 2**20  # a refusal repeats the file's name, with up to 6 bytes a character


@dataclass(frozen=True, slots=True)
class Request:
    """A clip to decode, or only its header to read."""

    source: Path | bytes  #: a path is absolute
    limits: Limits
    time_limit_s: float
    header_only: bool = False  #: ask only for the length that the header promises


def write_request(pipe: IO[bytes], request: Request) -> None:
    """Send a request. Raises OSError when the child is gone."""
    header: dict[str, object] = {
        "limits": dataclasses.asdict(request.limits),
        "time_limit_s": request.time_limit_s,
        "header_only": request.header_only,
    }
    if isinstance(request.source, bytes):
        header["bytes"] = len(request.source)
    else:
        header["path"] = str(request.source)
    _write_line(pipe, header)
    if isinstance(request.source, bytes):
        pipe.write(request.source)
    pipe.flush()


def read_request(pipe: IO[bytes]) -> Request | None:
    """The next request, or None when there are no more. Raises EOFError when the pipe closes in the middle of one."""
    line = pipe.readline()
    if not line:
        return None
    if not line.endswith(b"\n"):
        raise EOFError
    header = json.loads(line)
    source = Path(header["path"]) if "path" in header else pipe.read(header["bytes"])
    if isinstance(source, bytes) and len(source) < header["bytes"]:
        raise EOFError
    return Request(source, Limits(**header["limits"]), header["time_limit_s"], header["header_only"])


def write_answer(pipe: IO[bytes], answer: Waveform | float | AudioError) -> None:
    """Send the audio, the seconds or the refusal. Raises OSError when the parent is gone."""
    if isinstance(answer, Waveform):
        _write_line(pipe, {"samples": len(answer.samples), "fingerprint": answer.fingerprint.hex()})
        pipe.write(answer.samples.astype("<f4", copy=False).data)
    elif isinstance(answer, float):
        _write_line(pipe, {"seconds": answer})
    else:
        _write_line(pipe, {"reason": answer.reason, "detail": answer.detail})
    pipe.flush()


def read_audio(pipe: IO[bytes], limits: Limits) -> Waveform | AudioError:
    """The answer to a clip to decode. Raises EOFError when it is cut short, ValueError when it makes no sense."""
    header = _read_answer_line(pipe)
    try:
        if "reason" in header:
            return AudioError(Refusal(header["reason"]), str(header["detail"]))
        count, fingerprint = int(header["samples"]), bytes.fromhex(header["fingerprint"])
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError from error
    if not 0 < count <= (limits.max_seconds + 1.0) * limits.rate or len(fingerprint) != FINGERPRINT_BYTES:
        raise ValueError
    samples = np.empty(count, "<f4")
    if pipe.readinto(samples.data) < samples.nbytes:  # type: ignore[attr-defined]  # IO[bytes] lacks what pipes have
        raise EOFError
    return Waveform(samples.astype(np.float32, copy=False), fingerprint)


def read_seconds(pipe: IO[bytes]) -> float:
    """The answer to a header to read. Raises EOFError when it is cut short, ValueError when it makes no sense."""
    try:
        seconds = _read_answer_line(pipe)["seconds"]
    except (KeyError, TypeError) as error:
        raise ValueError from error
    if not isinstance(seconds, float) or not 0.0 <= seconds < math.inf:  # Python's JSON parser accepts NaN
        raise ValueError
    return seconds


def _read_answer_line(pipe: IO[bytes]) -> Any:
    line = pipe.readline(MAX_ANSWER_LINE_BYTES)
    if len(line) == MAX_ANSWER_LINE_BYTES:
        raise ValueError
    if not line.endswith(b"\n"):
        raise EOFError
    try:
        return json.loads(line)
    except RecursionError as error:
        raise ValueError from error


def _write_line(pipe: IO[bytes], header: dict[str, object]) -> None:
    # json.dumps escapes the surrogates of a path that is not UTF-8, and json.loads restores them.
    pipe.write(json.dumps(header).encode("ascii") + b"\n")
