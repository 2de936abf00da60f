"""Names as dumps write them: who is nobody, which dots are extensions, and what can be stored as text."""

from __future__ import annotations

import re
from functools import lru_cache

from speaker_search.audio.reading import AUDIO_SUFFIXES
from speaker_search.entities import fold

SOUND_FOLDERS = frozenset({"wav", "wavs", "audio"})  # directly around audio files: no name of a game or a character
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
    """Whether a database can hold it: no lone surrogates (file names that are no UTF-8, or broken JSON), no NUL."""
    if "\0" in name:
        return False
    if name.isascii():
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


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
