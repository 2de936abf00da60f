"""A clip's sound, or a byte range of it."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})$")


def response(source: Path | bytes, media_type: str, wanted_range: str | None) -> Response:
    """A file, which Starlette reads and cuts itself, or the bytes of one (RFC 9110, section 14)."""
    if isinstance(source, Path):
        return FileResponse(source, media_type=media_type)
    headers = {"Accept-Ranges": "bytes"}
    match = _RANGE.match(wanted_range or "")
    if not match or match.groups() == ("", ""):
        return Response(source, media_type=media_type, headers=headers)
    first, last = match.groups()
    start = int(first) if first else max(0, len(source) - int(last))
    end = min(int(last) if first and last else len(source) - 1, len(source) - 1)
    if start > end:
        raise HTTPException(416, headers={"Content-Range": f"bytes */{len(source)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(source)}"
    return Response(source[start : end + 1], 206, headers, media_type)
