"""Answers for people: tables on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from speaker_search.cli.fitting import laid_out, plain
from speaker_search.documents import (
    INFERENCE,
    Cast,
    Evaluation,
    IngestReport,
    Preview,
    Scanned,
    Search,
    VoiceChanges,
)
from speaker_search.entities import Place, counted

if TYPE_CHECKING:
    from rich.console import Console

LIKELY = 0.5  # with this probability that nobody is the voice, it is the answer, and stands first
INDENT = "    "  # of the line below a row


class Waiting:
    """A line on a terminal's stderr that says what is being waited for, wiped off before anything else is printed."""

    def __init__(self) -> None:
        self._shown = ""

    def __call__(self, words: str) -> None:
        """Show these words instead of those before; none wipes the line."""
        if words == self._shown or not sys.stderr.isatty():
            return
        sys.stderr.write("\r" + " " * len(self._shown) + "\r" + words)  # no escapes: not every terminal takes them
        sys.stderr.flush()
        self._shown = words


waiting = Waiting()  # one for the process: its terminal has one last line, which everything printed wipes off


def console() -> Console:
    """Standard output, made for each use, so that it follows redirections. Only a terminal's lines are wrapped."""
    from rich.console import Console

    waiting("")
    return Console(emoji=False, highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())


def say(sentence: str) -> None:
    """A line of the answer."""
    console().print(plain(sentence))


def command(line: str) -> None:
    """A line in one piece: paths and commands are copied from it."""
    waiting("")
    print(plain(line))


def note(sentence: str) -> None:
    """A line for people, beside the answer."""
    waiting("")
    print(plain(sentence), file=sys.stderr)


def notes(warnings: Iterable[str]) -> None:
    """The warnings of an answer, beside it."""
    for warning in warnings:
        note(f"Note: {warning}")


def json_document(document: Any) -> None:
    """A document or a dataclass as JSON: in UTF-8 and without escapes, whatever the terminal's encoding."""
    from pydantic import TypeAdapter

    waiting("")
    written = TypeAdapter(type(document)).dump_json(document, indent=1, by_alias=True)
    sys.stdout.buffer.write(written + b"\n")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, below: Iterable[Sequence[object]] | None = None
) -> None:
    """Rows under their headings; with `below` a line under each. A terminal's lines are shortened to fit, no others."""
    out = console()
    width = out.width if sys.stdout.isatty() else None
    heading, *lines = laid_out(list(rows), heading=columns, width=width)
    if below is not None:
        under = laid_out(list(below), width=None if width is None else width - len(INDENT))
        lines = [line for row, more in zip(lines, under, strict=True) for line in (row, INDENT + more)]
    out.print(heading, style="bold", soft_wrap=True)
    for line in lines:
        print(line)


def facts(known: Iterable[tuple[str, object]]) -> None:
    """Names and values, which are never shortened."""
    waiting("")
    for line in laid_out(list(known)):
        print(line)


def search(found: Search, files: Mapping[int, Place]) -> None:
    """Matches as a table, each with its nearest line below it; `files` says where clips are, by id."""
    notes(found.query.warnings)
    if found.nobody is not None and found.nobody >= LIKELY:
        say(f"Nobody here sounds like this, with a probability of {found.nobody:.3f}.")
    if not found.matches:
        say("No match.")
        return
    rows: list[Sequence[object]] = []
    nearest: list[Sequence[object]] = []
    related = any(match.relation for match in found.matches)
    for match in found.matches:
        who: Sequence[object] = (None, "(unknown)", None, None, None)
        if one := match.character:
            who = (one.id, one.name, one.game.title, one.game.maker.name, one.clips)
        relation = (None if match.relation is None else match.relation.words,) if related else ()
        rows.append((*who, match.score, match.probability, *relation))
        line: Sequence[object] = ("-", None, None, None)
        if match.hits:
            clip = match.hits[0].clip
            line = (f"clip {clip.id}", match.hits[0].cosine, files.get(clip.id), clip.text)
        nearest.append(line)
    headings = (
        "id",
        "character",
        "game",
        "maker",
        "clips",
        "score",
        "probability",
        *(("relation",) if related else ()),
    )
    table(headings, rows, below=nearest)
    if found.nobody is not None and found.nobody < LIKELY:
        note(f"Probability that nobody here is this voice: {found.nobody:.3f}")
    if found.next:
        note("More: raise --limit, or give --cursor with the `next` that --json prints.")
    note(INFERENCE)


def cast(found: Cast) -> None:
    """Voices as a table, a row for each of their characters."""
    notes(found.warnings)
    rows = [
        (voice.id, one.id, one.name, one.game, one.maker, one.clips, one.probability)
        for voice in found.voices
        for one in voice.characters
    ]
    if rows:
        table(("voice", "id", "character", "game", "maker", "clips", "probability"), rows)
    voices, alone = counted(len(found.voices), "recurring voice"), counted(len(found.unlinked), "unlinked character")
    note(f"{voices}, {alone}. {INFERENCE}")


def voice_changes(found: VoiceChanges) -> None:
    """What became of voices, a row for each change."""
    words = {"merged": "merged into {}", "split": "split from {}", "first": "first linking", "relinked": "linked anew"}
    rows = [
        (
            f"{one.at.astimezone():%Y-%m-%d %H:%M}",
            one.voice,
            words.get(one.kind, one.kind).format(one.other_voice),
            counted(one.voices, "voice") if one.voices else ", ".join(who.address for who in one.characters),
        )
        for one in found.changes
    ]
    if rows:
        table(("time", "voice", "change", "characters"), rows)
    else:
        say("No voices have been stored.")
    note(INFERENCE)


