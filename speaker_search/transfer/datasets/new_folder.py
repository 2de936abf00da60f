"""Writing a folder that is there whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil carries no types

from speaker_search.errors import UsageError
from speaker_search.new_file import PART, elsewhere

WRITER = "writer.json"  # which process writes the folder beside it
CONTENT = "content"


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder beside this path, which takes its name once it is written and flushed to the disk.

    What a killed program left of the same folder is deleted first. Raises UsageError when there is something at the
    path already, when another program is writing it, and when it cannot be written.
    """
    if os.path.lexists(path):
        raise UsageError(f"{path} exists already.", "Name a new folder, or delete it first.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {path.absolute().parent}.", "Make it first, or name another place.")
    beside = path.with_name(path.name + PART)
    try:
        _clear(beside)
        beside.mkdir()
        own = psutil.Process()
        (beside / WRITER).write_text(json.dumps({"pid": own.pid, "began": own.create_time()}), encoding="utf-8")
        (beside / CONTENT).mkdir()
        try:
            yield beside / CONTENT
            _flush(beside / CONTENT)
            (beside / CONTENT).rename(path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)  # PyArrow's words are about itself
        raise UsageError(f"{path} cannot be written: {reason}.", elsewhere(error)) from error


def _clear(beside: Path) -> None:
    """Delete what a killed program left. Raises UsageError when it is of one that runs, or is something else."""
    if not os.path.lexists(beside):
        return
    writer = None
    with suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads((beside / WRITER).read_text(encoding="utf-8"))
        writer = int(said["pid"]), float(said["began"])
    if writer is None and beside.is_dir() and not any(beside.iterdir()):  # killed before it wrote anything
        writer = 0, 0.0
    if writer is None:
        raise UsageError(f"{beside} is in the way.", "Move or delete it first.")
    if _runs(*writer):
        raise UsageError(f"Another program (process {writer[0]}) is writing {beside}.", "Wait until it has ended.")
    shutil.rmtree(beside)


def _runs(pid: int, began: float) -> bool:
    try:
        return bool(psutil.Process(pid).create_time() == began)
    except psutil.Error:
        return False


def _flush(folder: Path) -> None:
    """Have all files below a folder, and their names, written to the disk."""
    if hasattr(os, "sync"):  # one call: a data set of single sounds has a million files
        os.sync()
        return
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("r+b") as file:
                os.fsync(file.fileno())
