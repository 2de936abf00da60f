"""The HTTP API over one library."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.middleware.trustedhost import TrustedHostMiddleware

from speaker_search import documents
from speaker_search.documents import MAX_ID, MAX_LIMIT, By, SearchOptions
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.web import description, edits, problems, sounds
from speaker_search.web.guards import BodyLimit, key_check
from speaker_search.web.ingests import Ingests
from speaker_search.web.judging_routes import judging_routes
from speaker_search.web.voices_routes import voice_routes

MAX_CLIPS = 32  # uploaded with one search
LOOPBACK = ("127.0.0.1", "localhost", "::1")
Options = TypeVar("Options", bound=SearchOptions)
UPLOADS_AT_ONCE = 32
SEARCHES_AT_ONCE = max(2, os.cpu_count() or 1)  # by what the catalog holds; uploads wait for their decoders as well
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Id = Annotated[int, InPath(ge=1, le=MAX_ID)]
Names = Annotated[list[str], Query()]


def create_app(library: Library, *, host: str = "127.0.0.1") -> FastAPI:
    """The app for a server bound to `host`; on loopback it answers to loopback names only (DNS rebinding)."""
    ingests = Ingests(library)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(ingests.close)

    app = FastAPI(
        lifespan=lifespan,
        title="speaker_search",
        description="Who else sounds like this, in other games?",
        version="1",
        docs_url=None,  # FastAPI's pages load scripts from other people's servers
        redoc_url=None,
    )
    keys = library.settings.keys
    guards = [Depends(key_check(keys))] if keys else []
    problems.install(app)
    app.add_middleware(BodyLimit)
    if host in LOOPBACK:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    app.add_middleware(problems.PlainErrors)

    @app.get("/healthz", tags=["server"])
    async def healthz() -> dict[str, str]:
        """Whether the server answers at all."""
        return {"status": "ok"}

    app.include_router(_routes(library, ingests), prefix="/v1", dependencies=guards)
    description.complete(app)
    return app


def _routes(library: Library, ingests: Ingests) -> APIRouter:
    failures: dict[int | str, dict[str, Any]] = {
        status: {"model": documents.Problem} for status in (400, 401, 404, 413, 422, 503)
    }
    routes = APIRouter(responses=failures)
    # More searches at once than cores finish no sooner, and some much later. Waiting ones are taken in their order.
    slots = CapacityLimiter(SEARCHES_AT_ONCE)
    upload_slots = CapacityLimiter(UPLOADS_AT_ONCE)  # their own: sounds that hang decoders keep nobody else waiting

    async def side_by_side(search: Callable[[], documents.Search]) -> documents.Search:
        return await to_thread.run_sync(search, limiter=slots)

    @routes.post("/search", openapi_extra=description.SEARCH_BODY)
    async def search(request: Request) -> documents.Search | documents.Speakers:
        """The nearest characters to uploaded clips, to clips and characters of the catalog, or to an embedding.

        With `split_speakers` the answer has a search for each of the people in one uploaded recording.
        """
        if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            async with request.form(max_files=MAX_CLIPS, max_fields=MAX_CLIPS) as form:
                uploads = [await part.read() for part in _files(form)]
                query = form.get("query", "{}")
                if not isinstance(query, str):  # browsers send a JSON blob with a file name
                    query = (await query.read()).decode("utf-8", "replace")
            return await to_thread.run_sync(_search_sounds, library, uploads, query, limiter=upload_slots)
        body = await request.body()
        return await side_by_side(lambda: library.search_like_document(_parsed(documents.SearchRequest, body)))

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
        return await side_by_side(lambda: library.similar_document(character_id, options, same_game=same_game))

    @routes.get("/clips/{clip_id}/audio", response_class=FileResponse, responses=description.SOUNDS)
    def audio(clip_id: Id, request: Request) -> Response:
        """A clip's sound file as stored on disk or in its archive; byte ranges are supported."""
        sound = library.sound(clip_id)
        return sounds.response(sound.source, sound.media_type, request.headers.get("range"))

    routes.include_router(judging_routes(library))

    @routes.post("/ingest", status_code=202)
    def ingest(request: documents.IngestRequest) -> documents.Ingest:
        """Ingest voices in the background, from folders that the server's settings allow."""
        return ingests.begin(request)

    @routes.get("/ingest/{ingest_id}")
    def ingest_state(ingest_id: str) -> documents.Ingest:
        """The state of an ingest requested from this server."""
        return ingests.state(ingest_id)

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


def _search_sounds(library: Library, uploads: list[bytes], query: str) -> documents.Search | documents.Speakers:
    options = _parsed(SearchOptions, query)
    if not uploads:
        raise UsageError("There is no sound among the uploads.", "Send one or more files as `audio`.")
    if options.split_speakers:
        return library.speakers_document(uploads, options)
    return library.search_document(uploads, options)


def _parsed(kind: type[Options], text: str | bytes) -> Options:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "The query"
        raise UsageError(f"{where}: {first['msg']}.", "/openapi.json describes its form.") from error
