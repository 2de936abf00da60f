"""Writing a file that is there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from speaker_search.errors import UsageError

PART = ".part"  # how the names of unfinished files end; what a killed program leaves of them can be deleted
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def new_file(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield the path of a file beside this one, which takes its name once it is written and flushed to the disk.

    A file that exists is kept unless `replace`. Raises UsageError when it is in the way, and when a file cannot be
    written.
    """
    try:
        check_place(path, replace=replace)
        beside = path.with_name(f"{path.name}.{uuid4().hex[:8]}{PART}")
        try:
            yield beside
            _flush(beside, os.O_RDWR)
            (beside.replace if replace else beside.rename)(path)
            if os.name != "nt":  # Windows cannot open folders, and makes renames durable without this
                _flush(path.parent, os.O_RDONLY)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{path} cannot be written: {reason}.", elsewhere(error)) from error


def elsewhere(error: OSError) -> str:
    """Where to write instead, after this error."""
    return "Name a place with enough free space." if error.errno in FULL else "Name another place."


def check_place(path: Path, *, replace: bool = False) -> None:
    """Raises UsageError where no file of this name can be made. Call it before long work."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", "Name a file in it.")
    if not replace and os.path.lexists(path):
        raise UsageError(f"{path} exists already.", "Name a new file, or delete it first.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {path.absolute().parent}.", "Make it first, or name another place.")


def _flush(path: Path, how: int) -> None:
    handle = os.open(path, how)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
