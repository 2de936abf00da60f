"""The sound of a clip, from its file or from the archive that it lies in."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from speaker_search.catalog import reading
from speaker_search.errors import AudioError, NotFoundError
from speaker_search.library import Library
from speaker_search.sources import is_archive

MEDIA_TYPES = {
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
}

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})$")


def of_clip(library: Library, clip_id: int, wanted_range: str | None) -> Response:
    """The sound at the first of a clip's addresses where it is. Raises NotFoundError when it is at none."""
    with library.catalog.read() as connection:
        addresses = reading.addresses(connection, clip_id)
    for root, name in addresses:
        media_type = MEDIA_TYPES.get(Path(name).suffix.lower(), "")
        if is_archive(root):
            try:
                content = library.archives.read(root, name)
            except AudioError:
                continue
            return _part(content, media_type or _media_type(content), wanted_range)
        if media_type and (path := _within(root, name)):
            return FileResponse(path, media_type=media_type)
    raise NotFoundError(f"The sound of clip {clip_id} is not where it was.", "Ingest its folder again.")


def _media_type(content: bytes) -> str:
    """Of a sound whose name in its archive says nothing; what is none of the others has been decoded as mp3."""
    known = {b"OggS": "audio/ogg", b"fLaC": "audio/flac", b"RIFF": "audio/wav"}
    return known.get(content[:4], "audio/mpeg")


def _within(root: Path, name: str) -> Path | None:
    """The file, if it lies in the folder, also when a link or a row of an index points elsewhere."""
    try:
        path = (root / name).resolve(strict=True)
        return path if path.is_relative_to(root.resolve()) and path.is_file() else None
    except (OSError, RuntimeError, ValueError):  # a link that leads in a circle, or no name that a file can have
        return None


def _part(content: bytes, media_type: str, wanted_range: str | None) -> Response:
    """All of the bytes, or the one range that was asked for (RFC 9110, section 14)."""
    headers = {"Accept-Ranges": "bytes"}
    match = _RANGE.match(wanted_range or "")
    if not match or match.groups() == ("", ""):
        return Response(content, media_type=media_type, headers=headers)
    first, last = match.groups()
    start = int(first) if first else max(0, len(content) - int(last))
    end = min(int(last) if first and last else len(content) - 1, len(content) - 1)
    if start > end:
        raise HTTPException(416, headers={"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
    return Response(content[start : end + 1], 206, headers, media_type)
