"""What can be wrong with an archive, said the same way for every kind."""

from __future__ import annotations

from pathlib import Path

from speaker_search.entities import Refusal, shown
from speaker_search.errors import AudioError, SourceError

_UNLOCKING = (
    "Set SPKSEARCH_ARCHIVE_PASSWORD, or name the file that holds the password in SPKSEARCH_ARCHIVE_PASSWORD_FILE."
)
_MIB = 2**20


def broken(archive: Path, detail: object) -> SourceError:
    why = shown(str(detail)).strip().rstrip(".")
    return SourceError(
        f"{shown(str(archive))} is broken or breaks off: {why}.", "Get it again, or unpack what is left."
    )


def locked(archive: Path, *, password: str | None) -> SourceError:
    what = "needs a password" if password is None else "does not open with the password given"
    return SourceError(f"{shown(str(archive))} {what}.", _UNLOCKING)


def unreadable_member(path: str, detail: object) -> AudioError:
    return AudioError(Refusal.UNREADABLE, f"{shown(path)} cannot be read: {shown(str(detail)).strip().rstrip('.')}.")


def no_member(archive: Path, path: str) -> AudioError:
    return AudioError(Refusal.MISSING, f"{shown(archive.name)} holds no {shown(path)}.")


def too_large(path: str, size: int, limit: int) -> AudioError:
    return AudioError(Refusal.TOO_LONG, f"{shown(path)} has {size / _MIB:,.1f} MiB, over the {limit / _MIB:,.1f} MiB.")
