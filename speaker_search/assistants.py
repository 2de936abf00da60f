"""Tools for assistants over the Model Context Protocol: search, similar, character, cast, voices and verdict.

They only read, unless `verdict` is allowed, and read sound files only below the allowed folders. What a tool answers
goes to the assistant, wherever that runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from speaker_search import documents
from speaker_search.documents import INFERENCE, By, Reference
from speaker_search.errors import SpeakerSearchError, UsageError
from speaker_search.library import Library
from speaker_search.library.mending import author_of

MOST = 50  # matches, voices or clips in one answer: an assistant reads all of it
INSTRUCTIONS = (
    "Finds game characters that sound like the same person. Name a character as name, game/name or maker/game/name, or "
    f"by its id. {INFERENCE} Say so when you pass it on, and never name a real person as the voice behind a role. "
    "`nobody` is the probability that none of the characters is the voice asked about."
)
Limit = Annotated[int, Field(ge=1, le=MOST)]
Names = Annotated[list[str], Field(max_length=documents.MAX_EXAMPLES)]
P = ParamSpec("P")
T = TypeVar("T")


class CharacterClips(documents.Document):
    """A character and its first clips, without the paths of their sounds."""

    character: documents.Character
    clips: list[documents.Clip]


def create_server(library: Library, *, folders: Sequence[Path] = (), verdicts: bool = False) -> MCPServer:
    """The tools over a library. Sounds are read only below `folders`; `verdicts` lets assistants give verdicts.

    Raises UsageError for a folder that is not there.
    """
    allowed = [_folder(folder) for folder in folders]
    server = MCPServer("speaker_search", instructions=INSTRUCTIONS, log_level="WARNING")
    reading = server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))

    @reading
    @_said
    def search(
        files: Annotated[Names, Field(description="Sound files of one voice, below the allowed folders.")] = [],  # noqa: B006
        like: Annotated[list[Reference], Field(description="Clips, characters and voices of the catalog.")] = [],  # noqa: B006
        unlike: list[Reference] = [],  # noqa: B006
        limit: Limit = 10,
        cursor: Annotated[str | None, Field(description="The `next` of an earlier answer, given alone.")] = None,
        by: By = "character",
        game: Names = [],  # noqa: B006
        maker: Names = [],  # noqa: B006
        exclude_game: Names = [],  # noqa: B006
        exclude_maker: Names = [],  # noqa: B006
        min_clips: int = 1,
        min_probability: float | None = None,
    ) -> documents.Search:
        """Find the characters nearest to sound files, or to clips, characters and voices of the catalog, which are
        taken as examples of one voice.
        """
        request = documents.SearchRequest(
            like=tuple(like),
            unlike=tuple(unlike),
            limit=limit,
            cursor=cursor,
            by=by,
            game=tuple(game),
            maker=tuple(maker),
            exclude_game=tuple(exclude_game),
            exclude_maker=tuple(exclude_maker),
            min_clips=min_clips,
            min_probability=min_probability,
        )
        return library.search_document([_file(name, allowed) for name in files], request)

    @reading
    @_said
    def similar(
        character: str, limit: Limit = 10, same_game: bool = False, by: By = "character", cursor: str | None = None
    ) -> documents.Search:
        """Find the characters of other games nearest to one of the catalog; with `same_game` those of its own, too."""
        options = documents.SearchOptions(limit=limit, by=by, cursor=cursor)
        return library.similar_document(character, options, same_game=same_game)

    @reading
    @_said
    def character(name: str, clips: Limit = 10) -> CharacterClips:
        """Look up a character: its game, maker, number of clips, and its first lines."""
        shown = library.show(name, limit=clips)
        return CharacterClips(character=shown.character, clips=[documents.Clip.copy_of(clip) for clip in shown.clips])

    @reading
    @_said
    def cast(game: str) -> documents.Cast:
        """List the recurring voices heard in a game, by its title, each with its characters in all games."""
        return library.cast(game=game).document()

    @reading
    @_said
    def voices(limit: Limit = 20, cursor: str | None = None) -> documents.Voices:
        """List the voices that recur across games, by id, each with its characters."""
        return library.voices(limit=limit, cursor=cursor)

    if verdicts:
        author = f"{author_of(None)} (by an assistant)"

        @server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True))
        @_said
        def verdict(one: str, other: str, same: bool, note: str = "") -> documents.JudgedVerdict:
            """Keep a person's word that two characters are the same voice, or different ones. Give one only when the
            person has said so after listening. `spksearch verdict undo ID` undoes it.
            """
            return library.judge(one, other, same=same, note=note, author=author)

    return server


def _said(tool: Callable[P, T]) -> Callable[P, T]:
    """A tool whose errors are told to the assistant."""

    @wraps(tool)
    def told(*given: P.args, **named: P.kwargs) -> T:
        try:
            return tool(*given, **named)
        except SpeakerSearchError as error:
            raise ToolError(str(error)) from error

    return told


def _folder(folder: Path) -> Path:
    found = folder.expanduser().resolve()
    if not found.is_dir():
        raise UsageError(f"{folder} is not a folder.", "Give --folder one that holds sound files.")
    return found


def _file(name: str, folders: Sequence[Path]) -> Path:
    """A file below one of the folders, after links are followed, too. Raises UsageError.

    The error is the same for a file elsewhere and for a missing one, so it does not tell which files exist.
    """
    for folder in folders:
        try:
            path = (folder / name).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):  # not there, a loop of links, or an invalid name
            continue
        if path.is_relative_to(folder) and path.is_file():
            return path
    mend = "Start `spksearch mcp` with --folder to allow one."
    raise UsageError(f"{name!r} is not a file below the folders that assistants may read.", mend)
