"""Styles, modules and words as the browser loads them, held in memory under an address with their version."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import Response

from speaker_search.web import conditional
from speaker_search.web.pages.languages import LANGUAGES, server_sentences, words
from speaker_search.web.pages.page_headers import NO_SNIFFING

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
A_YEAR_S = 365 * 24 * 3600
SWAGGER = ("swagger-ui.css", "swagger-ui-bundle.js")
_IMPORT = re.compile(r'^(?:import|export|\})[^;"]*"(\.[^"]+\.js)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class StaticFile:
    content: bytes
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All static files by their path, and a version that changes when any of them does."""

    files: dict[str, StaticFile]
    version: str

    def address(self, path: str) -> str:
        """Where a file is served: browsers may keep it for good, as another version has another address."""
        return f"/static/{self.version}/{path}"

    def modules(self, path: str) -> list[str]:
        """A module and all that it imports, so that a page can have them loaded at once."""
        found = [path]
        for module in found:  # it grows while it is read
            for name in _IMPORT.findall(self.files[module].content.decode()):
                imported = _joined(PurePosixPath(module).parent, name)
                if imported not in found:
                    found.append(imported)
        return found


@cache
def assets() -> Assets:
    """What is in static/, the words of each language, and Swagger UI from its package."""
    from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]  # it carries no types

    contents = {file.relative_to(STATIC).as_posix(): file.read_bytes() for file in STATIC.rglob("*") if file.is_file()}
    for language in LANGUAGES:
        table = {**words(language), "server": server_sentences(language)}
        contents[f"words/{language}.json"] = json.dumps(table, ensure_ascii=False).encode()
    for name in SWAGGER:
        contents[f"docs/{name}"] = (Path(swagger_ui_path) / name).read_bytes()
    files = {path: _file(path, contents[path]) for path in sorted(contents)}
    version = hashlib.blake2b("".join(file.etag for file in files.values()).encode(), digest_size=8).hexdigest()
    return Assets(files, version)


def response(request: Request, version: str, path: str) -> Response | None:
    """The file; None without it. A page from before an update is given today's file, and does not keep it."""
    held = assets()
    file = held.files.get(path)
    if file is None:
        return None
    content, etag, packing = file.content, file.etag, {}
    if _takes_gzip(request.headers.get("accept-encoding", "")):
        content, etag, packing = _packed(path), f'{etag[:-1]}-gzip"', {"Content-Encoding": "gzip"}
    kept = f"public, max-age={A_YEAR_S}, immutable" if version == held.version else "no-cache"
    headers = {"ETag": etag, "Cache-Control": kept, "Vary": "Accept-Encoding", **NO_SNIFFING}
    if conditional.unchanged(request.headers, etag, None):
        return Response(status_code=304, headers=headers)
    return Response(content, 200, {**headers, **packing}, file.media_type)


def _takes_gzip(accepted: str) -> bool:
    return any(part.partition(";")[0].strip() == "gzip" and ";q=0" not in part for part in accepted.split(","))


@cache
def _packed(path: str) -> bytes:
    return gzip.compress(assets().files[path].content, mtime=0)


def _file(path: str, content: bytes) -> StaticFile:
    etag = f'"{hashlib.blake2b(path.encode() + content, digest_size=16).hexdigest()}"'
    return StaticFile(content, MEDIA_TYPES[PurePosixPath(path).suffix], etag)


def _joined(folder: PurePosixPath, name: str) -> str:
    parts = list(folder.parts)
    for part in PurePosixPath(name).parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
