"""Tells what kind of archive a file is, by its name or its first bytes."""

from __future__ import annotations

from pathlib import Path

ARCHIVE_SUFFIXES = frozenset({".zip", ".7z", ".tar", ".parquet"})
# Recognised only to be refused with a sentence: what is inside must not be lost silently.
UNREADABLE_ARCHIVES = (".rar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z.001", ".zip.001")

_SIGNATURES = {b"PK\3\4": ".zip", b"PK\5\6": ".zip", b"7z\xbc\xaf\x27\x1c": ".7z", b"PAR1": ".parquet"}
_TAR_MARK = slice(257, 262)  # "ustar"


def is_archive_name(name: str) -> bool:
    """Whether the name is that of an archive, including kinds that can only be refused."""
    lower = name.lower()
    return lower.endswith(tuple(ARCHIVE_SUFFIXES)) or lower.endswith(UNREADABLE_ARCHIVES)


def is_archive(path: Path) -> bool:
    """Whether a root is an archive and not a folder, by its name alone when the file system does not answer."""
    named = path.suffix.lower() in ARCHIVE_SUFFIXES
    try:
        return not path.is_dir() if named else path.is_file() and archive_kind(path) is not None
    except OSError:  # folders above it are locked, or its disk does not answer
        return named


def archive_kind(path: Path) -> str | None:
    """.zip, .7z, .tar or .parquet, by the first bytes, else by the name; None for other and unreadable files."""
    if path.name.lower().endswith(UNREADABLE_ARCHIVES):
        return None
    try:
        with path.open("rb") as file:
            head = file.read(_TAR_MARK.stop)
    except (OSError, ValueError):
        return None
    by_content = next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), None)
    if by_content is None and head[_TAR_MARK] == b"ustar":
        by_content = ".tar"
    suffix = path.suffix.lower()
    return by_content or (suffix if suffix in ARCHIVE_SUFFIXES else None)
