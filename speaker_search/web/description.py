"""The parts of the OpenAPI description that FastAPI cannot work out by itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from speaker_search.documents import Problem, SearchOptions, SearchRequest
from speaker_search.web.problems import PROBLEM_TYPE

COMPONENTS = "#/components/schemas/"
#: The body of a search comes in two kinds, so its route reads it itself.
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
SOUNDS: dict[int | str, dict[str, Any]] = {200: SOUND, 206: SOUND, 416: {"model": Problem}}


def complete(app: FastAPI) -> None:
    """Add to the app's description the requests of a search, and the media type of problems."""
    document = app.openapi()
    request = SearchRequest.model_json_schema(ref_template=COMPONENTS + "{model}")
    options = SearchOptions.model_json_schema(ref_template=COMPONENTS + "{model}")
    inner = request.pop("$defs") | options.pop("$defs")
    document["components"]["schemas"].update(inner, SearchRequest=request, SearchOptions=options)
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    answer["content"] = {PROBLEM_TYPE: {"schema": {"$ref": f"{COMPONENTS}Problem"}}}
