"""Names and paths as dumps write them: unknown speakers, audio suffixes, paths that stay inside, what can be stored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from speaker_search.audio.decode import AUDIO_SUFFIXES
from speaker_search.entities import fold

_CONTAINERS = "aac aif aifc aiff amr caf m4a m4b mka mkv mp4 webm wma"
_UNREAD = "ac3 adx ape at3 at9 au dts hca mp2 mpc nwa ovk ra spx tak tta voc wem wv xma xwma"
_FILMS = "3gp asf avi flv m4v mkv mov mp4 mpeg mpg ogm ogv rm webm wmv"
FILM_SUFFIXES = frozenset(f".{name}" for name in _FILMS.split())
CONTAINER_SUFFIXES = frozenset(f".{name}" for name in _CONTAINERS.split())  #: read with the package av alone
#: Sounds, alone or in films, that libsndfile does not read. Where a converted file lies beside one, that is the clip.
OTHER_SUFFIXES = frozenset(f".{name}" for name in _UNREAD.split()) | FILM_SUFFIXES | CONTAINER_SUFFIXES
SOUND_FOLDERS = frozenset({"wav", "wavs", "audio"})  # folders of audio files, never named after a game or character
MAX_NAME_BYTES = 1_000  # UTF-8. PostgreSQL's indexes take 2,700 bytes, which leaves room for speaker and file name
MAX_FOLDED_BYTES = 2_000  # UTF-8, of entities.fold(name), by which the catalog looks names up
_FOLD_GROWTH = 11  # folding makes a name at most this much longer: U+FDFA becomes a greeting of 18 letters
_DRIVE = re.compile(r"[A-Za-z]:")
_ODD = re.compile(r"[/\\:\0]|^\.{1,2}$")  # a name without any of these is one plain path component


@lru_cache(maxsize=4096)  # a game has hundreds of names in a hundred thousand rows
def speaker(raw: str) -> str | None:
    """The speaker's name as written, without surrounding space; None for `？？？`, `？`, `???` and blanks.

    These mean that the player should not know yet who speaks. Many people share them, so they are not a character.
    """
    return None if set(fold(raw)) <= {"?", " "} else raw.strip()


def split_suffix(name: str) -> tuple[str, str]:
    """`a/b.ogg` -> (`a/b`, `.ogg`). Only audio suffixes are extensions: `Mr.N` and `2.5` have none."""
    dot = name.rfind(".")
    suffix = name[dot:] if dot > 0 else ""
    if suffix.lower() not in AUDIO_SUFFIXES or name[dot - 1] in "/.":  # `.ogg` alone is the name of a hidden file
        return name, ""
    return name[:dot], suffix


def other_stem(name: str) -> str | None:
    """`a/b.m4a` -> `a/b`; None unless the name is that of a sound or film in another format than AUDIO_SUFFIXES."""
    dot = name.rfind(".")
    if dot <= 0 or name[dot:].lower() not in OTHER_SUFFIXES or name[dot - 1] in "/.":
        return None
    return name[:dot]


def stem_of(name: str) -> str:
    """The name of a sound or film in any format without its suffix; another name as it is."""
    bare, suffix = split_suffix(name)
    return bare if suffix else other_stem(name) or name


def in_container(name: str) -> bool:
    """Whether the name is that of a sound or film that only the package av reads."""
    return name[name.rfind(".") :].lower() in CONTAINER_SUFFIXES and other_stem(name) is not None


def is_read(name: str) -> bool:
    """Whether the name is that of a sound or film in a format that is read, with the package av or without."""
    return bool(split_suffix(name)[1]) or in_container(name)


def is_film(name: str) -> bool:
    """Whether the name is that of a film, which has a sound but hardly ever a line of one voice."""
    return name[name.rfind(".") :].lower() in FILM_SUFFIXES and other_stem(name) is not None


def is_sound(name: str) -> bool:
    """Whether the name is that of a sound or a film, in a format that is read or not."""
    return bool(split_suffix(name)[1]) or other_stem(name) is not None


def unconverted(others: Iterable[str], read: Iterable[str]) -> list[str]:
    """The sounds in other formats except those that are converted beside: `b.m4a` as `b.ogg` or `b.m4a.ogg`."""
    wanted = list(others)
    converted = {split_suffix(name)[0] for name in read} if wanted else set()
    return sorted(name for name in wanted if name not in converted and other_stem(name) not in converted)


def storable(name: str) -> bool:
    """Whether a database can hold the name and look it up.

    False for lone surrogates (from file names that are not UTF-8, or broken JSON), for NUL, and for names over
    MAX_NAME_BYTES, or over MAX_FOLDED_BYTES when folded.
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


def path_in_game(written: str, base: str = "") -> str | None:
    """A path as rows write them (POSIX or Windows), relative to `base`, as a POSIX path relative to the game folder.

    `base` is "" or a folder with a trailing slash. None when the path names nothing or leaves the game folder: too
    many `..`, an absolute path, a drive letter, a NUL.
    """
    if written and not _ODD.search(written):
        return base + written
    path = written.replace("\\", "/")
    if "\0" in path or path.startswith("/") or _DRIVE.match(path.lstrip("./")):
        return None
    parts: list[str] = []
    for part in (base + path).split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    joined = "/".join(parts)
    return joined if f"{joined}/" not in (base, "/") else None


def place_fault(written: str, base: str = "") -> str:
    """What is wrong with a path that path_in_game() does not take, to follow a row's number in a sentence."""
    names_folder = not written or path_in_game(f"{written}/file", base) is not None
    return "names no file" if names_folder else "names a file outside of the game"


def member_name(written: str) -> str | None:
    """The name of an archive member as a POSIX path that stays inside the archive.

    None for absolute paths, `..`, drive letters and NUL. This is stricter than path_in_game(), because nobody who
    packs voices has a reason to write `..`.
    """
    path = written.replace("\\", "/")
    if not storable(path) or path.startswith("/") or _DRIVE.match(path.lstrip("./")):
        return None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/".join(parts) if parts and ".." not in parts else None


def maker_and_title(name: str) -> tuple[str, str]:
    """`Key_AIR` -> ("Key", "AIR"), split at the first `_`; ("", "") when that does not give two names."""
    maker, _, title = name.partition("_")
    return (maker, title) if maker.strip() and title.strip() else ("", "")
