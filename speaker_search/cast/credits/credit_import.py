"""Importing a list of credits: read, matched, kept in one transaction, and reported."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from sqlalchemy import Connection

from speaker_search.cast.credits.credit_lists import NEEDED, OPTIONAL, CsvCredits, read_csv
from speaker_search.cast.credits.listed import CreditList
from speaker_search.cast.credits.matching import Fit, Found, Matching, match
from speaker_search.cast.credits.vndb import VndbCredits, read_dump
from speaker_search.cast.sheets.export import as_csv, write
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.kept_credits import Kept, NewCredit, NewPerson, RosterGame, keep, roster
from speaker_search.documents.casts.credits import MOST_UNSETTLED, ImportedCredits, UnsettledCredit
from speaker_search.errors import UsageError

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
MOST_CANDIDATES = 10
ATTRIBUTION = "Contains information from VNDB (https://vndb.org), under the Open Database License (ODbL) 1.0."


def import_credits(
    catalog: Catalog,
    path: Path,
    content: bytes | None = None,
    *,
    dry_run: bool,
    spoilers: bool,
    unmatched: Path | None,
) -> ImportedCredits:
    """Import a CSV file or a VNDB dump; all of it or nothing. Importing it again changes nothing.

    `content` is that of a CSV file which was sent: then `path` is only its name. With `dry_run` all is done and undone.
    `unmatched` is a file to write what is ambiguous or unmatched to. Raises UsageError when the file is damaged or
    something else, or `unmatched` would replace it.
    """
    if unmatched is not None and unmatched.resolve() == path.resolve():
        raise UsageError(f"{unmatched} is the list itself, and would be replaced.", "Name another file as --unmatched.")
    listed: CsvCredits | VndbCredits = (
        read_dump(path, spoilers=spoilers)
        if content is None and _is_dump(path)
        else read_csv(path, content, spoilers=spoilers)
    )
    with catalog.read() as connection:
        games = roster(connection)
    matching = match(listed, games, every_game=isinstance(listed, CsvCredits))
    if unmatched is not None:
        _write(unmatched, listed, matching, games)
    kept = _keep(catalog, listed, matching, dry_run=dry_run)
    return _report(path, listed, matching, games, kept, dry_run=dry_run)


def _is_dump(path: Path) -> bool:
    try:
        if path.is_dir():
            return True
        with path.open("rb") as file:
            return file.read(len(ZSTD_MAGIC)) == ZSTD_MAGIC
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Check its name.") from error


class _UndoneError(Exception):
    """Ends a transaction that was only tried."""


def _keep(catalog: Catalog, listed: CreditList, matching: Matching, *, dry_run: bool) -> Kept:
    people = {
        key: NewPerson(*key, person.name, tuple(name for name in person.pen_names if name), person.sex)
        for key, person in listed.persons.items()
    }
    new = [
        NewCredit(id_, credit.person, credit.under, credit.spoiler)
        for found in matching.found
        if found.fit is Fit.MATCHED
        for id_ in found.to
        for credit in found.character.credits
    ]
    kept: list[Kept] = []

    def work(connection: Connection) -> None:
        kept.append(keep(connection, people, new))
        if dry_run:
            raise _UndoneError

    with contextlib.suppress(_UndoneError):
        catalog.transact(work)
    return kept[-1]


def _candidates(matching: Matching, games: list[RosterGame]) -> Iterator[tuple[Found, list[str]]]:
    """What the catalog's characters are that a credit may mean: those that fit, else the uncredited of its games."""
    by_game = {game.id: game for game in games}
    addresses = {
        one.id: f"{game.makers[0]}/{game.titles[0]}/{one.names[0]} (id {one.id})"
        for game in games
        for one in game.characters
    }
    taken = {id_ for found in matching.found for id_ in (*found.to, *found.candidates)}
    for found in matching.found:
        if found.fit is Fit.MATCHED:
            continue
        ids = list(found.candidates)
        if not ids:
            free = [one for id_ in found.games for one in by_game[id_].characters if one.id not in taken]
            near = sorted(free, key=lambda one: -SequenceMatcher(None, one.names[0], found.character.name).ratio())
            ids = [one.id for one in near]
        yield found, [addresses[id_] for id_ in dict.fromkeys(ids)][:MOST_CANDIDATES]


def _write(path: Path, listed: CreditList, matching: Matching, games: list[RosterGame]) -> None:
    """Write the unmatched credits as CSV: a reader fills in `chosen` and imports the file."""
    rows: list[tuple[str, ...]] = []
    for found, candidates in _candidates(matching, games):
        for credit in found.character.credits:
            actor = "" if credit.person[0] == "csv" else ":".join(credit.person)
            rows.append((
                *(found.game.makers[0] if found.game.makers else "", found.game.title, found.character.name),
                *(credit.under, listed.persons[credit.person].sex or "", actor, "yes" if credit.spoiler else "", ""),
                *(found.fit.value, found.reason, " | ".join(candidates)),
            ))  # fmt: skip
    write(as_csv((*NEEDED, *OPTIONAL, "fit", "reason", "candidates"), rows), path)


def _report(
    path: Path, listed: CreditList, matching: Matching, games: list[RosterGame], kept: Kept, *, dry_run: bool
) -> ImportedCredits:
    counts = dict.fromkeys(Fit, 0)
    for found in matching.found:
        counts[found.fit] += len(found.character.credits)
    unsettled = []
    for found, candidates in _candidates(matching, games):
        for credit in found.character.credits:
            unsettled.append(
                UnsettledCredit(
                    maker=found.game.makers[0] if found.game.makers else "",
                    game=found.game.title,
                    character=found.character.name,
                    voice_actor=credit.under,
                    fit="ambiguous" if found.fit is Fit.AMBIGUOUS else "unmatched",
                    reason=found.reason,
                    candidates=candidates,
                )
            )
        if len(unsettled) >= MOST_UNSETTLED:
            break
    unclear = [f"{game.makers[0]}/{game.titles[0]}" for game in games if game.id in matching.games.possible]
    credited = {id_ for found in matching.found if found.fit is Fit.MATCHED for id_ in found.to}
    return ImportedCredits(
        file=path,
        kind="csv" if listed.source == "csv" else "vndb",
        dry_run=dry_run,
        credits=sum(counts.values()),
        matched=counts[Fit.MATCHED],
        ambiguous=counts[Fit.AMBIGUOUS],
        unmatched=counts[Fit.UNMATCHED],
        malformed=listed.malformed.count,
        spoilers=listed.left_out,
        games=len(matching.games.chosen),
        unclear_games=unclear,
        missing_games=len(games) - len(matching.games.chosen) - len(unclear),
        characters=len(credited),
        new=kept.new,
        known=kept.known,
        replaced=kept.replaced,
        problems=listed.malformed.problems,
        unsettled=unsettled[:MOST_UNSETTLED],
        attribution=None if listed.source == "csv" else ATTRIBUTION,
    )
