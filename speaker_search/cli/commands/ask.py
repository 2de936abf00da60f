"""`spksearch search`, `similar`, `cast` and `evaluate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from speaker_search import documents
from speaker_search.cli import found_matches, options, output, sheet_tables
from speaker_search.cli.commands import judge
from speaker_search.entities import counted
from speaker_search.errors import TooLargeError, UsageError

if TYPE_CHECKING:
    from speaker_search.library import Example, Library

QUEUED = 10  # pairs that `cast --queue` lists


def search(
    clips: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CLIP...",
            help="Sound files of one voice, - for standard input, or clip:ID, character:NAME and voice:ID of the "
            "catalog.",
        ),
    ] = None,
    limit: options.Limit = 10,
    cursor: options.Cursor = None,
    maker: options.MakerNames = None,
    game: options.GameTitles = None,
    exclude_maker: options.NotMakers = None,
    exclude_game: options.NotGames = None,
    min_clips: options.MinClips = 1,
    min_probability: options.LikelyMatches = None,
    unlike: Annotated[
        list[str] | None, typer.Option(help="A clip that the voice should not be like, or clip:ID and so on.")
    ] = None,
    split_speakers: Annotated[
        bool, typer.Option("--split-speakers", help="Search for each person in one recording.")
    ] = False,
    by: options.Kind = "character",
    each: Annotated[bool, typer.Option("--each", help="Search with each clip separately.")] = False,
    encoder: options.EncoderName = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Find the characters nearest to one or more clips of one voice.

    A recording lasts up to ten minutes, alone or in a video; of a long one only the speech counts.

    Example: spksearch search line1.ogg line2.ogg --limit 5
    """
    wanted = options.search_options(
        limit=limit,
        cursor=cursor,
        by=by,
        maker=maker,
        game=game,
        exclude_maker=exclude_maker,
        exclude_game=exclude_game,
        min_clips=min_clips,
        min_probability=min_probability,
    )
    like, others = clips or [], unlike or []
    if split_speakers and each:
        raise UsageError("--split-speakers and --each ask different questions.", "Give one of them.")
    if each and not like:
        raise UsageError("--each needs at least one clip.")
    if each and cursor is not None:
        raise UsageError("A cursor continues one search.", "Leave --each out.")
    if [*like, *others].count("-") > 1:
        raise UsageError("Standard input holds one clip, so - can be given only once.", "Give the others as files.")
    content = _from_stdin() if "-" in (*like, *others) else b""
    with options.open_library(encoder=encoder, device=device) as library:
        output.waiting(f"Loading encoder {library.space.encoder}…")
        asked = [_example(library, clip, content) for clip in like]
        away = [_example(library, clip, content) for clip in others]
        if split_speakers:
            found_matches.speakers(library, library.speakers_document(asked, wanted, unlike=away), json)
        if each:
            from speaker_search.library import Question

            questions = [Question.of(wanted, [one], away) for one in asked]
            found_matches.each(library, like, library.searches_document(questions), json)
        found_matches.show(library, library.search_document(asked, wanted, unlike=away), json)


def _example(library: Library, given: str, content: bytes) -> Example:
    """A clip as it is searched with; `content` is what standard input held. Raises UsageError and NotFoundError."""
    if given == "-":
        return content
    kind, _, which = given.partition(":")
    if kind == "character" and which:
        return library.character(which)
    if kind not in ("clip", "voice"):
        return given
    if not (which.isascii() and which.isdecimal() and 0 < int(which) <= documents.MAX_ID):
        raise UsageError(f"{given!r} does not name a {kind}.", f"Give its id, as in {kind}:12; a file is ./{given}.")
    return documents.Reference.model_validate({kind: int(which)})


def _from_stdin() -> bytes:
    if sys.stdin.isatty():
        raise UsageError(
            "Standard input is a terminal.", "Pipe a sound into it: `ffmpeg -i a.m4a -f wav - | spksearch search -`."
        )
    content = sys.stdin.buffer.read(documents.MAX_UPLOAD_BYTES + 1)
    if not content:
        raise UsageError("Standard input is empty.", "Pipe a sound file into it.")
    if len(content) > documents.MAX_UPLOAD_BYTES:
        raise TooLargeError(
            f"Standard input is over {documents.MAX_UPLOAD_BYTES // 2**20} MiB.", "Give a shorter clip, or its file."
        )
    return content


