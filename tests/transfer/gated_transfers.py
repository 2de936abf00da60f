"""Programs that back up, restore, export and import, and wait at a gate after each portion of rows."""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection
from pathlib import Path

from end_to_end.forked import Gate
from standin import StandInEncoder

from speaker_search import settings
from speaker_search.documents.models.datasets import DatasetOptions, Format
from speaker_search.errors import UsageError
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


def dataset(connection: Connection, folder: Path) -> None:
    """Export a data set, waiting after each clip."""
    gate = Gate(connection, TRANSFERRING)

    def wait(_done: int, _of: int) -> None:
        gate.wait()

    with Library(settings.load(encoder="stand-in"), encoder=StandInEncoder()) as library:
        library.export_dataset(folder, DatasetOptions(), on_clips=wait)


def on_a_small_disk(_connection: Connection, folder: Path, form: Format) -> None:
    """Export a data set where no file can grow, and print why that fails."""
    import resource  # not on Windows

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Library(settings.load(encoder="stand-in"), encoder=StandInEncoder()) as library:
        library.prepare()  # first: the index is a file, too

        def fill(_done: int, _of: int) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

        try:
            library.export_dataset(folder, DatasetOptions(form=form), on_clips=fill)
        except UsageError as error:
            print(error, flush=True)