def evaluation(found: Evaluation) -> None:
    """Measures with their intervals, queries by their size, and how often first matches are right."""
    notes(found.warnings)
    among, errors = found.intervals, found.calibration
    rows: list[tuple[str, object, Sequence[float] | None]] = [
        ("precision@1 across games", found.precision_at_1, among.precision_at_1),
        ("mean average precision", found.map, among.map),
        ("equal error rate of pairs", found.eer, None),
        ("minDCF of pairs, P_target 0.01", found.min_dcf, None),
        ("Cllr of pairs, bits", found.cllr, None),
        ("B-cubed precision", found.bcubed.precision, None),
        ("B-cubed recall", found.bcubed.recall, None),
        ("B-cubed F1", found.bcubed.f1, among.f1),
        ("B-cubed F1, best threshold", found.bcubed.best_f1, among.best_f1),
        ("pairwise precision", found.pairwise.precision, None),
        ("pairwise recall", found.pairwise.recall, None),
        ("pairwise F1", found.pairwise.f1, among.pairwise_f1),
    ]
    if errors is not None:
        rows += [
            ("calibration error, pairs", errors.ece, None),
            ("calibration error, first matches", errors.first_match_ece, among.first_match_ece),
            ("calibration error, members of voices", errors.membership_ece, among.membership_ece),
            ("calibration error, whole voices", errors.voice_ece, among.voice_ece),
            ("calibration error, pairs of at least 0.1", errors.likely_pair_ece, None),
            ("Brier score of pairs", errors.brier, None),
        ]
    measures = [
        (name, value, "" if within is None else f"{within[0]:.3f} to {within[1]:.3f}") for name, value, within in rows
    ]
    characters, actors = counted(found.characters, "known character"), counted(found.voice_actors, "voice actor")
    say(f"{characters}, {actors}, {found.encoder}")
    table(("measure", "value", "95 % interval"), measures)
    say("\nQueries of one or more clips, searched among the characters of other games:")
    sizes = [
        (q.clips, q.queries, q.precision_at_1, q.first_match_ece, q.confident, q.confident_right) for q in found.queries
    ]
    table(("clips", "queries", "precision@1", "calibration error", "p >= 0.9", "of them right"), sizes)
    for title, noun, bins in (
        ("First matches", "matches", found.reliability),
        ("Pairs of at least 0.1", "pairs", found.pair_reliability),
        ("Members of voices", "members", found.membership_reliability),
        ("Whole voices", "voices", found.voice_reliability),
    ):
        if bins:
            say(f"\n{title} by their probability, and the share of them that is right:")
            lines = [(f"{b.low:.1f} to {b.high:.1f}", b.count, b.mean_probability, b.right) for b in bins]
            table(("probability", noun, "mean", "right"), lines)
    if found.parts:
        say(f"\nBy {found.by}:")
        shown = [
            (
                part.name or "(unknown)",
                part.characters,
                part.precision_at_1,
                part.map,
                part.bcubed.f1,
                part.members_right,
            )
            for part in found.parts
        ]
        table((found.by or "", "characters", "precision@1", "MAP", "B-cubed F1", "members right"), shown)


def ingest(report: IngestReport) -> None:
    """What an ingest did, a line each."""
    for sentence in report.recognised:
        say(sentence)
    say(f"Scanned {counted(report.games, 'game')}: {_listed(report.routes) or 'nothing'}.")
    say(
        f"Clips: {report.new:,} new, {report.known:,} known, {report.changed:,} changed, "
        f"{report.relabelled:,} relabelled, {report.gone:,} gone; {counted(report.opened, 'file')} opened."
    )
    work(report)


def work(report: IngestReport) -> None:
    """What became of pending clips, and what the catalog holds now."""
    if report.embedded:
        took = f"{report.audio_seconds / 3600:.2f} h of audio, at {report.rate:.0f} s of audio per second"
        say(f"Embedded {counted(report.embedded, 'clip')} with {report.encoder}: {took}.")
        say(f"Computed by {report.computed_by}.")
    if report.merged:
        say(f"Merged {counted(report.merged, 'moved or copied file')} into older clips of the same game.")
    if report.refused:
        say(f"Refused: {_listed(report.refused)}. `spksearch catalog refused` lists them.")
    if report.gone:
        say("Clips whose files are gone are kept; `spksearch catalog forget --gone` deletes them.")
    for sentence in report.moved:
        say(f"Moved: {sentence}")
    _left_out(report)
    if report.catalog:
        held = report.catalog
        refused = counted(held.refused, "refused clip")
        say(f"The catalog holds {held.embedded:,} embedded, {held.pending:,} pending and {refused}.")


def preview(found: Preview) -> None:
    """What a dry run saw, below its table."""
    for sentence in found.recognised:
        say(sentence)
    say(f"{counted(found.games, 'game')}: {_listed(found.routes) or 'nothing'}. Nothing was written.")
    _left_out(found)


def _left_out(found: Scanned) -> None:
    for sentence in found.advice:
        say(sentence)
    for problem in found.problems:
        say(f"Problem: {problem}")


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
