"""What is heard in a query's sounds: speech and its speakers, and what speaks against trusting an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from speaker_search.entities import SAMPLE_RATE, Caution, Floats, Refusal, Waveform
from speaker_search.errors import AudioError

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.encoders.segmentation import Segmentation
    from speaker_search.search.profiles.profiles import Profiles
    from speaker_search.search.query import Answer, Query, SpeakerAnswer
    from speaker_search.search.turns import Part, Span

LINE_SECONDS = 10.0  # up to here a recording is taken for a line, and searched with as it is
HALF_WINDOW = 5 * SAMPLE_RATE
LEAST_SPEECH_S = 1.0  # that is cut out of a longer one: with less, the whole is searched with
MOST_SPEECH_S = 60.0  # more says nothing new
MOST_SPEAKERS = 10  # that a recording is split into
LEAST_SPEECH_HEARD_S = 0.1  # below it a recording counts as one without speech
NOISY_DB = 11.0  # of voice over noise, for a warning: music as loud as the voice measures up to this
DROWNED_DB = 6.0  # ... and for doubting every match: on synthetic voices one in four was wrong and above one half
SPLIT = 'search for each of them with --split-speakers (over HTTP "split_speakers": true)'


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording as it is searched with."""

    samples: Floats  #: 16 kHz mono; of a long recording its speech alone
    fingerprint: bytes = b""  #: the recording's
    recorded_s: float = 0.0  #: the whole recording's length
    warnings: tuple[Caution, ...] = ()
    noisy: bool = False  #: noise is as loud as the voice, if there is one

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @classmethod
    def of(cls, waveform: Waveform) -> Self:
        """A recording that is used as it is: no speech was looked for in it."""
        return cls(waveform.samples, waveform.fingerprint, waveform.seconds)

    def numbered(self, prefix: str) -> Self:
        """The same, with a prefix to each warning that says which clip it is about."""
        return replace(self, warnings=tuple(Caution(prefix + warning) for warning in self.warnings))


@dataclass(frozen=True, slots=True)
class Speaker:
    """One of the people in a recording."""

    heard: Heard  #: what they say while nobody else speaks, up to a minute of it
    turns: tuple[tuple[float, float], ...]  #: when they speak: seconds from the beginning


