"""Answers for people: tables on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from speaker_search.documents import INFERENCE, Cast, ClipCounts, Evaluation, IngestReport, Preview, Scanned, Search

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 200  # columns of a table that no terminal shows
RIGHT = frozenset(  # columns of numbers
    {"id", "clips", "score", "cosine", "probability", "seconds"}
    | {"queries", "matches", "mean", "right", "precision@1", "calibration error", "p >= 0.9", "of them right"}
)
# Names and texts come from strangers' files: control characters are shown, not sent to the terminal.
STEERING = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


def console() -> Console:
    """Standard output, made for each use, so that it follows redirections."""
    from rich.console import Console

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
    """A document or a dataclass as JSON: in UTF-8 and without escapes, whatever the terminal's encoding."""
    from pydantic import TypeAdapter

    written = TypeAdapter(type(document)).dump_json(document, indent=1, by_alias=True)
    sys.stdout.buffer.write(written + b"\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in RIGHT else "left", overflow="fold")
    for row in rows:
        made.add_row(*(escape(_text(value)) for value in row))
    console().print(made)


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else plain(str(value))


def search(found: Search) -> None:
    """Matches as a table, the best line of each beside it."""
    for warning in found.query.warnings:
        note(f"Note: {warning}")
    if not found.matches:
        console().print("No match.")
        return
    rows = []
    for match in found.matches:
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
    if found.nobody is not None:
        note(f"Probability that nobody here is this voice: {found.nobody:.3f}")
    if found.next:
        note(f"More: --cursor {found.next}")
    note(INFERENCE)


def cast(found: Cast) -> None:
    """Voices as a table, a row for each of their characters."""
    for warning in found.warnings:
        note(f"Note: {warning}")
    rows = [
        (voice.id, one.id, one.name, one.game, one.maker, one.clips, one.probability)
        for voice in found.voices
        for one in voice.characters
    ]
    if rows:
        table(("voice", "id", "character", "game", "maker", "clips", "probability"), rows)
    note(f"{len(found.voices)} recurring voices; {len(found.unlinked)} characters in none. {INFERENCE}")


def evaluation(found: Evaluation) -> None:
    """Measures with their intervals, queries by their size, and how often first matches are right."""
    among, errors = found.intervals, found.calibration
    rows: list[tuple[str, object, Sequence[float] | None]] = [
        ("precision@1 across games", found.precision_at_1, among.precision_at_1),
        ("mean average precision", found.map, among.map),
        ("equal error rate of pairs", found.eer, None),
        ("Cllr of pairs, bits", found.cllr, None),
        ("B-cubed precision", found.bcubed.precision, None),
        ("B-cubed recall", found.bcubed.recall, None),
        ("B-cubed F1", found.bcubed.f1, among.f1),
        ("B-cubed F1, best threshold", found.bcubed.best_f1, among.best_f1),
    ]
    if errors is not None:
        rows += [
            ("calibration error, pairs", errors.ece, None),
            ("calibration error, first matches", errors.first_match_ece, among.first_match_ece),
            ("calibration error, members of voices", errors.membership_ece, among.membership_ece),
            ("Brier score of pairs", errors.brier, None),
        ]
    measures = [
        (name, value, "" if within is None else f"{within[0]:.3f} to {within[1]:.3f}") for name, value, within in rows
    ]
    held = f"{found.characters:,} known characters, {found.voice_actors:,} voice actors, {found.encoder}"
    console().print(plain(held), markup=False)
    table(("measure", "value", "95 % interval"), measures)
    console().print("\nQueries of one or more clips, searched among the characters of other games:")
    sizes = [
        (q.clips, q.queries, q.precision_at_1, q.first_match_ece, q.confident, q.confident_right) for q in found.queries
    ]
    table(("clips", "queries", "precision@1", "calibration error", "p >= 0.9", "of them right"), sizes)
    if found.reliability:
        console().print("\nFirst matches by their probability, and the share of them that is right:")
        bins = [(f"{b.low:.1f} to {b.high:.1f}", b.count, b.mean_probability, b.right) for b in found.reliability]
        table(("probability", "matches", "mean", "right"), bins)


def ingest(report: IngestReport) -> None:
    """What an ingest did, a line each."""
    out = console()
    for sentence in report.recognised:
        out.print(plain(sentence), markup=False)
    out.print(f"Scanned {report.games:,} games: {_listed(report.routes) or 'nothing'}.", markup=False)
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
        out.print(f"{report.merged:,} of them have the audio of an older clip of their game: moved files, or copies.")
    if report.refused:
        out.print(f"Refused: {_listed(report.refused)}. `spksearch catalog refused` lists them.", markup=False)
    if report.gone:
        out.print("Clips whose files are gone are kept; `spksearch catalog forget --gone` deletes them.")
    for sentence in report.moved:
        out.print(f"Moved: {plain(sentence)}", markup=False)
    _left_out(report)
    if report.catalog:
        counts(report.catalog)


def preview(found: Preview) -> None:
    """What a dry run saw, below its table."""
    out = console()
    for sentence in found.recognised:
        out.print(plain(sentence), markup=False)
    out.print(f"{found.games:,} games: {_listed(found.routes) or 'nothing'}. Nothing was written.", markup=False)
    _left_out(found)


def _left_out(found: Scanned) -> None:
    for sentence in found.advice:
        console().print(plain(sentence), markup=False)
    for problem in found.problems:
        console().print(f"Problem: {plain(problem)}", markup=False)


def counts(held: ClipCounts) -> None:
    console().print(
        f"The catalog holds {held.embedded:,} embedded, {held.pending:,} pending and {held.refused:,} refused clips.",
        markup=False,
    )


def _listed(counted: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counted.items()))
