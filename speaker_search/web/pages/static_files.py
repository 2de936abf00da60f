"""Styles, modules and words as the browser loads them, held in memory under an address with their version."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import Response

from speaker_search.web import conditional
from speaker_search.web.pages import joining
from speaker_search.web.pages.languages import LANGUAGES, server_sentences, words
from speaker_search.web.pages.page_headers import NO_SNIFFING
from speaker_search.web.pages.page_table import Page

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
A_YEAR_S = 365 * 24 * 3600
SWAGGER = ("swagger-ui.css", "swagger-ui-bundle.js")
EVERYWHERE = "shared/header.js"  # the module of the switches in the header
BASE = "base"  # the styles of every page, and the name of a page's files that has none of its own


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

    def of_page(self, page: Page, kind: str) -> str:
        """Where the joined modules ("js") or styles ("css") of a page are served."""
        names = (page.module.partition("/")[0], page.name, BASE)
        return self.address(next(path for name in names if (path := f"joined/{name}.{kind}") in self.files))


@cache
def assets() -> Assets:
    """What is in static/, the words of each language, and Swagger UI from its package."""
    from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]  # it carries no types

    contents = {file.relative_to(STATIC).as_posix(): file.read_bytes() for file in STATIC.rglob("*") if file.is_file()}
    for language in LANGUAGES:
        table = {**words(language), "server": server_sentences(language)}
        contents[f"words/{language}.json"] = json.dumps(table, ensure_ascii=False).encode()
    for name in SWAGGER:
        contents[f"swagger/{name}"] = (Path(swagger_ui_path) / name).read_bytes()
    contents |= _joined({path: text.decode() for path, text in contents.items() if path.endswith((".js", ".css"))})
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
    if takes_gzip(request):
        content, etag, packing = _packed(path), f'{etag[:-1]}-gzip"', {"Content-Encoding": "gzip"}
    kept = f"public, max-age={A_YEAR_S}, immutable" if version == held.version else "no-cache"
    headers = {"ETag": etag, "Cache-Control": kept, "Vary": "Accept-Encoding", **NO_SNIFFING}
    if conditional.unchanged(request.headers, etag, None):
        return Response(status_code=304, headers=headers)
    return Response(content, 200, {**headers, **packing}, file.media_type)


def takes_gzip(request: Request) -> bool:
    accepted = request.headers.get("accept-encoding", "")
    return any(part.partition(";")[0].strip() == "gzip" and ";q=0" not in part for part in accepted.split(","))


@cache
def _packed(path: str) -> bytes:
    return gzip.compress(assets().files[path].content, mtime=0)


def _file(path: str, content: bytes) -> StaticFile:
    etag = f'"{hashlib.blake2b(path.encode() + content, digest_size=16).hexdigest()}"'
    return StaticFile(content, MEDIA_TYPES[PurePosixPath(path).suffix], etag)


def _joined(sources: dict[str, str]) -> dict[str, bytes]:
    """What pages load: the modules of each in one file, and the styles of their folders after those of all pages."""
    modules = {path.partition("/")[0]: [EVERYWHERE, path] for path in sources if path.endswith("/page.js")}
    styled = {PurePosixPath(path).stem for path in sources if path.startswith("styles/")}
    found = {}
    for name in {BASE, *modules, *styled}:
        entries = modules.get(name, [EVERYWHERE])
        folders = joining.folders(joining.imported(sources, entries))
        styles = dict.fromkeys(f"styles/{folder}.css" for folder in (BASE, name, *folders))
        found[f"joined/{name}.css"] = "".join(sources.get(style, "") for style in styles).encode()
        if name == BASE or name in modules:
            found[f"joined/{name}.js"] = joining.joined_modules(sources, entries).encode()
    return found
