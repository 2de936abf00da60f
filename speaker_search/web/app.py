"""The HTTP API over one library."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.middleware.trustedhost import TrustedHostMiddleware

from speaker_search.catalog import reading
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.search.matching import By, Filters, Page
from speaker_search.web import description, problems, schemas, sounds
from speaker_search.web.guards import BodyLimit, key_check
from speaker_search.web.ingests import Ingests

MAX_CLIPS = 32  # uploaded with one search
MAX_PAGE = 1_000
LOOPBACK = ("127.0.0.1", "localhost", "::1")
Options = TypeVar("Options", bound=schemas.SearchOptions)
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Id = Annotated[int, InPath(ge=1, le=schemas.MAX_ID)]
Names = Annotated[list[str], Query()]


def create_app(library: Library, *, host: str = "127.0.0.1") -> FastAPI:
    """The app for a server bound to `host`; on loopback it answers to loopback names only (DNS rebinding)."""
    # No /docs: FastAPI's pages load their scripts from other people's servers.
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
        docs_url=None,
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
    def healthz() -> dict[str, str]:
        """Whether the server answers at all."""
        return {"status": "ok"}

    app.include_router(_routes(library, ingests), prefix="/v1", dependencies=guards)
    description.complete(app)
    return app


def _routes(library: Library, ingests: Ingests) -> APIRouter:
    failures: dict[int | str, dict[str, Any]] = {
        status: {"model": schemas.Problem} for status in (400, 401, 404, 413, 422, 503)
    }
    routes = APIRouter(responses=failures)

    @routes.post("/search", openapi_extra=description.SEARCH_BODY)
    async def search(request: Request) -> schemas.Search:
        """The nearest characters to uploaded clips, to clips and characters of the catalog, or to an embedding."""
        if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            async with request.form(max_files=MAX_CLIPS, max_fields=MAX_CLIPS) as form:
                uploads = [await part.read() for part in form.getlist("audio") if isinstance(part, UploadFile)]
                query = form.get("query", "{}")
                if not isinstance(query, str):  # browsers send a JSON blob with a file name
                    query = (await query.read()).decode("utf-8", "replace")
            return await run_in_threadpool(_search_sounds, library, uploads, query)
        return await run_in_threadpool(_search_like, library, await request.body())

    @routes.get("/characters")
    def characters(
        maker: str | None = None,
        game: str | None = None,
        name: str | None = None,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> schemas.Characters:
        """Characters by id; maker, game and name compare without regard to case and width."""
        return list_characters(library, maker=maker, game=game, name=name, limit=limit, cursor=cursor)

    @routes.get("/characters/{character_id}/matches")
    def matches(
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
    ) -> schemas.Search:
        """The nearest characters of other games to one of the catalog."""
        filters = Filters(tuple(maker), tuple(game), tuple(exclude_maker), tuple(exclude_game), min_clips)
        answer = library.similar(character_id, same_game=same_game, filters=filters, page=Page(limit, cursor), by=by)
        return schemas.Search.of(answer)

    @routes.get("/clips/{clip_id}/audio", response_class=FileResponse, responses=description.SOUNDS)
    def audio(clip_id: Id, request: Request) -> Response:
        """A clip's sound file as it lies on the disk or in its archive, byte ranges included."""
        return sounds.of_clip(library, clip_id, request.headers.get("range"))

    @routes.post("/ingest", status_code=202)
    def ingest(request: schemas.IngestRequest) -> schemas.Ingest:
        """Take voices in, in the background, from folders that the server's settings allow."""
        return ingests.begin(request)

    @routes.get("/ingest/{ingest_id}")
    def ingest_state(ingest_id: str) -> schemas.Ingest:
        """How an ingest stands that this server was asked for."""
        return ingests.state(ingest_id)

    return routes


def list_characters(
    library: Library,
    *,
    maker: str | None = None,
    game: str | None = None,
    name: str | None = None,
    limit: int,
    cursor: str | None,
) -> schemas.Characters:
    """A page of the catalog's characters, by id."""
    Page(limit, cursor).start  # noqa: B018 - refuses a limit or cursor that makes no sense
    with library.catalog.read() as connection:
        found = reading.list_characters(
            connection,
            library.space,
            maker=maker,
            game=game,
            name=name,
            after=int(cursor or 0),
            limit=limit + 1,
        )
    shown = found[:limit]
    following = str(shown[-1].id) if len(found) > limit else None
    return schemas.Characters(characters=[schemas.Character.of(one) for one in shown], next=following)


def _search_sounds(library: Library, uploads: list[bytes], query: str) -> schemas.Search:
    options = _parsed(schemas.SearchOptions, query)
    if not uploads:
        raise UsageError("There is no sound among the uploads.", "Send one or more files as `audio`.")
    clips, characters = _references(options.unlike)
    answer = library.search(
        uploads,
        unlike_clips=clips,
        unlike_characters=characters,
        filters=_filters(options),
        page=_page(options),
        by=options.by,
    )
    return schemas.Search.of(answer)


def _search_like(library: Library, body: bytes) -> schemas.Search:
    request = _parsed(schemas.SearchRequest, body)
    clips, characters = _references(request.like)
    unlike_clips, unlike_characters = _references(request.unlike)
    answer = library.search_like(
        clips=clips,
        characters=characters,
        unlike_clips=unlike_clips,
        unlike_characters=unlike_characters,
        embedding=request.embedding,
        filters=_filters(request),
        page=_page(request),
        by=request.by,
    )
    return schemas.Search.of(answer)


def _parsed(kind: type[Options], text: str | bytes) -> Options:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "The query"
        raise UsageError(f"{where}: {first['msg']}.", "/openapi.json describes its form.") from error


def _references(references: list[schemas.Reference]) -> tuple[list[int], list[int]]:
    if any((reference.clip is None) == (reference.character is None) for reference in references):
        raise UsageError('To be like or unlike is {"clip": ID} or {"character": ID}, one of the two.')
    clips = [reference.clip for reference in references if reference.clip is not None]
    return clips, [reference.character for reference in references if reference.character is not None]


def _filters(options: schemas.SearchOptions) -> Filters:
    return Filters(
        tuple(options.maker),
        tuple(options.game),
        tuple(options.exclude_maker),
        tuple(options.exclude_game),
        options.min_clips,
    )


def _page(options: schemas.SearchOptions) -> Page:
    return Page(options.limit, options.cursor)
