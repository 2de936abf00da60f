"""A file of voices -> clips of a catalog that have vectors and no audio."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.scans.imported import TakenIn, take_in
from speaker_search.catalog.spaces import Space, ensure_space, spaces
from speaker_search.errors import UsageError
from speaker_search.transfer.backing_up import OnRows
from speaker_search.transfer.voices_file import VoicesFile

MOST_PROBLEMS = 10  # named; all are counted
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(slots=True)
class Tally:
    """What became of a file's rows so far."""

    new: int = 0
    merged: int = 0
    known: int = 0
    malformed: int = 0
    problems: list[str] = field(default_factory=list)  #: the first of the malformed ones, a sentence each

    def add(self, taken: TakenIn) -> None:
        self.new += taken.new
        self.merged += taken.merged
        self.known += taken.known


def import_voices(catalog: Catalog, file: VoicesFile, on_rows: OnRows = lambda _, __: None) -> tuple[Space, Tally]:
    """Take all clips of a file into a catalog, 10,000 in a transaction: interrupted and run again, it goes on.

    Raises UsageError when the catalog's vectors are of other spaces, and when the file turns out to be damaged.
    """
    space = _space(catalog, file)
    # A name that is as unique as can be, so that two files' folders of one name are not taken for one.
    origin = file.catalog[:8] if _UUID.fullmatch(file.catalog) else file.path.name
    tally, done = Tally(), 0
    for portion in file.portions():
        some, own = portion.clips, file.catalog == catalog.uuid
        if some:
            tally.add(catalog.transact(partial(take_in, space=space, some=some, origin=origin, own=own)))
        tally.malformed += len(portion.malformed)
        for number, why in portion.malformed.items():
            if len(tally.problems) < MOST_PROBLEMS:
                tally.problems.append(f"Row {number:,}: {why}.")
        done += len(portion)
        on_rows(done, file.rows)
    return space, tally


def _space(catalog: Catalog, file: VoicesFile) -> Space:
    """The catalog's space that the file's vectors are in; a new one in an empty catalog."""
    with catalog.read() as connection:
        held = {space.name: space for space in spaces(connection)}
    if held and file.space not in held:
        raise UsageError(
            f"{file.path} holds voices in {file.space}, and the catalog in {', '.join(held)}: they cannot be compared.",
            "Import it into another catalog: set SPKSEARCH_HOME to a new folder.",
        )
    space = held.get(file.space) or ensure_space(
        catalog, space=file.space, name=file.space.partition("@")[0], dim=file.dim
    )
    if file.dim != space.dim or not file.dim:
        raise UsageError(
            f"The vectors in {file.path} have {file.dim} numbers, and those of {file.space} {space.dim}.",
            "Name a file that `spksearch export` wrote.",
        )
    return space
