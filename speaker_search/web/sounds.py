"""A clip's sound, or a byte range of it, from a file or an archive (RFC 9110, section 14)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from pathlib import Path

from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from speaker_search.errors import NotFoundError
from speaker_search.library.holdings import ClipSound
from speaker_search.web import conditional

CHUNK_BYTES = 256 * 1024
MAX_AGE_S = 3600  # a clip's sound hardly ever changes, and a listener asks for a range at a time
_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*$", re.IGNORECASE)


class Sound(Response):
    """The kind of response that the OpenAPI description names for sounds."""

    media_type = "audio/*"


def response(sound: ClipSound, asked: Mapping[str, str], *, head: bool = False) -> Response:
    """The sound, or the part that the request's headers want; of either no byte for `head`.

    A header with several ranges, or with none that is valid, is answered with the whole sound, as the standard allows.
    Raises NotFoundError when the file has gone.
    """
    source, media_type = sound.source, sound.media_type
    modified: float | None = None
    if isinstance(source, Path):
        try:
            stat = source.stat()
        except OSError as error:
            raise NotFoundError("The sound of this clip is no longer where it was.") from error
        size, modified = stat.st_size, stat.st_mtime
        version = f"{stat.st_mtime_ns}-{size}-{stat.st_ino}".encode()
    elif sound.size is not None:
        size, version = sound.size, sound.version.encode("utf-8", "surrogateescape")
    else:
        size, version = len(source), source
    etag = f'"{hashlib.blake2b(version, digest_size=16).hexdigest()}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": f"private, max-age={MAX_AGE_S}",
    }
    if modified is not None:
        headers["Last-Modified"] = formatdate(modified, usegmt=True)
    if conditional.unchanged(asked, etag, modified):
        return Response(status_code=304, headers=headers)
    part: tuple[int, int] | None = None
    if conditional.range_applies(asked, etag, headers.get("Last-Modified")):
        part = _part(asked.get("range", ""), size)
    start, end = part or (0, size)
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 206 if part else 200
    headers["Content-Length"] = str(end - start)
    if head:
        return Response(None, status, headers, media_type)
    if isinstance(source, bytes):
        return Response(source[start:end], status, headers, media_type)
    return StreamingResponse(_read(source, start, end), status, headers, media_type)


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """Where a range begins and ends, of this many bytes; None unless it is one valid range.

    Raises HTTPException (416) when it begins beyond the end.
    """
    match = _RANGE.match(wanted)
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    if start >= end:
        raise HTTPException(416, headers={"Content-Range": f"bytes */{size}"})
    return start, end


def _read(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        left = end - start
        while left and (chunk := file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
