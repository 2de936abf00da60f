"""Programs that back up, restore, export and import, and wait at a gate after each portion of rows."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from end_to_end.forked import Gate
from standin import StandInEncoder

from speaker_search import settings
from speaker_search.library import Library

TRANSFERRING = "transferring"


def transfer(connection: Connection, doing: str, file: Path) -> None:
    gate = Gate(connection, TRANSFERRING)

    def wait(_done: int, _of: int) -> None:
        gate.wait()

    chosen = settings.load(encoder="stand-in")
    if doing == "restore":
        Library.restore(chosen, file, on_rows=wait)
        return
    with Library(chosen, encoder=StandInEncoder()) as library:
        {"backup": library.backup, "export": library.export, "import": library.import_voices}[doing](file, on_rows=wait)
