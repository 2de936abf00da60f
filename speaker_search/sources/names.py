"""Names as dumps write them: who is nobody, which dots are extensions, and what can be stored as text."""

from __future__ import annotations

import re
from functools import lru_cache

from speaker_search.audio.decode import AUDIO_SUFFIXES
from speaker_search.entities import fold

SOUND_FOLDERS = frozenset({"wav", "wavs", "audio"})  # directly around audio files: no name of a game or a character
MAX_NAME_BYTES = 1_000  # UTF-8. PostgreSQL's indexes take 2,700 bytes: a speaker and a file's name joined fit as well
MAX_FOLDED_BYTES = 2_000  # UTF-8, of entities.fold(name), which the catalog looks names up by
_FOLD_GROWTH = 11  # times as many bytes at most, by U+FDFA: a greeting of 18 letters in one sign
DRIVE = re.compile(r"[A-Za-z]:")


@lru_cache(maxsize=4096)  # a game has hundreds of names in a hundred thousand rows
def speaker(raw: str) -> str | None:
    """The speaker's name as written, without surrounding space; None for `？？？`, `？`, `???` and blanks.

    Those mean that the player is not to know yet who speaks: many people go by them, so they are no character.
    """
    return None if set(fold(raw)) <= {"?", " "} else raw.strip()


def split_suffix(name: str) -> tuple[str, str]:
    """`a/b.ogg` -> (`a/b`, `.ogg`). Only audio suffixes are extensions: `Mr.N` and `2.5` have none."""
    dot = name.rfind(".")
    suffix = name[dot:] if dot > 0 else ""
    if suffix.lower() not in AUDIO_SUFFIXES or name[dot - 1] in "/.":  # `.ogg` alone is a hidden file's whole name
        return name, ""
    return name[:dot], suffix


def storable(name: str) -> bool:
    """Whether a database can hold it and look it up.

    It has no lone surrogates (file names that are no UTF-8, or broken JSON) and no NUL, and is not over MAX_NAME_BYTES,
    nor MAX_FOLDED_BYTES when folded.
    """
    if len(name) > MAX_NAME_BYTES or "\0" in name:
        return False
    if name.isascii():
        return True
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    if length * _FOLD_GROWTH <= MAX_FOLDED_BYTES:  # nearly every name
        return True
    return length <= MAX_NAME_BYTES and len(fold(name).encode("utf-8")) <= MAX_FOLDED_BYTES


def member_name(written: str) -> str | None:
    """An archive member's name as a POSIX path that stays inside; None for absolute ones, `..`, drive letters, NUL.

    Stricter than a row's path: whoever packs voices has no reason to write `..`.
    """
    path = written.replace("\\", "/")
    if not storable(path) or path.startswith("/") or DRIVE.match(path):
        return None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/".join(parts) if parts and ".." not in parts else None


def maker_and_title(name: str) -> tuple[str, str]:
    """`Key_AIR` -> ("Key", "AIR"), split at the first `_`; ("", "") when that does not give two names."""
    maker, _, title = name.partition("_")
    return (maker, title) if maker.strip() and title.strip() else ("", "")
