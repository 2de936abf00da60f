"""What FastAPI cannot see of the API by itself, for its OpenAPI description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from speaker_search.web import schemas
from speaker_search.web.problems import PROBLEM_TYPE

COMPONENTS = "#/components/schemas/"
#: What a search takes: its route reads the body itself, since that comes in two kinds.
SEARCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["audio"],
                    "properties": {
                        "audio": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "query": {"$ref": f"{COMPONENTS}SearchOptions"},
                    },
                },
                "encoding": {"query": {"contentType": "application/json"}},
            },
            "application/json": {"schema": {"$ref": f"{COMPONENTS}SearchRequest"}},
        },
    }
}
SOUND = {"description": "Ogg, FLAC, WAV or MP3.", "content": {"audio/*": {"schema": {"type": "string"}}}}
SOUNDS: dict[int | str, dict[str, Any]] = {200: SOUND, 206: SOUND, 416: {"model": schemas.Problem}}


def complete(app: FastAPI) -> None:
    """Add to the app's description what a search takes, and the media type that problems have."""
    document = app.openapi()
    request = schemas.SearchRequest.model_json_schema(ref_template=COMPONENTS + "{model}")
    options = schemas.SearchOptions.model_json_schema(ref_template=COMPONENTS + "{model}")
    inner = request.pop("$defs") | options.pop("$defs")
    document["components"]["schemas"].update(inner, SearchRequest=request, SearchOptions=options)
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    answer["content"] = {PROBLEM_TYPE: {"schema": {"$ref": f"{COMPONENTS}Problem"}}}
