"""Tells what kind of archive a file is, by its name or its first bytes."""

from __future__ import annotations

from speaker_search.entities import ObjectPath, Place
from speaker_search.sources.places import is_folder

ARCHIVE_SUFFIXES = frozenset({".zip", ".7z", ".tar", ".parquet"})
# Recognised only to be refused with a sentence: what is inside must not be lost silently.
UNREADABLE_ARCHIVES = (".rar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z.001", ".zip.001")

_SIGNATURES = {b"PK\3\4": ".zip", b"PK\5\6": ".zip", b"7z\xbc\xaf\x27\x1c": ".7z", b"PAR1": ".parquet"}
_TAR_MARK = slice(257, 262)  # "ustar"


def is_archive_name(name: str) -> bool:
    """Whether the name is that of an archive, including kinds that can only be refused."""
    lower = name.lower()
    return lower.endswith(tuple(ARCHIVE_SUFFIXES)) or lower.endswith(UNREADABLE_ARCHIVES)


def is_archive(path: Place) -> bool:
    """Whether a root is an archive and not a folder, by its name alone when the file system does not answer."""
    named = path.suffix.lower() in ARCHIVE_SUFFIXES
    try:
        if isinstance(path, ObjectPath):
            return named and not is_folder(path)
        return not path.is_dir() if named else path.is_file() and archive_kind(path) is not None
    except OSError:  # folders above it are locked, or its disk does not answer
        return named


def archive_kind(path: Place) -> str | None:
    """.zip, .7z, .tar or .parquet, by the first bytes, else by the name; None for other and unreadable files.

    In object storage by the name alone, since looking into each costs a request.
    """
    if path.name.lower().endswith(UNREADABLE_ARCHIVES):
        return None
    suffix = path.suffix.lower()
    named = suffix if suffix in ARCHIVE_SUFFIXES else None
    if isinstance(path, ObjectPath):
        return named
    try:
        with path.open("rb") as file:
            head = file.read(_TAR_MARK.stop)
    except (OSError, ValueError):
        return None
    by_content = next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), None)
    if by_content is None and head[_TAR_MARK] == b"ustar":
        by_content = ".tar"
    return by_content or named
