"""Plays a sound with what the machine has for that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from speaker_search.errors import UsageError

PLAIN = frozenset({"audio/ogg", "audio/flac", "audio/wav", "audio/mpeg"})
APPLE = frozenset({"audio/aac", "audio/mp4", "audio/aiff", "audio/x-caf", "audio/amr"})
ALL = PLAIN | APPLE | {"audio/webm", "audio/x-matroska", "audio/x-ms-wma", "video/x-msvideo", "video/x-flv"}
#: Programs with their flags and what they play, the first installed one first.
PLAYERS = (
    ("ffplay", ("-nodisp", "-autoexit", "-loglevel", "error"), ALL),
    ("mpv", ("--no-video", "--really-quiet", "--"), ALL),
    ("play", ("-q",), PLAIN | {"audio/aiff"}),  # SoX
    ("afplay", (), (PLAIN | APPLE) - {"audio/ogg"}),  # macOS
    ("paplay", (), PLAIN - {"audio/mpeg"}),  # PulseAudio
    ("aplay", ("-q",), {"audio/wav"}),  # ALSA
)
#: Others are called like their format.
SUFFIXES = {
    "audio/mpeg": ".mp3",
    "audio/x-matroska": ".mka",
    "audio/x-ms-wma": ".wma",
    "audio/x-caf": ".caf",
    "video/x-msvideo": ".avi",
    "video/x-flv": ".flv",
}


def play(source: Path | bytes, media_type: str) -> None:
    """Play a sound file, or the bytes of one, to its end; Windows opens it in its usual program instead.

    Raises UsageError when no player for it is installed, or the player fails.
    """
    if isinstance(source, Path):
        _play_file(source, media_type)
        return
    folder = Path(tempfile.mkdtemp(prefix="spksearch-"))
    try:
        file = folder / ("clip" + SUFFIXES.get(media_type, "." + media_type.rpartition("/")[2]))
        file.write_bytes(source)
        _play_file(file, media_type)
    finally:
        if sys.platform != "win32":  # where the program opens the file later
            shutil.rmtree(folder)


def _play_file(file: Path, media_type: str) -> None:
    if sys.platform == "win32":
        os.startfile(file)  # noqa: S606  # a sound's suffix, which the catalog has checked
        return
    for name, flags, plays in PLAYERS:
        if media_type in plays and (program := shutil.which(name)):
            # No shell, and an absolute path, so that no name of a file is read as a flag or an address.
            done = subprocess.run(
                [program, *flags, str(file.absolute())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=False,
            )
            if done.returncode:
                raise UsageError(
                    f"{name} could not play the clip (exit code {done.returncode}).",
                    "Write it to a file with --output FILE.",
                )
            return
    raise UsageError(
        "No player for this clip is installed.",
        "Install ffplay (of FFmpeg), mpv or SoX, or write the clip to a file with --output FILE.",
    )
