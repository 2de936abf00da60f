"""What a client accepts, and what it may send: 406 and 415 (RFC 9110, sections 12.5.1 and 15.5.16)."""

from __future__ import annotations

from fastapi import Request
from starlette.exceptions import HTTPException

JSON, FORM = "application/json", "multipart/form-data"
#: The media types of bodies, where they are not JSON alone.
BODIES = {"/v1/search": (JSON, FORM), "/v1/search/batch": (JSON, FORM), "/v1/credits": (FORM,)}


async def check_media_types(request: Request) -> None:
    """Raises HTTPException for a client that does not take JSON (406), and for a body of a media type that the route
    does not accept (415).
    """
    check_accepted(request, JSON)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    if request.method != "POST" or (not kind and empty):
        return
    taken = BODIES.get(request.scope["path"], (JSON,))
    if kind not in taken and not (JSON in taken and kind.startswith("application/") and kind.endswith("+json")):
        sent = f"The body is {kind}." if kind else "The body has no Content-Type."
        raise HTTPException(415, f"{sent} Send {' or '.join(taken)}.", {"Accept": ", ".join(taken)})


def check_accepted(request: Request, kind: str) -> None:
    """Raises HTTPException (406) for a client that does not take answers of this media type."""
    if not accepts(", ".join(request.headers.getlist("accept")), kind):
        raise HTTPException(406, f"The answer is {kind}. Accept that type, or leave the Accept header out.")


def accepts(header: str, kind: str) -> bool:
    """Whether an Accept header takes a media type: the most specific range that fits it decides."""
    best, taken = -1, not header.strip()
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        fit = {"*/*": 0, f"{kind.partition('/')[0]}/*": 1, kind: 2}.get(name, -1)
        if fit > best:
            best = fit
            taken = not any(one.replace(" ", "").startswith("q=") and _quality(one) == 0 for one in parameters)
    return taken


def _quality(parameter: str) -> float:
    try:
        return float(parameter.partition("=")[2])
    except ValueError:
        return 1.0
