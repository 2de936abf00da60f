"""The media types of sounds, by the names or the first bytes of their files."""

from __future__ import annotations

from pathlib import PurePosixPath

OF_SUFFIXES = {
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".aac": "audio/aac",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".mp4": "audio/mp4",
    ".webm": "audio/webm",
    ".mka": "audio/x-matroska",
    ".mkv": "audio/x-matroska",
    ".wma": "audio/x-ms-wma",
    ".aif": "audio/aiff",
    ".aifc": "audio/aiff",
    ".aiff": "audio/aiff",
    ".amr": "audio/amr",
    ".caf": "audio/x-caf",
}
_OF_FORMATS = {  # as audio.containers calls them
    "mov": "audio/mp4",
    "matroska": "audio/x-matroska",
    "asf": "audio/x-ms-wma",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "caf": "audio/x-caf",
    "avi": "video/x-msvideo",
    "flv": "video/x-flv",
}
_OF_SIGNATURES = {b"OggS": "audio/ogg", b"fLaC": "audio/flac", b"RIFF": "audio/wav"}
#: What every browser plays.
IN_BROWSERS = frozenset(
    {"audio/ogg", "audio/flac", "audio/wav", "audio/mpeg", "audio/aac", "audio/mp4", "audio/webm"},
)


def of_name(name: str) -> str | None:
    """The media type of a file with this name; None without a known suffix."""
    return OF_SUFFIXES.get(PurePosixPath(name).suffix.lower())


def of_content(content: bytes) -> str:
    """The media type of a sound by its first bytes."""
    from speaker_search.audio import containers  # numpy takes a tenth of a second to import

    if form := containers.format_of(content):
        return "audio/webm" if form == "matroska" and b"webm" in content[:64] else _OF_FORMATS[form]
    return _OF_SIGNATURES.get(content[:4], "audio/mpeg")  # only mp3 has no fixed signature
