"""Opening and looking at a place of voices, whether it is on a disk or in object storage."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import IO, cast

from speaker_search.entities import ObjectPath, Place
from speaker_search.sources.objects.object_file import ObjectFile
from speaker_search.sources.objects.store import store
from speaker_search.sources.objects.store_errors import ObjectError, away_at, missing

#: What the system says of a path that leads nowhere. After any other error the file may be there: a folder above it may
#: be locked, or its disk or its store may not answer.
NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL}


@dataclass(frozen=True, slots=True)
class Status:
    """A file or an object."""

    size: int  #: bytes
    mtime_ns: int
    version: str  #: another one as soon as it is written anew


def status_of(place: Place) -> Status:
    """A file or an object as it is now. Raises OSError, also for a folder in object storage, and ValueError."""
    if isinstance(place, ObjectPath):
        held = store(place.scheme).status(place)
        if held is None:
            raise missing(place)
        return Status(held.size, held.mtime_ns, held.version)
    status = place.stat()
    version = f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
    return Status(status.st_size, status.st_mtime_ns, version)


def opened(place: Place) -> IO[bytes]:
    """A file or an object, open for reading anywhere in it. Raises OSError and ValueError."""
    if isinstance(place, ObjectPath):
        return cast(IO[bytes], ObjectFile(store(place.scheme), place, status_of(place).size))
    return place.open("rb")


def is_folder(place: Place) -> bool:
    """Whether a folder is there. Raises OSError where a store does not tell."""
    if isinstance(place, ObjectPath):
        return store(place.scheme).is_folder(place)
    return place.is_dir()


def is_there(place: Place) -> bool:
    """Whether a file or folder is there, or may be there."""
    try:
        if isinstance(place, ObjectPath):
            store(place.scheme).status(place)
        else:
            place.stat()
    except ValueError:  # a NUL in a name
        return False
    except OSError as error:
        return error.errno not in NOWHERE
    return True


def why_away(root: Place) -> str | None:
    """Why nothing of a folder or archive can be read at the moment, to follow its name; None where it can be."""
    if not isinstance(root, ObjectPath):
        return None if os.path.exists(root) else "is not there"  # noqa: PTH110 - it never raises
    try:
        store(root.scheme).status(root)
    except ObjectError as error:
        if not error.away and error.errno != errno.ENOENT:
            try:
                store(root.scheme).status(root.bucket)  # are the credentials refused as such, or for this place alone?
            except ObjectError:
                return f"cannot be reached, since {error}"
            return None
        return f"cannot be reached, since {error}"
    return None


def was_away(error: Exception) -> str | None:
    """The same, where that was behind an error; None for other errors."""
    away = away_at(error)
    return None if away is None else f"cannot be reached, since {away}"
