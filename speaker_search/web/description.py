"""The parts of the OpenAPI description that FastAPI cannot work out by itself: errors, examples, a search's body."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from http import HTTPStatus
from threading import Lock
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from speaker_search.documents import BatchRequest, Problem, SearchRequest
from speaker_search.web import shown_answers
from speaker_search.web.problems import KINDS, PROBLEM_TYPE, document, phrase

COMPONENTS = "#/components/schemas/"
TAGS = [
    {"name": "search", "description": "Who else sounds like this?"},
    {"name": "catalog", "description": "Makers, games, characters and clips."},
    {"name": "voices", "description": "Recurring voices and the casts of games: inference, not proof of who speaks."},
    {"name": "verdicts", "description": "What people say of two characters: one voice, or two."},
    {"name": "credits", "description": "Known voice actors."},
    {"name": "edits", "description": "Renames and merges of makers, games and characters."},
    {"name": "ingest", "description": "Ingests that the server runs."},
    {"name": "server", "description": "The server itself."},
]
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
SOUND = {
    "content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}},
    "headers": {
        name: {"schema": {"type": "string"}, "description": words}
        for name, words in (
            ("ETag", "Changes when the file does."),
            ("Last-Modified", "When the file changed; absent for one in an archive, and for one given as WAV."),
            ("Accept-Ranges", "bytes"),
            ("Cache-Control", "How long it may be kept."),
        )
    },
}
SOUNDS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The sound: Ogg, FLAC, WAV, MP3, AAC, MP4 or WebM.", **SOUND},
    206: {"description": "The part of it that `Range` asks for; `Content-Range` says which.", **SOUND},
}
TAG = {"ETag": {"schema": {"type": "string"}, "description": "Changes when the answer does: see `If-None-Match`."}}
NOT_MODIFIED = {"description": "The client has this version, as `If-None-Match` says.", "headers": TAG}

#: The problems that a request may be answered with, by its method and its operationId; see `problems.KINDS`.
EVERYWHERE = ("request", "host", "origin", "error")
BELOW_V1 = (
    "unauthorised",
    "not-found",
    "not-acceptable",
    "too-large",
    "usage",
    "rate",
    "overloaded",
    "catalog",
    "index",
)
OF_METHODS = {"GET": ("precondition",), "POST": ("forbidden", "slow", "media-type"), "DELETE": ("forbidden",)}
OF_OPERATIONS = {
    "search": ("audio", "encoder", "decoder"),
    "search_batch": ("encoder", "decoder"),
    "give_verdict": ("contradiction",),
    "get_clip_audio": ("range",),
    "ingest": ("source",),
    "readyz": ("starting",),
}


#: Links from answers to routes that take their ids: operationId -> (operationId, its parameter, place in the answer).
LINKS = {
    "list_makers": (("get_maker", "maker_id", "/makers/0/id"),),
    "list_games": (
        ("get_game", "game_id", "/games/0/id"),
        ("get_cast", "game_id", "/games/0/id"),
        ("get_clip_map", "game_id", "/games/0/id"),
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
    "ingest": (("get_ingest", "ingest_id", "/id"), ("cancel_ingest", "ingest_id", "/id")),
}


def operation_id(route: APIRoute) -> str:
    """The name of a route's function: what a generated client calls its method."""
    return route.name


def complete_when_asked(app: FastAPI, more: Callable[[dict[str, Any]], None]) -> None:
    """Complete the app's description, by `more` too, only when it is first asked for: that takes 0.2 s."""
    plain, lock = app.openapi, Lock()

    @cache
    def completed() -> dict[str, Any]:
        description = plain()
        _complete(description)
        more(description)
        return description

    def openapi() -> dict[str, Any]:
        with lock:  # pages are made in threads
            return completed()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way


def _complete(description: dict[str, Any]) -> None:
    """Add the requests of a search, the problems of every route, and examples."""
    components = description["components"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    for request in (SearchRequest, BatchRequest):
        schema = request.model_json_schema(ref_template=COMPONENTS + "{model}")
        components["schemas"].update(schema.pop("$defs"), **{request.__name__: schema})
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
    kinds = [*EVERYWHERE, *OF_OPERATIONS.get(operation["operationId"], ())]
    if path.startswith("/v1/"):
        kinds += [*BELOW_V1, *OF_METHODS[method]]
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
    example = shown_answers.ANSWERS.get(name)
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
    if name in shown_answers.BODIES:
        operation["requestBody"]["content"]["application/json"]["example"] = shown_answers.BODIES[name]
