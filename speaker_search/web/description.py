"""The parts of the OpenAPI description that FastAPI cannot work out by itself: errors, examples, a search's body."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from speaker_search.documents import Problem, SearchOptions, SearchRequest
from speaker_search.web import examples
from speaker_search.web.problems import KINDS, PROBLEM_TYPE, document, phrase

COMPONENTS = "#/components/schemas/"
TAGS = [
    {"name": "search", "description": "Who else sounds like this?"},
    {"name": "catalog", "description": "Makers, games, characters and clips."},
    {"name": "voices", "description": "Recurring voices and the casts of games: inference, not proof of who speaks."},
    {"name": "verdicts", "description": "People's word on which characters are one voice."},
    {"name": "credits", "description": "Known voice actors."},
    {"name": "edits", "description": "Makers, games and characters renamed and merged."},
    {"name": "ingest", "description": "Voices taken in by the server."},
    {"name": "server", "description": "The server itself."},
]
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
SOUND = {
    "content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}},
    "headers": {
        name: {"schema": {"type": "string"}, "description": words}
        for name, words in (
            ("ETag", "Changes when the file does."),
            ("Last-Modified", "When the file changed; absent for one in an archive."),
            ("Accept-Ranges", "bytes"),
            ("Cache-Control", "How long it may be kept."),
        )
    },
}
SOUNDS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The sound: Ogg, FLAC, WAV or MP3.", **SOUND},
    206: {"description": "The part of it that `Range` wants; `Content-Range` says which.", **SOUND},
}
TAG = {"ETag": {"schema": {"type": "string"}, "description": "Changes when the answer does: see `If-None-Match`."}}
NOT_MODIFIED = {"description": "The client has this version, as `If-None-Match` says.", "headers": TAG}

#: What may be wrong with a request, by its method and by its operationId; see `problems.KINDS`.
EVERYWHERE = ("request", "error")
BELOW_V1 = ("unauthorised", "not-found", "not-acceptable", "too-large", "usage", "catalog", "index")
OF_METHODS = {"GET": ("precondition",), "POST": ("media-type",), "DELETE": ()}
OF_OPERATIONS = {
    "search": ("audio", "encoder", "decoder"),
    "give_verdict": ("contradiction",),
    "get_clip_audio": ("range",),
    "ingest": ("source",),
}


#: Where the ids come from that routes take: operationId -> which one takes them, as what, from where in the answer.
LINKS = {
    "list_makers": (("get_maker", "maker_id", "/makers/0/id"),),
    "list_games": (
        ("get_game", "game_id", "/games/0/id"),
        ("get_cast", "game_id", "/games/0/id"),
        ("list_unknown_lines", "game_id", "/games/0/id"),
    ),
    "list_characters": (
        ("get_character", "character_id", "/characters/0/id"),
        ("matches", "character_id", "/characters/0/id"),
    ),
    "list_clips": (("get_clip", "clip_id", "/clips/0/id"), ("get_clip_audio", "clip_id", "/clips/0/id")),
    "list_voices": (("get_voice", "voice_id", "/voices/0/id"),),
    "give_verdict": (("undo_verdict", "verdict_id", "/id"),),
    "make_edit": (("undo_edit", "edit_id", "/edit/id"),),
    "ingest": (("ingest_state", "ingest_id", "/id"),),
}


def operation_id(route: APIRoute) -> str:
    """The name of a route's function: what a generated client calls its method."""
    return route.name


def complete(app: FastAPI) -> None:
    """Add to the app's description the requests of a search, the problems of every route, and examples."""
    description = app.openapi()
    components = description["components"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    request = SearchRequest.model_json_schema(ref_template=COMPONENTS + "{model}")
    options = SearchOptions.model_json_schema(ref_template=COMPONENTS + "{model}")
    inner = request.pop("$defs") | options.pop("$defs")
    components["schemas"].update(inner, SearchRequest=request, SearchOptions=options)
    components["schemas"]["Problem"] = Problem.model_json_schema()
    components["examples"] = {
        kind: {"summary": about.means, "value": document(kind, about.example).model_dump()}
        for kind, about in KINDS.items()
    }
    for path, method, operation in _operations(description):
        _add_problems(path, method, operation)
        _add_examples(operation)


def _operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def _add_problems(path: str, method: str, operation: dict[str, Any]) -> None:
    kinds = [*EVERYWHERE]
    if path.startswith("/v1/"):
        kinds += [*BELOW_V1, *OF_METHODS[method], *OF_OPERATIONS.get(operation["operationId"], ())]
        if method == "GET":
            operation["responses"]["304"] = NOT_MODIFIED
            operation["responses"]["200"].setdefault("headers", TAG)
    for status in sorted({KINDS[kind].status for kind in kinds}):
        of_status = {kind: {"$ref": f"#/components/examples/{kind}"} for kind in kinds if KINDS[kind].status == status}
        operation["responses"][str(status)] = {
            "description": phrase(status),
            "content": {PROBLEM_TYPE: {"schema": {"$ref": f"{COMPONENTS}Problem"}, "examples": of_status}},
        }


def _add_examples(operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    example = examples.ANSWERS.get(name)
    for status, answer in operation["responses"].items():
        if status < "300" and "application/json" in answer.get("content", {}) and example is not None:
            shown = example.model_dump(mode="json") if isinstance(example, BaseModel) else example
            answer["content"]["application/json"]["example"] = shown
            answer["description"] = HTTPStatus(int(status)).phrase
            if name in LINKS:
                answer["links"] = {
                    to: {"operationId": to, "parameters": {as_: f"$response.body#{place}"}}
                    for to, as_, place in LINKS[name]
                }
    if name in examples.BODIES:
        operation["requestBody"]["content"]["application/json"]["example"] = examples.BODIES[name]
