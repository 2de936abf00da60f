"""What browsers are told about every page: it loads nothing from elsewhere, runs no inline script, is not framed."""

from __future__ import annotations

NO_SNIFFING = {"X-Content-Type-Options": "nosniff"}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}
#: Of every page. The referrer stays within the server; "no-referrer" would also blank the Origin header of the sign-in
#: form's POST, by which the server tells its own pages from others.
#: There is no Cross-Origin-Opener-Policy: browsers begin a new process for it once the answer is there, and paint a
#: fifth later. A site that opens a page gains little: the session's cookie is not sent along, nothing listens to
#: messages, and pages cannot be framed.
HEADERS = {
    **NO_SNIFFING,
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Accept-Encoding, Accept-Language, Cookie",
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
}
