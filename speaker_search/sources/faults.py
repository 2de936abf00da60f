"""What can be wrong with a source, worded the same way everywhere."""

from __future__ import annotations

from speaker_search.entities import Place, Refusal
from speaker_search.errors import AudioError, SourceError
from speaker_search.sources.objects.store_errors import ObjectError

_UNLOCKING = (
    "Set SPKSEARCH_ARCHIVE_PASSWORD, or name the file that holds the password in SPKSEARCH_ARCHIVE_PASSWORD_FILE."
)
_MIB = 2**20
#: Why a file or folder is malformed whose name the catalog cannot hold.
UNSTORABLE = "Its name is not valid UTF-8, or too long: rename it."


def unreadable(place: Place, error: OSError) -> SourceError:
    """A folder, file or object that the file system or the store does not let us read."""
    mend = error.mend if isinstance(error, ObjectError) else "Check its permissions."
    return SourceError(f"{place} cannot be read: {error.strerror or error}.", mend)


def damaged(archive: Place, detail: object) -> SourceError:
    """An archive or table that does not follow its format."""
    detail = f"{archive} is damaged or truncated: {_sentence(detail)}"
    return SourceError(detail, "Get it again, or unpack what is left of it.")


def locked(archive: Place, *, password: str | None) -> SourceError:
    """An archive that needs another password."""
    what = "needs a password" if password is None else "does not open with the password given"
    return SourceError(f"{archive} {what}.", _UNLOCKING)


def unreadable_member(path: str, detail: object) -> AudioError:
    """An archive member whose bytes cannot be read."""
    return AudioError(Refusal.UNREADABLE, f"{path} cannot be read: {_sentence(detail)}")


def missing_member(archive: Place, path: str) -> AudioError:
    """A path that leads to nothing in the archive."""
    return AudioError(Refusal.MISSING, f"{archive.name} does not contain {path}.")


def too_large(path: str, size: int, limit: int) -> AudioError:
    """An archive member over the limit; both are in bytes."""
    detail = f"{path} is {size / _MIB:,.1f} MiB, over the limit of {limit / _MIB:,.1f} MiB."
    return AudioError(Refusal.TOO_LONG, detail)


def _sentence(detail: object) -> str:
    return str(detail).strip().rstrip(".") + "."