class Hearing:
    """Listens to query sounds with a network that is loaded when first needed."""

    def __init__(self) -> None:
        self._segmentation: Segmentation | None = None
        self._lock = threading.Lock()
        self._long = threading.Lock()  # one long recording at a time: short ones pass by

    def listen(self, waveform: Waveform) -> Heard:
        """Find the speech in a recording, and say what speaks against trusting an answer to it.

        A short recording is used whole, since shouts and breaths are voices, too.

        Raises EncoderError when the network's weights are not installed.
        """
        with self._long if waveform.seconds > LINE_SECONDS else nullcontext():
            return self._listened(waveform)

    def _listened(self, waveform: Waveform) -> Heard:
        from speaker_search.search import turns

        samples = waveform.samples
        warnings: list[Caution] = []
        parts, spans = self._turns(samples)
        speech = turns.joined(spans, gap=turns.PAUSE, margin=turns.MARGIN, samples=len(samples))
        seconds = sum(stop - start for start, stop in spans) / SAMPLE_RATE
        # A change of speakers may lie between two windows; of a long recording, a minute is enough to notice.
        shifted = samples[HALF_WINDOW : HALF_WINDOW + int(MOST_SPEECH_S * SAMPLE_RATE)]
        between = self._turns(shifted)[0] if waveform.seconds > LINE_SECONDS else []
        if turns.several(parts) or turns.several(between):
            warnings.append(Caution(f"Several people speak, and the answer mixes them: {SPLIT}."))
        if waveform.seconds > LINE_SECONDS and seconds >= LEAST_SPEECH_S:
            samples = turns.cut(samples, turns.longest(speech, int(MOST_SPEECH_S * SAMPLE_RATE)))
            if len(samples) < len(waveform.samples):
                used = len(samples) / SAMPLE_RATE
                warnings.append(Caution(f"Searched with {used:.1f} s of speech in {waveform.seconds:.1f} s."))
        heard = _heard(samples, warnings, voiced=seconds >= LEAST_SPEECH_HEARD_S)
        return replace(heard, fingerprint=waveform.fingerprint, recorded_s=waveform.seconds)

    def several_speak(self, waveform: Waveform) -> bool:
        """Whether several people speak in a line. Raises EncoderError as `listen` does."""
        from speaker_search.search import turns

        return turns.several(self._turns(waveform.samples)[0])

    def answers(
        self,
        waveform: Waveform,
        profiles: Profiles,
        embed: Callable[[Sequence[Floats]], Floats],
        answer: Callable[[Query], Answer],
    ) -> list[SpeakerAnswer]:
        """The answer for each person in a recording, sorted by how much they speak.

        Raises AudioError when nobody speaks long enough.
        """
        from speaker_search.search.examples import Examples, query_of
        from speaker_search.search.query import SpeakerAnswer

        speakers = self._speakers(waveform, profiles, embed)
        vectors = embed([one.heard.samples for one in speakers])
        found = []
        for one, vector in zip(speakers, vectors[:, None], strict=True):
            if np.isfinite(vector).all():  # otherwise the encoder hears no speech in it
                said = one.heard
                like = Examples(vector, np.ones(1, np.int64), said.seconds, said.warnings, noisy=said.noisy)
                found.append(SpeakerAnswer(one.turns, answer(query_of(like, vector[:0]))))
        return found

    def _speakers(
        self, waveform: Waveform, profiles: Profiles, embed: Callable[[Sequence[Floats]], Floats]
    ) -> list[Speaker]:
        """The people who speak long enough, sorted by how much they speak; at most MOST_SPEAKERS.

        Raises AudioError when nobody does.
        """
        from speaker_search.search import turns

        samples = waveform.samples
        parts, _ = self._turns(samples)
        vectors = embed([turns.cut(samples, part.spans) for part in parts]) if parts else np.empty((0, 1), np.float32)
        heard = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        parts = [parts[place] for place in heard]
        if not parts:
            raise AudioError(Refusal.NO_SPEECH, "Nobody speaks in the recording for half a second or longer.")
        calibration = profiles.query_calibration(1, None)
        groups = turns.people(
            profiles.whitened(vectors[heard]),
            np.array([part.samples for part in parts], np.float32),
            np.array([part.window for part in parts], np.int64),
            None if calibration is None else calibration.cosines.log_ratios,
        )
        found = []
        for group in groups[:MOST_SPEAKERS]:
            spans = [span for place in group for span in parts[place].spans]
            whole = turns.joined(spans, gap=turns.PAUSE, margin=0, samples=len(samples))
            kept = turns.longest(sorted(spans), int(MOST_SPEECH_S * SAMPLE_RATE))
            times = tuple((round(start / SAMPLE_RATE, 2), round(stop / SAMPLE_RATE, 2)) for start, stop in whole)
            found.append(Speaker(_heard(turns.cut(samples, kept)), times))
        return found

    def _turns(self, samples: Floats) -> tuple[list[Part], list[Span]]:
        """The parts of each speaker, and the spans of speech."""
        from speaker_search.encoders.networks.pyannet import FRAME_STEP
        from speaker_search.encoders.segmentation import FIRST_SAMPLE, load_segmentation
        from speaker_search.search import turns

        with self._lock:
            if self._segmentation is None:
                self._segmentation = load_segmentation()
        parts: list[Part] = []
        spans: list[Span] = []
        for number, window in enumerate(self._segmentation.windows(samples)):
            first = window.start + FIRST_SAMPLE
            parts += turns.alone(window.speaking, first, FRAME_STEP, number)
            spans += turns.spans(np.asarray(window.speaking.any(axis=1)), first, FRAME_STEP)
        return parts, spans


def _heard(samples: Floats, warnings: Sequence[Caution] = (), *, voiced: bool = True) -> Heard:
    """The samples to search with, and what makes matches less sure. `voiced` is whether speech was found in them."""
    from speaker_search.audio.quality import quality

    measured = quality(samples)
    doubts = [*warnings]
    noisy = not voiced or measured.voice_db < DROWNED_DB
    if not voiced:
        speechless = "No speech was found: this may be noise, music or a shout. No match has a probability over 0.5."
        doubts.append(Caution(speechless))
    elif noisy:
        doubts.append(Caution("Noise or music is as loud as the voice. No match has a probability over 0.5."))
    elif measured.voice_db < NOISY_DB:
        doubts.append(Caution("There is noise or music under the voice: matches are less sure."))
    if measured.clipped:
        doubts.append(Caution("The recording is clipped (too loud for the microphone): matches are less sure."))
    if measured.narrow:
        doubts.append(Caution("There is no sound above 4 kHz, as over a telephone: matches are less sure."))
    return Heard(samples, warnings=tuple(doubts), noisy=noisy)
