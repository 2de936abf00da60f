"""The parts of the OpenAPI description that FastAPI cannot work out by itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from speaker_search.documents import BatchRequest, Problem, SearchRequest
from speaker_search.web.problems import PROBLEM_TYPE

COMPONENTS = "#/components/schemas/"
FILES = {"type": "array", "items": {"type": "string", "format": "binary"}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"{COMPONENTS}{name}"}


def _body(required: list[str], parts: dict[str, Any], as_json: str) -> dict[str, Any]:
    """A body as an upload with some parts, those with a schema of ours in JSON, or as JSON alone."""
    encoding = {name: {"contentType": "application/json"} for name, schema in parts.items() if "$ref" in schema}
    upload = {
        "schema": {"type": "object", "required": required, "properties": parts},
        "encoding": encoding,
    }
    content = {"multipart/form-data": upload, "application/json": {"schema": _ref(as_json)}}
    return {"requestBody": {"required": True, "content": content}}


#: The bodies of searches come in two kinds, so their routes read them themselves.
SEARCH_BODY = _body([], {"audio": FILES, "unlike": FILES, "query": _ref("SearchRequest")}, as_json="SearchRequest")
BATCH_BODY = _body(
    ["audio"],
    {"audio": FILES, "query": _ref("SearchRequest"), "queries": _ref("BatchRequest")},
    as_json="BatchRequest",
)
SOUND = {"description": "Ogg, FLAC, WAV or MP3.", "content": {"audio/*": {"schema": {"type": "string"}}}}
SOUNDS: dict[int | str, dict[str, Any]] = {200: SOUND, 206: SOUND, 416: {"model": Problem}}


def complete(app: FastAPI) -> None:
    """Add to the app's description the requests of searches, and the media type of problems."""
    document = app.openapi()
    for request in (SearchRequest, BatchRequest):
        schema = request.model_json_schema(ref_template=COMPONENTS + "{model}")
        document["components"]["schemas"].update(schema.pop("$defs"), **{request.__name__: schema})
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    answer["content"] = {PROBLEM_TYPE: {"schema": {"$ref": f"{COMPONENTS}Problem"}}}
