"""Searches, one or many: by uploaded clips, by what the catalog holds, by an embedding; and a character's matches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from speaker_search import documents
from speaker_search.documents import MAX_QUERIES, By, SearchOptions
from speaker_search.errors import SpeakerSearchError, TooLargeError, UsageError
from speaker_search.library import Library, Question
from speaker_search.web import description, problems
from speaker_search.web.routes.parameters import Id, Limit, Names
from speaker_search.web.serving.bodies import MAX_JSON_BYTES
from speaker_search.web.serving.side_by_side import SearchTurns

MAX_CLIPS = 32  # uploaded with one search
Asked = TypeVar("Asked", bound=documents.Document)


def search_routes(library: Library, turns: SearchTurns) -> APIRouter:
    """The routes that search one library."""
    routes = APIRouter()

    @routes.post("/search", response_model=documents.Search | documents.Speakers, openapi_extra=description.SEARCH_BODY)
    async def search(request: Request) -> Response:
        """The nearest characters to uploaded clips, to clips, characters and voices of the catalog, or to an embedding.
        With a `cursor` alone, the next page of an earlier search. With `split_speakers`, a search for each of the
        people in one uploaded recording.
        """
        if not _is_upload(request):
            body = await request.body()
            return await turns.catalog.run(lambda: _answered(library, _parsed(documents.SearchRequest, body)))
        async with request.form(max_files=MAX_CLIPS, max_fields=MAX_CLIPS) as form:
            clips, unlike = await _read(form, "audio"), await _read(form, "unlike")
            query = await _text(form, "query")
            _check_parts(form, "audio", "unlike", "query")

        def found() -> Response:
            asked = _parsed(documents.SearchRequest, query or "{}")
            if not clips and not asked.like and asked.cursor is None:
                raise UsageError("There is no sound among the uploads.", "Send one or more files as `audio`.")
            return _answered(library, asked, clips, unlike)

        return await turns.upload.run(found)

    @routes.post("/search/batch", openapi_extra=description.BATCH_BODY)
    async def search_batch(request: Request) -> documents.Searches:
        """Up to 100 searches, answered in order from one state of the catalog; their clips are embedded together.

        An upload without `queries` searches with each clip separately, with the options of `query`. A search that
        cannot be answered has a problem in place of an answer, and the others are answered.
        """
        if not _is_upload(request):
            body = await request.body()
            return await turns.catalog.run(lambda: _each_answered(library, _questions(body, [])), "batch")
        async with request.form(max_files=MAX_QUERIES, max_fields=MAX_CLIPS) as form:
            clips, queries, query = await _read(form, "audio"), await _text(form, "queries"), await _text(form, "query")
            _check_parts(form, "audio", "queries", "query")

        def found() -> documents.Searches:
            if queries is not None and query is not None:
                raise UsageError("`queries` and `query` were both sent.", "Put all options into `queries`.")
            if queries is not None:
                return _each_answered(library, _questions(queries, clips))
            options = _parsed(documents.SearchRequest, query or "{}")
            if not clips:
                raise UsageError("There is no sound among the uploads.", "Send one or more files as `audio`.")
            return _each_answered(library, [Question.of(options, [clip]) for clip in clips])

        return await turns.upload.run(found, "batch")

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


def _answered(
    library: Library, asked: documents.SearchRequest, clips: Sequence[bytes] = (), unlike: Sequence[bytes] = ()
) -> Response:
    answer = library.speakers_document if asked.split_speakers else library.search_document
    # Written here, in the search's own thread: the one that all requests share has enough to do.
    return Response(answer(clips, asked, unlike=unlike).model_dump_json(), media_type="application/json")


def _each_answered(library: Library, questions: Sequence[Question]) -> documents.Searches:
    answers = []
    for found in library.search_many(questions):
        if isinstance(found, SpeakerSearchError):
            answers.append(documents.OneSearch(search=None, problem=problems.failure(found)))
        else:
            answers.append(documents.OneSearch(search=found.document(), problem=None))
    return documents.Searches(answers=answers)


def _is_upload(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def _read(form: FormData, name: str) -> list[bytes]:
    """The uploaded files of a name. Raises UsageError for one that is text."""
    parts, found = form.getlist(name), []
    for number, part in enumerate(parts, start=1):
        if not isinstance(part, UploadFile):
            raise UsageError(
                f"Part {number} of {len(parts)} called `{name}` is text.", "Send it as a file, with a name."
            )
        found.append(await part.read())
    return found


async def _text(form: FormData, name: str) -> str | None:
    """The one part of a name as text; browsers send a JSON blob with a file name. Raises UsageError
    and TooLargeError.
    """
    parts = form.getlist(name)
    if len(parts) > 1:
        raise UsageError(f"An upload has one part `{name}`, not {len(parts)}.", "Put all of it into one.")
    for part in parts:
        if isinstance(part, str):
            return part
        if (part.size or 0) > MAX_JSON_BYTES:
            raise TooLargeError(
                f"The part `{name}` may be up to {MAX_JSON_BYTES // 2**20} MiB.", "Send fewer searches."
            )
        return (await part.read()).decode("utf-8", "replace")
    return None


def _check_parts(form: FormData, *names: str) -> None:
    """Raise UsageError for a part that would be ignored."""
    if unknown := sorted({*form} - {*names}):
        known = ", ".join(f"`{name}`" for name in names)
        raise UsageError(f"An upload has no part `{unknown[0]}`.", f"Its parts are called {known}.")


def _questions(text: str | bytes, clips: list[bytes]) -> list[Question]:
    """The searches of a batch. Raises UsageError, also for clips that none of them is about."""
    queries = _parsed(documents.BatchRequest, text).queries
    for number, query in enumerate(queries):
        if query.split_speakers:
            raise UsageError(f"Query {number} splits speakers.", "Send the recording to /v1/search alone.")
        if beyond := [place for place in query.audio if not 0 <= place < len(clips)]:
            raise UsageError(
                f"Query {number} is about audio {beyond[0]}, and {len(clips)} were uploaded.",
                "`audio` counts uploaded clips from 0.",
            )
    if unused := {*range(len(clips))} - {place for query in queries for place in query.audio}:
        raise UsageError(f"No query is about audio {min(unused)}.", "Name each uploaded clip in the `audio` of one.")
    return [Question.of(query, [clips[place] for place in query.audio]) for query in queries]


def _parsed(kind: type[Asked], text: str | bytes) -> Asked:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "The query"
        raise UsageError(f"{where}: {first['msg']}.", "/openapi.json describes its form.") from error
