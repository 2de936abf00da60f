"""A decoder that crashes, hangs, takes memory or talks: the trouble stays with its clip."""

from __future__ import annotations

import random
import sys
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from audio.fragile import LIMIT_S, Log, MakeClip, MakeDecoders

from speaker_search import audio
from speaker_search.audio.decoders import Decoders
from speaker_search.entities import Refusal, Waveform
from speaker_search.errors import AudioError, DecoderError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fragile child dies of POSIX signals")

SHORT_LIMIT_S = 0.5  # for what must time out
TOO_MUCH_MEMORY = "needs more memory to decode than any voice line should"
ENDINGS = {
    "crash": "{} crashed the decoder (signal SIGSEGV).",
    "exit": "{} crashed the decoder (exit code 3).",
    "bug": "{} crashed the decoder (exit code 1: RuntimeError: no such luck).",
}
if sys.platform == "linux":  # no limit of address space elsewhere
    ENDINGS["greedy"] = "{} " + TOO_MUCH_MEMORY + "."


def refusal(future: Future[Waveform]) -> AudioError:
    error = future.exception()
    assert isinstance(error, AudioError), error
    return error


# Crashing


@pytest.mark.parametrize("kind", ["crash", "exit", "bug"])
def test_a_clip_that_kills_its_child_twice_is_refused_as_crashed(
    kind: str, fragile: MakeDecoders, clip: MakeClip, log: Log
) -> None:
    path = clip(f"{kind}-1.wav")
    error = refusal(fragile().submit(path))
    assert (error.reason, str(error)) == (Refusal.CRASHED, ENDINGS[kind].format(path.name))
    assert len(log.children()) == 2


def test_a_clip_whose_child_was_killed_once_comes_through(fragile: MakeDecoders, clip: MakeClip, log: Log) -> None:
    path = clip("unlucky-1.wav")
    assert np.array_equal(fragile().submit(path).result().samples, audio.read(path).samples)
    assert len(log.children()) == 2


@pytest.mark.parametrize("kind", ["crash", "exit", "bug"])
def test_a_header_that_ends_its_child_has_no_seconds_and_the_next_request_is_answered(
    kind: str, fragile: MakeDecoders, clip: MakeClip, log: Log
) -> None:
    decoders = fragile()
    bad, good = clip(f"header-{kind}-1.wav"), clip("good.wav")
    assert decoders.header_seconds(bad).result() == 0.0
    assert log.all_gone()
    assert decoders.header_seconds(good).result() == 0.5
    assert decoders.submit(good).result().seconds == 0.5
    assert log.asked() == [f"header {bad.name}", "header good.wav", "read good.wav"]


# Hanging


def test_a_clip_that_hangs_is_refused_and_leaves_no_child(fragile: MakeDecoders, clip: MakeClip, log: Log) -> None:
    error = refusal(fragile(time_limit_s=SHORT_LIMIT_S).submit(clip("hang-1.wav")))
    assert error.reason is Refusal.TIMED_OUT
    assert str(error) == "hang-1.wav kept the decoder busy for over 0.5 s."
    assert log.all_gone()


def test_a_header_that_hangs_has_no_seconds_and_leaves_no_child(
    fragile: MakeDecoders, clip: MakeClip, log: Log
) -> None:
    assert fragile(time_limit_s=SHORT_LIMIT_S).header_seconds(clip("header-hang-1.wav")).result() == 0.0
    assert log.all_gone()


def test_after_a_clip_that_hangs_the_decoders_go_on(fragile: MakeDecoders, clip: MakeClip) -> None:
    decoders = fragile(time_limit_s=SHORT_LIMIT_S)
    assert refusal(decoders.submit(clip("hang-1.wav"))).reason is Refusal.TIMED_OUT
    good = clip("good.wav")
    for _ in range(100):  # a busy machine may need longer than the short limit
        if decoders.submit(good).exception() is None:
            return
    pytest.fail("nothing is decoded any more")


