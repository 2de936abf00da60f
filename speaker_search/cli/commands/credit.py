"""`spksearch credits import`, `audit` and `likely`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speaker_search import documents
from speaker_search.cli import options, output
from speaker_search.documents import INFERENCE, CreditAudit, HeardLines, ImportedCredits
from speaker_search.entities import counted

SHOWN = 20  # unsettled credits in a terminal: `--unmatched` writes them all

app = typer.Typer(
    name="credits", help="Known voice actors: import them, and compare them with the voices.", no_args_is_help=True
)

ListFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="CSV with maker,game,character,voice_actor and, if you like, sex; or a VNDB dump or its folder.",
    ),
]


@app.command("import")
def import_(
    file: ListFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Match the whole list, and keep nothing.")] = False,
    spoilers: Annotated[bool, typer.Option("--spoilers", help="Import what is marked as a spoiler, too.")] = False,
    unmatched: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Write what is ambiguous or unmatched here. Fill in its column `chosen`, and import it.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Import who is known to speak whom. All of it or nothing; importing a list again changes nothing.

    Example: spksearch credits import credits.csv --unmatched rest.csv
    """
    with options.open_library() as library:
        output.waiting("Matching credits…")
        done = library.import_credits(file, dry_run=dry_run, spoilers=spoilers, unmatched=unmatched)
    if json:
        output.json_document(done)
    else:
        _imported(done, unmatched)
    raise typer.Exit(0 if done.matched and not done.malformed else 1)


def _imported(done: ImportedCredits, unmatched: Path | None) -> None:
    for problem in done.problems:
        output.say(f"Malformed: {problem}")
    if done.unsettled:
        rows = list(done.cells())
        output.table(done.columns, rows[:SHOWN])
        open_ = done.ambiguous + done.unmatched
        if open_ > SHOWN:
            output.note(f"and {open_ - SHOWN:,} more.")
    games = f"{counted(done.games, 'game')} found, {len(done.unclear_games):,} unclear, {done.missing_games:,} missing"
    output.say(f"Of the catalog: {games}; {counted(done.characters, 'character')} credited.")
    output.say(
        f"{counted(done.credits, 'credit')}: {done.matched:,} matched, {done.ambiguous:,} ambiguous, "
        f"{done.unmatched:,} unmatched, {counted(done.malformed, 'malformed row')}."
    )
    if done.spoilers:
        output.say(f"Left out {counted(done.spoilers, 'spoiler')}: `--spoilers` imports them.")
    kept = f"{done.new:,} new, {done.known:,} known, {done.replaced:,} replaced"
    output.say(f"{'Nothing was kept; it would be: ' if done.dry_run else 'Kept: '}{kept}.")
    if unmatched is not None:
        output.note(f"Fill in the column `chosen` of {unmatched}, and import it.")
    if done.attribution:
        output.note(done.attribution)


@app.command("audit")
def audit(
    limit: Annotated[int, typer.Option(min=1, help="Doubtful credits to list, the surest first.")] = 50,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """List the credits that the voices disagree with, with lines to hear, and actors who sound like one person.

    Example: spksearch credits audit --limit 20
    """
    with options.open_library(encoder=encoder) as library:
        found = library.audit_credits(limit=limit)
    if json:
        output.json_document(found)
        return
    _audited(found)


def _audited(found: CreditAudit) -> None:
    output.notes(found.warnings)
    output.say(f"{counted(found.audited, 'credit')} compared with the actor's other roles, {found.encoder}")
    if found.doubtful:
        rows, below = [], []
        for one in found.doubtful:
            rows.append((*one.character.row, one.voice_actor, one.roles, one.probability, one.doubt))
            near = one.nearest
            who = one.nearest_voice_actor or "not credited"
            below.append(
                (
                    f"hear {_pair(one.role_lines)}: {one.role.name}, same actor",
                    f"hear {_pair(one.nearest_lines)}: nearer {near.name}, {near.game} ({who})",
                    one.nearest_probability,
                )
            )
        output.say("\nCredits that the voices disagree with:")
        output.table(
            ("id", "character", "game", "maker", "voice actor", "roles", "probability", "doubt"), rows, below=below
        )
    if found.contradicted:
        output.say("\nCredits that verdicts contradict:")
        output.table(
            ("id", "character", "credited", "id", "character", "credited", "verdict"),
            [
                (
                    one.one.id,
                    one.one.name,
                    one.voice_actors[0],
                    one.other.id,
                    one.other.name,
                    one.voice_actors[1],
                    one.verdict,
                )
                for one in found.contradicted
            ],
        )
    if found.recast:
        output.say("\nCredited to several actors, so these credits do not constrain the voices:")
        output.table(("id", "character", "game", "maker"), [one.row for one in found.recast])
    if found.pen_names:
        output.say("\nActors who sound like one person. This is inferred from voices and does not show who they are:")
        output.table(
            ("one", "other", "probability", "roles", "roles of other", "pairs", "alike", "games with both"),
            [
                (p.one, p.other, p.probability, p.one_roles, p.other_roles, p.pairs, p.alike, p.shared_games)
                for p in found.pen_names
            ],
        )
    output.note(INFERENCE)


def _pair(lines: HeardLines | None) -> str:
    return "-" if lines is None else f"{lines.clip_id} and {lines.other_clip_id}"


@app.command("likely")
def likely(
    min_probability: options.MinProbability = documents.DEFAULT_PROBABILITY,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """List who uncredited characters are probably spoken by, where the credits of their voice agree.

    Example: spksearch credits likely --min-probability 0.9
    """
    with options.open_library(encoder=encoder) as library:
        found = library.likely_actors(min_probability=min_probability)
    if json:
        output.json_document(found)
    else:
        output.notes(found.warnings)
        if found.characters:
            output.table(found.columns, list(found.cells()))
        output.note(f"{counted(len(found.characters), 'uncredited character')} with a likely actor. {INFERENCE}")
    raise typer.Exit(0 if found.characters else 1)
