"""Recordings as people have them: in any container, long, noisy, of several people. Asked of the bundled voices."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
import soxr
from audio.boxes import KINDS, boxed
from end_to_end.bundled import Ingested, Role, cast
from fastapi.testclient import TestClient

import speaker_search
from speaker_search import audio, documents
from speaker_search.entities import SAMPLE_RATE, Refusal
from speaker_search.errors import AudioError, TooLargeError, UsageError
from speaker_search.library import Library
from speaker_search.search.query import Answer
from speaker_search.web.app import create_app

HIKARI, TEACHER = (
    next(role for role in cast() if role.character == name and role.clips()) for name in ("白瀬 ひかり", "鷹取先生")
)
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def library(ingested: Ingested) -> Iterator[Library]:
    with speaker_search.open(ingested.home) as library:
        yield library


def lines(role: Role, count: int) -> np.ndarray:
    """The character's first lines, one after the other."""
    return np.concatenate([audio.read(path).samples for path in role.clips()[:count]])


def wav(samples: np.ndarray, rate: int = SAMPLE_RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


def noise(samples: int, level: float) -> np.ndarray:
    return (level * RNG.standard_normal(samples)).astype(np.float32)


def first(answer: Answer) -> str:
    best = answer.matches[0].character
    assert best is not None
    return best.address


@pytest.mark.parametrize("kind", ["m4a", "webm", "mp4", "mkv", "wma"])
def test_a_line_in_any_container_finds_its_character_first(library: Library, kind: str) -> None:
    samples = soxr.resample(lines(HIKARI, 1), SAMPLE_RATE, KINDS[kind][2])
    assert first(library.search(boxed(samples, kind))) == HIKARI.address


def test_a_plain_line_is_searched_with_as_it_is_without_a_warning(library: Library) -> None:
    line = lines(HIKARI, 1)
    answer = library.search(wav(line))
    assert answer.query.seconds == len(line) / SAMPLE_RATE > 2
    assert answer.warnings == ()


def test_the_speech_is_cut_out_of_a_long_recording(library: Library) -> None:
    pause = noise(40 * SAMPLE_RATE, 0.001)
    answer = library.search(wav(np.concatenate([pause, lines(HIKARI, 2), pause])))
    assert first(answer) == HIKARI.address
    spoken = len(lines(HIKARI, 2)) / SAMPLE_RATE
    assert answer.query.seconds == pytest.approx(spoken, abs=0.5)
    assert answer.warnings == (f"Searched with {answer.query.seconds:.1f} s of speech in {80 + spoken:.1f} s.",)


def test_recordings_over_ten_minutes_are_refused_with_the_way_out(library: Library) -> None:
    long = wav(np.zeros(601 * 4_000, np.float32), 4_000)
    with pytest.raises(
        AudioError, match=r"over the limit of 600 s\. Cut out a part with the voice, for example `ff"
    ) as e:
        library.search(long)
    assert e.value.reason is Refusal.TOO_LONG
    half = wav(noise(301 * 4_000, 0.1), 4_000)
    with pytest.raises(TooLargeError, match=r"last 602 s together, over the limit of 600 s\. Cut out"):
        library.search([half, half])


def test_what_disturbs_a_voice_is_said_and_lowers_the_probability(library: Library) -> None:
    line = lines(HIKARI, 1)
    level = float(np.sqrt(np.mean(line**2)))
    plain = library.search(wav(line))
    noisy = library.search(wav(line + noise(len(line), level)))
    assert noisy.warnings == ("Noise or music is as loud as the voice. No match has a probability over 0.5.",)
    hum = library.search(wav(line + noise(len(line), 0.35 * level)))
    assert hum.warnings == ("There is noise or music under the voice: matches are less sure.",)
    peak = float(np.abs(line).max())
    clipped = library.search(wav(np.clip(6 * line, -peak, peak)))
    assert clipped.warnings == ("The recording is clipped (too loud for the microphone): matches are less sure.",)
    telephone = library.search(wav(soxr.resample(line, SAMPLE_RATE, 8_000), 8_000))
    assert telephone.warnings == ("There is no sound above 4 kHz, as over a telephone: matches are less sure.",)
    sound = library.search(wav(noise(3 * SAMPLE_RATE, 0.1)))
    assert sound.warnings == (
        "No speech was found: this may be noise, music or a shout. No match has a probability over 0.5.",
    )
    for answer in (noisy, sound):
        assert answer.matches[0].probability is not None
        assert answer.matches[0].probability <= 0.5 < (plain.matches[0].probability or 0)


def test_of_several_clips_a_warning_says_which_one(library: Library) -> None:
    answer = library.search([wav(lines(HIKARI, 1)), wav(noise(3 * SAMPLE_RATE, 0.1))])
    assert [warning.split(":")[0] for warning in answer.warnings] == ["Clip 2 of 2"]


@pytest.fixture(scope="module")
def talk() -> bytes:
    """Two people who speak in turn."""
    one, other = lines(HIKARI, 4), lines(TEACHER, 3)
    middle = len(one) // 2
    return wav(np.concatenate([one[:middle], other, one[middle:]]))


def test_two_people_are_answered_one_by_one(library: Library, talk: bytes) -> None:
    mixed = library.search(talk)
    assert mixed.warnings[0].startswith("Several people speak, and the answer mixes them: search for each of them")
    answers = library.search_speakers(talk)
    assert [first(one.answer) for one in answers] == [HIKARI.address, TEACHER.address]
    start, stop = (len(lines(HIKARI, 4)) / 2 / SAMPLE_RATE + rest for rest in (0, len(lines(TEACHER, 3)) / SAMPLE_RATE))
    inside = sum(max(0.0, min(stop, e) - max(start, s)) for s, e in answers[1].turns)
    assert inside > 0.8 * sum(e - s for s, e in answers[1].turns)


def test_split_speakers_over_http_answers_as_in_python(library: Library, talk: bytes) -> None:
    client = TestClient(create_app(library), base_url="http://127.0.0.1")
    query = {"query": json.dumps({"split_speakers": True, "limit": 2})}
    found = client.post("/v1/search", files=[("audio", ("talk.wav", talk))], data=query)
    assert found.status_code == 200
    names = [one["matches"][0]["character"]["name"] for one in found.json()["speakers"]]
    assert names == [HIKARI.character, TEACHER.character]
    assert all(turn["start"] < turn["stop"] for one in found.json()["speakers"] for turn in one["turns"])
    refused = client.post("/v1/search", files=[("audio", ("talk.wav", talk))] * 2, data=query)
    assert refused.status_code == 422
    assert "/components/schemas/Speakers" in client.get("/openapi.json").text


def test_where_nobody_speaks_there_is_nobody_to_answer_for(library: Library) -> None:
    with pytest.raises(AudioError, match="Nobody speaks in the recording"):
        library.search_speakers(wav(noise(3 * SAMPLE_RATE, 0.1)))
    with pytest.raises(UsageError, match="split in one recording"):
        library.speakers_document((), documents.SearchRequest(split_speakers=True))
