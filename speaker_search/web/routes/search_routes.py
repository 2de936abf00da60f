"""Searches: by uploaded clips, by what the catalog holds, by an embedding, and a character's matches."""

from __future__ import annotations

from typing import TypeVar

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from speaker_search import documents
from speaker_search.documents import By, SearchOptions
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.web import description
from speaker_search.web.routes.parameters import Id, Limit, Names
from speaker_search.web.serving.turns import SearchTurns

MAX_CLIPS = 32  # uploaded with one search
Options = TypeVar("Options", bound=SearchOptions)


def search_routes(library: Library, turns: SearchTurns) -> APIRouter:
    """The routes that search one library."""
    routes = APIRouter()

    @routes.post("/search", openapi_extra=description.SEARCH_BODY)
    async def search(request: Request) -> documents.Search:
        """The nearest characters to uploaded clips, to clips and characters of the catalog, or to an embedding."""
        if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            async with request.form(max_files=MAX_CLIPS, max_fields=MAX_CLIPS) as form:
                uploads = [await part.read() for part in _files(form)]
                query = form.get("query", "{}")
                if not isinstance(query, str):  # browsers send a JSON blob with a file name
                    query = (await query.read()).decode("utf-8", "replace")
            return await turns.upload.run(lambda: _search_sounds(library, uploads, query))
        body = await request.body()
        return await turns.catalog.run(lambda: library.search_like_document(_parsed(documents.SearchRequest, body)))

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
        return await turns.catalog.run(lambda: library.similar_document(character_id, options, same_game=same_game))

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
