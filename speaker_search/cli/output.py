"""Answers for people: tables on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from speaker_search.cast.export import INFERENCE
from speaker_search.catalog.embedding import ClipCounts
from speaker_search.ingest.report import IngestReport
from speaker_search.web import schemas

PIPE_WIDTH = 200  # columns of a table that no terminal shows
# Names and texts come from strangers' files: what would steer a terminal is shown, not sent.
STEERING = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


def console() -> Console:
    """Standard output, made anew for each use so that it follows redirections."""
    return Console(
        width=None if sys.stdout.isatty() else PIPE_WIDTH,
        emoji=False,
        highlight=False,
        soft_wrap=not sys.stdout.isatty(),
    )


def plain(text: str) -> str:
    return text.translate(STEERING)


def note(sentence: str) -> None:
    """A line for people, beside the answer."""
    print(plain(sentence), file=sys.stderr)


def json_document(document: Any) -> None:
    """A document or a dataclass as JSON, its names as they are: in UTF-8, whatever the terminal's encoding."""
    sys.stdout.buffer.write(TypeAdapter(type(document)).dump_json(document, indent=1) + b"\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column in ("id", "clips", "score", "cosine", "probability", "seconds")
        made.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(escape(_text(value)) for value in row))
    console().print(made)


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else plain(str(value))


def search(document: schemas.Search) -> None:
    """Matches as a table, the best line of each beside it."""
    for warning in document.query.warnings:
        note(f"Note: {warning}")
    if not document.matches:
        console().print("No match.")
        return
    rows = []
    for match in document.matches:
        character, best = match.character, match.hits[0] if match.hits else None
        rows.append(
            (
                character.id if character else None,
                character.name if character else "(unknown)",
                character.game.title if character else None,
                character.game.maker.name if character else None,
                character.clips if character else None,
                match.score,
                match.probability,
                best.cosine if best else None,
                f"#{best.clip.id} {best.clip.text}".strip() if best else None,
            )
        )
    table(("id", "character", "game", "maker", "clips", "score", "probability", "cosine", "nearest line"), rows)
    if document.next:
        note(f"More: --cursor {document.next}")
    note(INFERENCE)


def cast(document: schemas.CastDocument) -> None:
    for warning in document.warnings:
        note(f"Note: {warning}")
    rows = [
        (
            voice.id,
            character.id,
            character.name,
            character.game,
            character.maker,
            character.clips,
            character.probability,
        )
        for voice in document.voices
        for character in voice.characters
    ]
    if rows:
        table(("voice", "id", "character", "game", "maker", "clips", "probability"), rows)
    note(f"{len(document.voices)} recurring voices; {len(document.unlinked)} characters in none. {INFERENCE}")


def ingest(report: IngestReport) -> None:
    """What an ingest did, a line each."""
    out = console()
    for sentence in report.recognised:
        out.print(plain(sentence), markup=False)
    routes = ", ".join(f"{name} {count:,}" for name, count in sorted(report.routes.items()))
    out.print(f"Scanned {report.games:,} games: {routes or 'nothing'}.", markup=False)
    out.print(
        f"Clips: {report.new:,} new, {report.known:,} known, {report.changed:,} changed, "
        f"{report.relabelled:,} relabelled, {report.gone:,} gone; {report.opened:,} files opened.",
        markup=False,
    )
    if report.embedded:
        out.print(
            f"Embedded {report.embedded:,} clips, {report.audio_seconds / 3600:.2f} h of audio, "
            f"at {report.rate:.0f} s of audio per second, in {report.encoder}, by {report.computed_by}.",
            markup=False,
        )
    if report.merged:
        out.print(f"{report.merged:,} of them are the audio of an older clip of their game: moved files, or copies.")
    refused = ", ".join(f"{reason} {count:,}" for reason, count in sorted(report.refused.items()))
    if refused:
        out.print(f"Refused: {refused}. `spksearch catalog refused` lists them.", markup=False)
    if report.gone:
        out.print("Clips that are gone are kept; `spksearch catalog forget --gone` forgets them.")
    for problem in report.problems:
        out.print(f"Problem: {plain(problem)}", markup=False)
    if report.catalog:
        counts(report.catalog)


def preview(report: IngestReport) -> None:
    """What a dry run saw, below its table."""
    out = console()
    for sentence in report.recognised:
        out.print(plain(sentence), markup=False)
    routes = ", ".join(f"{name} {count:,}" for name, count in sorted(report.routes.items()))
    out.print(f"{report.games:,} games: {routes or 'nothing'}. Nothing was written.", markup=False)
    for problem in report.problems:
        out.print(f"Problem: {plain(problem)}", markup=False)


def counts(held: ClipCounts) -> None:
    console().print(
        f"The catalog holds {held.embedded:,} embedded, {held.pending:,} pending and {held.refused:,} refused clips.",
        markup=False,
    )
