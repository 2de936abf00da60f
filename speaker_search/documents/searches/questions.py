"""Requests to a library, the same for the command line and HTTP."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import ConfigDict, Field, StrictBool, StrictFloat, StrictInt

from speaker_search.documents.document import Document

By: TypeAlias = Literal["character", "voice", "game", "clip"]
Layout: TypeAlias = Literal["auto", "dump", "folders", "manifest", "shards"]

MAX_ID = 2**63 - 1  # the largest integer that either database stores
MAX_AUTHOR = 100  # characters of the name of whoever edits or judges
MAX_EXAMPLES = 100  # clips and characters that a voice should be like, or unlike
MAX_QUERIES = 100  # searches in one request
MAX_UPLOAD_BYTES = 64 * 2**20  # of one request's clips: a search takes a handful
MAX_LIMIT = 1_000  # matches, characters or clips on one page
DEFAULT_RECALL = 0.99  # of the ten nearest clips in the index
DEFAULT_PROBABILITY = 0.5  # of two characters being one voice: as likely as not


class Request(Document):
    """A request, or a part of one. Unknown fields are refused, and numbers in other forms, such as "3" or true."""

    model_config = ConfigDict(extra="forbid")


class Reference(Request):
    """A clip, character or voice of the catalog: exactly one of them."""

    clip: StrictInt | None = Field(default=None, ge=1, le=MAX_ID)
    character: StrictInt | None = Field(default=None, ge=1, le=MAX_ID, description="Counts as its clips, up to eight.")
    voice: StrictInt | None = Field(default=None, ge=1, le=MAX_ID, description="Counts as its characters.")


class SearchOptions(Request):
    """Which matches are wanted, and which page of them."""

    limit: StrictInt = 10
    cursor: str | None = Field(
        default=None,
        description="The `next` of an earlier answer. It holds the whole search, so nothing else has to be given.",
    )
    by: By = "character"
    maker: tuple[str, ...] = ()
    game: tuple[str, ...] = ()
    exclude_maker: tuple[str, ...] = ()
    exclude_game: tuple[str, ...] = ()
    min_clips: StrictInt = 1
    min_probability: StrictFloat | None = Field(default=None, description="Above 0 and below 1.")
    unlike: tuple[Reference, ...] = Field(default=(), max_length=MAX_EXAMPLES)
    split_speakers: StrictBool = Field(
        default=False,
        description="Search for each person in one uploaded recording. The answer is then `Speakers`, with the times "
        "at which they speak.",
    )


class SearchRequest(SearchOptions):
    """A search by what the catalog holds, beside uploaded clips or without any, or by an embedding made elsewhere."""

    like: tuple[Reference, ...] = Field(default=(), max_length=MAX_EXAMPLES)
    embedding: list[StrictFloat] | None = Field(default=None, max_length=4096)


class BatchQuery(SearchRequest):
    """One search of several."""

    audio: tuple[StrictInt, ...] = Field(
        default=(),
        max_length=MAX_EXAMPLES,
        description="The uploaded `audio` parts to search with, counted from 0: several are lines of one voice.",
    )


class BatchRequest(Request):
    """Many searches in one request."""

    queries: tuple[BatchQuery, ...] = Field(min_length=1, max_length=MAX_QUERIES)


class IngestRequest(Request):
    """Voices to ingest, from folders and addresses that the server's settings allow."""

    paths: list[str] = Field(
        min_length=1, max_length=100, description="Absolute paths, or addresses, below SPKSEARCH_INGEST_ROOTS."
    )
    layout: Layout = "auto"
    maker: str | None = None
    game: str | None = None
    retry_refused: StrictBool = False
    enqueue: StrictBool = Field(default=False, description="Register clips, and leave embedding to workers.")
