"""The HTTP API over one library."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from speaker_search import documents
from speaker_search.documents import MAX_ID, MAX_LIMIT, By, SearchOptions
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.web import description, edits, sounds
from speaker_search.web.ingest_routes import ingest_routes
from speaker_search.web.ingests import Ingests
from speaker_search.web.judging_routes import judging_routes
from speaker_search.web.serving import api_keys, front
from speaker_search.web.serving.connections import Patience
from speaker_search.web.serving.figures import Metrics
from speaker_search.web.serving.readiness import Readiness
from speaker_search.web.serving.side_by_side import Turns
from speaker_search.web.voices_routes import voice_routes

MAX_CLIPS = 32  # uploaded with one search
Options = TypeVar("Options", bound=SearchOptions)
UPLOADS_AT_ONCE = 32
MAX_WAITING = 256  # searches of either kind
SEARCHES_AT_ONCE = max(2, os.cpu_count() or 1)  # by what the catalog holds; uploads wait for their decoders as well
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Id = Annotated[int, InPath(ge=1, le=MAX_ID)]
Names = Annotated[list[str], Query()]


def create_app(library: Library, *, host: str = "127.0.0.1", patience: Patience | None = None) -> FastAPI:
    """The app for a server bound to `host`; on loopback it answers to loopback names only (DNS rebinding).

    Raises UsageError for settings that cannot be read.
    """
    patience = patience or Patience()
    ingests, readiness, metrics = Ingests(library), Readiness(library), Metrics()
    # More searches at once than cores finish no sooner, and some much later. Waiting ones are taken in their order.
    searches = Turns("catalog", at_once=SEARCHES_AT_ONCE, waiting=MAX_WAITING)
    uploads = Turns("upload", at_once=UPLOADS_AT_ONCE, waiting=MAX_WAITING)  # sounds that hang decoders hold up these

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        readiness.start()
        ingests.start()
        yield
        await run_in_threadpool(ingests.close)
        await run_in_threadpool(readiness.close)

    app = FastAPI(
        lifespan=lifespan,
        title="speaker_search",
        description="Who else sounds like this, in other games?",
        version="1",
        docs_url=None,  # FastAPI's pages load scripts from other people's servers
        redoc_url=None,
    )
    front.guard(app, library, host, patience, metrics)
    front.add_routes(app, library, readiness, (searches, uploads), patience, metrics)
    app.include_router(_routes(library, ingests, searches, uploads), prefix="/v1")
    description.complete(app)
    api_keys.describe(app.openapi(), needed=bool(library.settings.keys))
    return app


def _routes(library: Library, ingests: Ingests, searches: Turns, uploads: Turns) -> APIRouter:
    failures: dict[int | str, dict[str, Any]] = {
        status: {"model": documents.Problem} for status in (400, 401, 403, 404, 408, 413, 422, 429, 503)
    }
    routes = APIRouter(responses=failures)

    @routes.post("/search", openapi_extra=description.SEARCH_BODY)
    async def search(request: Request) -> documents.Search:
        """The nearest characters to uploaded clips, to clips and characters of the catalog, or to an embedding."""
        if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            async with request.form(max_files=MAX_CLIPS, max_fields=MAX_CLIPS) as form:
                clips = [await part.read() for part in _files(form)]
                query = form.get("query", "{}")
                if not isinstance(query, str):  # browsers send a JSON blob with a file name
                    query = (await query.read()).decode("utf-8", "replace")
            return await uploads.run(lambda: _search_sounds(library, clips, query))
        body = await request.body()
        return await searches.run(lambda: library.search_like_document(_parsed(documents.SearchRequest, body)))

    @routes.get("/characters")
    def characters(
        maker: str | None = None,
        game: str | None = None,
        name: str | None = None,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> documents.Characters:
        """Characters by id; maker, game and name compare without regard to case and width."""
        return library.characters(maker=maker, game=game, name=name, limit=limit, cursor=cursor)

    @routes.get("/characters/{character_id}/matches")
    async def matches(
        character_id: Id,
        limit: Limit = 10,
        cursor: str | None = None,
        by: By = "character",
        same_game: bool = False,
        maker: Names = [],  # noqa: B006 - FastAPI copies it
        game: Names = [],  # noqa: B006
        exclude_maker: Names = [],  # noqa: B006
        exclude_game: Names = [],  # noqa: B006
        min_clips: int = 1,
        min_probability: float | None = None,
    ) -> documents.Search:
        """The nearest characters of other games to one of the catalog."""
        options = SearchOptions(
            limit=limit,
            cursor=cursor,
            by=by,
            maker=tuple(maker),
            game=tuple(game),
            exclude_maker=tuple(exclude_maker),
            exclude_game=tuple(exclude_game),
            min_clips=min_clips,
            min_probability=min_probability,
        )
        return await searches.run(lambda: library.similar_document(character_id, options, same_game=same_game))

    @routes.get("/clips/{clip_id}/audio", response_class=FileResponse, responses=description.SOUNDS)
    def audio(clip_id: Id, request: Request) -> Response:
        """A clip's sound file as stored on disk or in its archive; byte ranges are supported."""
        sound = library.sound(clip_id)
        return sounds.response(sound.source, sound.media_type, request.headers.get("range"))

    routes.include_router(judging_routes(library))

    routes.include_router(ingest_routes(ingests))
    routes.include_router(edits.routes(library))
    routes.include_router(voice_routes(library))
    return routes


def _files(form: FormData) -> list[UploadFile]:
    """The sounds among the parts of an upload. Raises UsageError for a part that would otherwise be passed over."""
    parts, queries = form.getlist("audio"), form.getlist("query")
    if len(queries) > 1:
        raise UsageError(f"An upload has one part `query`, not {len(queries)}.", "Put all of it into one.")
    for number, part in enumerate(parts, start=1):
        if not isinstance(part, UploadFile):
            raise UsageError(
                f"Part {number} of {len(parts)} called `audio` is text.", "Send it as a file, with a name."
            )
    if parts and (unknown := sorted({*form} - {"audio", "query"})):
        raise UsageError(f"An upload has no part `{unknown[0]}`.", "Its parts are called `audio` and `query`.")
    return [part for part in parts if isinstance(part, UploadFile)]


def _search_sounds(library: Library, uploads: list[bytes], query: str) -> documents.Search:
    options = _parsed(SearchOptions, query)
    if not uploads:
        raise UsageError("There is no sound among the uploads.", "Send one or more files as `audio`.")
    return library.search_document(uploads, options)


def _parsed(kind: type[Options], text: str | bytes) -> Options:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "The query"
        raise UsageError(f"{where}: {first['msg']}.", "/openapi.json describes its form.") from error