def test_a_clip_that_hangs_does_not_hold_up_the_others(fragile: MakeDecoders, clip: MakeClip) -> None:
    decoders = fragile(2)
    stuck = decoders.submit(clip("hang-1.wav"))
    paths = [clip(f"good-{number}.wav") for number in range(5)]
    for path, future in [(path, decoders.submit(path)) for path in paths]:
        assert np.array_equal(future.result().samples, audio.read(path).samples)
    assert not stuck.done()


# Taking memory, talking


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of address space elsewhere")
def test_a_clip_that_takes_too_much_memory_is_refused_and_its_child_goes_on(
    fragile: MakeDecoders, clip: MakeClip, log: Log
) -> None:
    decoders = fragile()
    error = refusal(decoders.submit(clip("greedy-1.wav")))
    assert (error.reason, str(error)) == (Refusal.CRASHED, f"greedy-1.wav {TOO_MUCH_MEMORY}.")
    assert decoders.submit(clip("good.wav")).result().seconds == 0.5
    assert len(log.children()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of address space elsewhere")
def test_a_header_that_takes_too_much_memory_has_no_seconds_and_its_child_goes_on(
    fragile: MakeDecoders, clip: MakeClip, log: Log
) -> None:
    decoders = fragile()
    assert decoders.header_seconds(clip("header-greedy-1.wav")).result() == 0.0
    assert decoders.header_seconds(clip("good.wav")).result() == 0.5
    assert len(log.children()) == 1


@pytest.mark.parametrize("kind", ["talk", "complain"])
def test_what_a_decoder_prints_does_no_harm(kind: str, fragile: MakeDecoders, clip: MakeClip, log: Log) -> None:
    decoders = fragile()
    for name in (f"{kind}-1.wav", f"{kind}-2.wav", "good.wav"):
        path = clip(name)
        assert np.array_equal(decoders.submit(path).result().samples, audio.read(path).samples)
    assert len(log.children()) == 1


@pytest.mark.parametrize("kind", ["talk", "complain"])
def test_what_a_header_makes_a_decoder_print_stays_in_the_child(
    kind: str, fragile: MakeDecoders, clip: MakeClip, log: Log, capfd: pytest.CaptureFixture[str]
) -> None:
    decoders = fragile()
    for name in (f"header-{kind}-1.wav", f"header-{kind}-2.wav", "good.wav"):
        assert decoders.header_seconds(clip(name)).result() == 0.5
    assert len(log.children()) == 1
    assert capfd.readouterr() == ("", "")


# All at once


@pytest.mark.parametrize("processes", [1, 3])
def test_in_any_mixture_exactly_the_bad_clips_are_refused(
    processes: int, fragile: MakeDecoders, clip: MakeClip
) -> None:
    rng = random.Random(processes)
    kinds = ["good"] * 12 + ["unlucky", "talk", "complain", *ENDINGS]
    rng.shuffle(kinds)
    decoders = fragile(processes)
    paths = [clip(f"{kind}-{number}.wav") for number, kind in enumerate(kinds)]
    for path, future in [(path, decoders.submit(path)) for path in paths]:
        kind = path.name.split("-")[0]
        if kind in ENDINGS:
            assert refusal(future).reason is Refusal.CRASHED
            assert str(refusal(future)) == ENDINGS[kind].format(path.name)
        else:
            assert np.array_equal(future.result().samples, audio.read(path).samples)


@pytest.mark.parametrize("processes", [1, 3])
def test_headers_and_clips_in_any_mixture_are_answered_each_once(
    processes: int, fragile: MakeDecoders, clip: MakeClip, log: Log
) -> None:
    rng = random.Random(processes)
    kinds = ["good"] * 20 + ["header-crash", "header-exit", "header-talk", "header-complain", "talk", "complain"]
    paths = [clip(f"{kind}-{number}.wav") for number, kind in enumerate(kinds)]
    questions = [(header_only, path) for path in paths for header_only in (True, False)]
    rng.shuffle(questions)
    decoders = fragile(processes)
    answers = [(decoders.header_seconds if header_only else decoders.submit)(path) for header_only, path in questions]
    for (header_only, path), answer in zip(questions, answers, strict=True):
        if header_only:
            dies = path.name.startswith(("header-crash", "header-exit"))
            assert answer.result() == (0.0 if dies else 0.5)
        else:
            assert np.array_equal(answer.result().samples, audio.read(path).samples)
    assert sorted(log.asked()) == sorted(
        f"{'header' if header_only else 'read'} {path.name}" for header_only, path in questions
    )


# Answering nonsense


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\n",
        b"[" * 100_000 + b"\n",
        b"[]\n",
        b"{}\n",
        b'{"seconds": -0.5}\n',
        b'{"seconds": NaN}\n',
        b'{"seconds": 1e999}\n',
        b'{"seconds": 1' + b"0" * 400 + b"}\n",
        b'{"seconds": "1.5"}\n',
        b'{"reason": "silent", "detail": "No."}\n',
        b"x" * 2**20,
        b'{"seconds": 1.5}',
    ],
    ids=range(12),
)
def test_seconds_that_make_no_sense_end_the_child_and_count_as_none(answer: bytes, tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(b"ready\n" + answer)
    starts = tmp_path / "starts"
    program = (
        "import sys; open(sys.argv[2], 'a').write('x')\n"
        "sys.stdout.buffer.write(open(sys.argv[1], 'rb').read()); sys.stdout.flush(); input()"
    )
    command = (sys.executable, "-c", program, str(tmp_path / "answer"), str(starts))
    with Decoders(1, time_limit_s=LIMIT_S, command=command) as decoders:
        assert decoders.header_seconds(Path("clip.ogg")).result() == 0.0
        assert starts.read_text() == "x"
        assert decoders.header_seconds(Path("clip.ogg")).result() == 0.0
    assert starts.read_text() == "xx"


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\n",
        b"[" * 100_000 + b"\n",
        b'{"samples": 1e999, "fingerprint": "00112233445566778899aabbccddeeff"}\n',
        b'{"seconds": 1.5}\n',
        b'{"samples": 3, "fingerprint": ""}\n',
        b'{"samples": 99999999999, "fingerprint": "00112233445566778899aabbccddeeff"}\n',
        b'{"samples": -1, "fingerprint": "00112233445566778899aabbccddeeff"}\n',
        b'{"reason": "dislike", "detail": "No."}\n',
        b"x" * 2**20,
    ],
    ids=range(9),
)
def test_an_answer_that_makes_no_sense_counts_as_a_crash(answer: bytes, tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(b"ready\n" + answer)
    program = (
        "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read()); sys.stdout.flush(); input(); input()"
    )
    command = (sys.executable, "-c", program, str(tmp_path / "answer"))
    with Decoders(1, time_limit_s=LIMIT_S, command=command) as decoders:
        error = refusal(decoders.submit(Path("clip.ogg")))
    assert error.reason is Refusal.CRASHED
    assert str(error) == "clip.ogg crashed the decoder (its answer makes no sense)."


# Not starting


def test_a_child_that_cannot_start_is_an_error_that_blames_no_clip(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    program = f"open({str(starts)!r}, 'a').write('x'); import no_such_library"
    with Decoders(1, time_limit_s=LIMIT_S, command=(sys.executable, "-c", program)) as decoders:
        error = decoders.submit(b"RIFF").exception()
        assert starts.read_text() == "x"
        assert isinstance(decoders.header_seconds(b"RIFF").exception(), DecoderError)
    assert isinstance(error, DecoderError)
    assert "(exit code 1: ModuleNotFoundError: No module named 'no_such_library')" in str(error)


def test_a_program_that_does_not_exist_is_an_error_that_blames_no_clip(tmp_path: Path) -> None:
    with Decoders(1, command=(str(tmp_path / "python"),)) as decoders:
        assert isinstance(decoders.submit(b"RIFF").exception(), DecoderError)