def similar(
    character: options.CharacterName,
    limit: options.Limit = 10,
    cursor: options.Cursor = None,
    same_game: Annotated[bool, typer.Option("--same-game", help="Characters of its own game too.")] = False,
    maker: options.MakerNames = None,
    game: options.GameTitles = None,
    exclude_maker: options.NotMakers = None,
    exclude_game: options.NotGames = None,
    min_clips: options.MinClips = 1,
    min_probability: options.LikelyMatches = None,
    by: options.Kind = "character",
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """Find the characters of other games nearest to one in the catalog.

    Example: spksearch similar "Game/Character"
    """
    wanted = options.search_options(
        limit=limit,
        cursor=cursor,
        by=by,
        maker=maker,
        game=game,
        exclude_maker=exclude_maker,
        exclude_game=exclude_game,
        min_clips=min_clips,
        min_probability=min_probability,
    )
    with options.open_library(encoder=encoder) as library:
        found_matches.show(library, library.similar_document(character, wanted, same_game=same_game), json)


def cast(
    game: Annotated[str | None, typer.Option(help="One game's cast sheet.")] = None,
    unknown: Annotated[
        str | None, typer.Option(metavar="GAME", help="Who may speak a game's lines of unknown speakers.")
    ] = None,
    min_probability: options.MinProbability = documents.DEFAULT_PROBABILITY,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="Write .csv, .json, .parquet or .html instead.")
    ] = None,
    changes: Annotated[
        bool, typer.Option("--changes", help="What became of the voices since they were first linked, newest first.")
    ] = False,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Link all characters anew, not only those that have changed.")
    ] = False,
    queue: Annotated[bool, typer.Option("--queue", help="Pairs to listen to, those worth most first.")] = False,
    limit: Annotated[int | None, typer.Option(help="Number of pairs, with --queue. Default: 10.")] = None,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """List the voices that recur across games, one game's cast sheet, or pairs that a person should listen to.

    An existing file is replaced by an export. An .html page carries the lines to hear. With --unknown, the export is a
    patch with the lines that are likely enough: index.json rows (.json), or path and character (.csv). It changes
    neither the dump nor the catalog.

    Example: spksearch cast --min-probability 0.9 --export cast.csv
    """
    if limit is not None and not queue:
        raise UsageError("--limit is the number of pairs to listen to.", "Give it with --queue, or leave it out.")
    if afresh and (queue or unknown is not None or min_probability != documents.DEFAULT_PROBABILITY):
        raise UsageError(
            "--afresh links the stored voices anew.", "Leave out --queue, --unknown and --min-probability."
        )
    if queue:
        if (
            changes
            or (unknown or game) is not None
            or export is not None
            or min_probability != documents.DEFAULT_PROBABILITY
        ):
            raise UsageError("--queue is about the whole cast and is not exported.", "Leave out the other options.")
        judge.print_queue(QUEUED if limit is None else limit, encoder, json)
    if changes:
        if (unknown or game) is not None or export is not None or min_probability != documents.DEFAULT_PROBABILITY:
            raise UsageError(
                "--changes is about the whole catalog and is not exported.", "Leave out the other options."
            )
        with options.open_library(encoder=encoder) as library:
            became = library.cast_changes(afresh=afresh)
        output.json_document(became) if json else output.voice_changes(became)
        raise typer.Exit(0 if became.changes else 1)
    if unknown is not None:
        if game is not None:
            raise UsageError("--game and --unknown ask different questions.", "Give one of them.")
        _unknown(unknown, min_probability, export, encoder, json)
    with options.open_library(encoder=encoder) as library:
        found = library.cast_document(min_probability=min_probability, game=game, export_to=export, afresh=afresh)
    if export is not None:
        if not json:  # whose document has them
            output.notes(found.warnings)
        output.note(f"{counted(len(found.voices), 'recurring voice')} written to {export}.")
    if json:
        output.json_document(found)
    elif export is None:
        if isinstance(found, documents.CastSheet):
            sheet_tables.sheet(found)
        else:
            output.cast(found)
        if found.voices:
            output.note("`spksearch cast --export cast.html` writes them to a file; also .csv, .json and .parquet.")
    raise typer.Exit(0 if found.voices else 1)


def _unknown(game: str, least: float, export: Path | None, encoder: str | None, json: bool) -> NoReturn:
    with options.open_library(encoder=encoder) as library:
        found = library.unknown_lines(game, export_to=export, min_probability=least)
    if export is not None:
        likely = len(found.likely(least))
        lines = f"{likely:,} of {counted(len(found.lines), 'line')}"
        output.note(f"A patch of {lines} written to {export}. Check it by ear.")
    if json:
        output.json_document(found)
    else:
        sheet_tables.unknown_lines(found)
    raise typer.Exit(0 if found.lines else 1)


def evaluate(
    truth: Annotated[Path, typer.Option(help="JSON list of maker, game, character and voice_actor.")],
    by: Annotated[
        Literal["style", "game", "maker"] | None, typer.Option(help="Also measure the characters of each.")
    ] = None,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """Measure search and cast against known voice actors.

    Intervals are 95 % bootstrap intervals: the voice actors are drawn 1,000 times.

    Example: spksearch evaluate --truth cast.json
    """
    with options.open_library(encoder=encoder) as library:
        found = library.evaluate(truth, by=by)
    if json:
        output.json_document(found)
    else:
        output.evaluation(found)
