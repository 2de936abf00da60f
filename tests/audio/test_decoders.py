"""Decoding in child processes gives what decoding in this process gives, to any number of threads, until close()."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from audio.fragile import FRAGILE, LIMIT_S, Log, MakeClip, MakeDecoders

from speaker_search import audio
from speaker_search.audio.decoders import Decoders
from speaker_search.entities import Refusal, Waveform
from speaker_search.errors import AudioError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fragile child dies of POSIX signals")

VOICES = Path(audio.__file__).parents[1] / "demo" / "voices"
THREADS = 20


def outcome_here(source: Path | bytes) -> Waveform | AudioError:
    try:
        return audio.read(source)
    except AudioError as error:
        return error


def sound(number: int) -> bytes:
    """A sound file whose samples are its own."""
    samples = np.random.default_rng(number).uniform(-0.5, 0.5, 8_000).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV", subtype="FLOAT")
    return file.getvalue()


def wait_for_line(file: int, ending: bytes) -> bytes:
    """What comes through the pipe up to a line that ends so; everything, when the pipe is closed first."""
    said = b""
    while not said.endswith(ending):
        ready, _, _ = select.select([file], [], [], LIMIT_S)
        assert ready, f"only {said!r} within {LIMIT_S:g} s"
        if not (more := os.read(file, 4_096)):
            break
        said += more
    return said


def test_children_give_the_samples_fingerprints_and_refusals_of_reading_here(tmp_path: Path) -> None:
    (tmp_path / "琴子 \udcff.ogg").write_bytes(b"no sound")
    sources: list[Path | bytes] = [*sorted(VOICES.rglob("*.ogg"))[::4], *tmp_path.iterdir()]
    sources += [tmp_path, tmp_path / "gone.ogg", tmp_path / "a\0b.ogg", tmp_path / ("x" * 5_000), b"", b"RIFF"]
    sources += [path.read_bytes() for path in sources[:3] if isinstance(path, Path)]
    refused = 0
    with Decoders(2, time_limit_s=LIMIT_S) as decoders:
        for source, future in [(source, decoders.submit(source)) for source in sources]:
            expected = outcome_here(source)
            if isinstance(expected, AudioError):
                error = future.exception()
                assert isinstance(error, AudioError)
                assert (error.reason, str(error)) == (expected.reason, str(expected))
                refused += 1
            else:
                assert np.array_equal(future.result().samples, expected.samples)
                assert future.result().samples.dtype == np.float32
                assert future.result().samples.flags.writeable
                assert future.result().fingerprint == expected.fingerprint
    assert 7 <= refused < len(sources) / 2


def test_children_give_the_header_seconds_of_reading_here() -> None:
    sources: list[Path | bytes] = [*sorted(VOICES.rglob("*.ogg"))]
    sources += [path.read_bytes() for path in sources[:3] if isinstance(path, Path)]
    expected = [audio.header_seconds(source) for source in sources]
    with Decoders(2, time_limit_s=LIMIT_S) as decoders:
        futures = [decoders.header_seconds(source) for source in sources]
        assert [future.result() for future in futures] == expected
    assert expected.count(0.0) == 1  # the demo has a damaged file, to show a refusal


def test_what_is_refused_by_its_header_has_no_seconds(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "long.wav", np.zeros(61 * 4_000), 4_000)
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    sources: list[Path | bytes] = [*tmp_path.iterdir(), tmp_path, tmp_path / "gone.ogg", tmp_path / "a\0b.ogg"]
    sources += [(tmp_path / "long.wav").read_bytes(), b"", b"OggS", b"ID3"]
    with Decoders(1, time_limit_s=LIMIT_S) as decoders:
        assert [decoders.header_seconds(source).result() for source in sources] == [0.0] * len(sources)


def test_limits_reach_the_children() -> None:
    path = min(VOICES.rglob("*.ogg"))
    with Decoders(1, time_limit_s=LIMIT_S, limits=audio.Limits(max_seconds=0.4)) as decoders:
        error = decoders.submit(path).exception()
        assert isinstance(error, AudioError)
        assert error.reason is Refusal.TOO_LONG
        assert decoders.header_seconds(path).result() == 0.0


def test_a_relative_path_is_relative_to_where_it_was_submitted(
    fragile: MakeDecoders, clip: MakeClip, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    decoders = fragile()
    decoders.submit(clip("first.wav")).result()  # the child runs, in another folder
    monkeypatch.chdir(tmp_path)
    assert decoders.submit(Path("first.wav")).result().seconds == 0.5
    assert decoders.header_seconds(Path("first.wav")).result() == 0.5


def test_the_working_directory_is_not_imported_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "soundfile.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with Decoders(1, time_limit_s=LIMIT_S) as decoders:
        error = decoders.submit(b"").exception()
    assert isinstance(error, AudioError)
    assert error.reason is Refusal.EMPTY


# From many threads


@pytest.mark.parametrize("processes", [1, 4])
def test_threads_that_submit_bytes_at_once_get_their_own_answers(processes: int) -> None:
    sounds = [sound(number) for number in range(THREADS)]
    together = threading.Barrier(THREADS)

    def upload(number: int) -> list[Waveform]:
        together.wait(LIMIT_S)
        return [decoders.submit(sounds[number]).result() for _ in range(3)]

    with Decoders(processes, time_limit_s=LIMIT_S) as decoders, ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(upload, range(THREADS)))
    for data, waveforms in zip(sounds, answers, strict=True):
        expected = audio.read(data)
        for waveform in waveforms:
            assert np.array_equal(waveform.samples, expected.samples)
            assert waveform.fingerprint == expected.fingerprint


def test_a_child_that_dies_costs_only_the_request_it_died_of(fragile: MakeDecoders, log: Log) -> None:
    requests = [sound(number) for number in range(THREADS)]
    requests[7], requests[13] = b"crash-7", b"exit-13"
    together = threading.Barrier(THREADS)
    decoders = fragile(3)

    def upload(data: bytes) -> Waveform | AudioError:
        together.wait(LIMIT_S)
        try:
            return decoders.submit(data).result()
        except AudioError as error:
            return error

    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(upload, requests))
    for data, answer in zip(requests, answers, strict=True):
        if data.startswith(b"RIFF"):
            assert isinstance(answer, Waveform), answer
            assert np.array_equal(answer.samples, audio.read(data).samples)
        else:
            assert isinstance(answer, AudioError)
            assert answer.reason is Refusal.CRASHED
            assert str(answer).startswith("The clip crashed the decoder (")
    assert len(log.asked()) == THREADS + 2  # each bad clip was tried twice, every other one once
    assert decoders.submit(requests[0]).result().seconds == 0.5


# Starting and ending


def test_nothing_is_started_before_it_is_needed(tmp_path: Path) -> None:
    before = threading.active_count()
    with Decoders(4, command=(str(tmp_path / "no such program"),)):
        assert threading.active_count() == before


def test_an_idle_child_is_asked_again_and_one_that_was_killed_is_replaced(
    fragile: MakeDecoders, clip: MakeClip, log: Log
) -> None:
    decoders = fragile()
    for _ in range(3):
        decoders.submit(clip("good.wav")).result()
    (child,) = log.children()
    process = psutil.Process(child)
    process.kill()
    psutil.wait_procs([process], timeout=LIMIT_S)
    assert decoders.submit(clip("good.wav")).result().seconds == 0.5
    assert len(log.children()) == 2


def test_closing_ends_decodes_under_way_and_cancels_the_rest(
    fragile: MakeDecoders, clip: MakeClip, tmp_path: Path
) -> None:
    decoders = fragile(2)
    (tmp_path / "log").unlink()
    os.mkfifo(tmp_path / "log")
    log = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    futures = [
        ask(clip(f"{kind}-{number}.wav"))
        for number in range(3)
        for kind, ask in (("hang", decoders.submit), ("header-hang", decoders.header_seconds))
    ]
    said = wait_for_line(log, b"\n")
    while said.count(b"\n") < 2:
        said += wait_for_line(log, b"\n")
    decoders.close()
    os.close(log)
    assert wait(futures, timeout=0).not_done == set()
    for future in futures:
        with pytest.raises(CancelledError):
            future.result()
    children = {int(line.split()[0]) for line in said.splitlines()}
    assert len(children) == 2
    assert not any(map(psutil.pid_exists, children))


def test_closing_again_does_nothing_and_closed_decoders_take_nothing() -> None:
    decoders = Decoders(2, time_limit_s=LIMIT_S)
    decoders.submit(sound(1)).result()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: decoders.close(), range(4)))
    decoders.close()
    with pytest.raises(RuntimeError):
        decoders.submit(b"")
    with pytest.raises(RuntimeError):
        decoders.header_seconds(b"")


def test_nothing_stays_open(fragile: MakeDecoders, clip: MakeClip, log: Log) -> None:
    with Decoders(1, time_limit_s=LIMIT_S) as decoders:  # what the first use opens for good
        decoders.submit(b"").exception()
    before = psutil.Process().num_fds()
    with fragile(2) as decoders:
        for future in [decoders.submit(clip(f"{kind}.wav")) for kind in ("good", "crash", "exit", "good", "bug")]:
            future.exception()
    assert psutil.Process().num_fds() == before
    assert log.all_gone()


@pytest.mark.parametrize("last", ["good", "hang"])
def test_children_end_when_their_parent_is_killed(last: str, clip: MakeClip, tmp_path: Path) -> None:
    log = tmp_path / "log"
    os.mkfifo(log)
    program = (
        "import sys\nfrom pathlib import Path\nfrom speaker_search.audio.decoders import Decoders\n"
        "with Decoders(1, time_limit_s=float(sys.argv[1]), command=sys.argv[2:5]) as decoders:\n"
        "    for path in sys.argv[5:]:\n"
        "        decoders.submit(Path(path)).exception()\n"
        "    print('idle', flush=True)\n"
        "    input()\n"
    )
    # Half the time after which a child that hangs ends by itself.
    command = [sys.executable, "-c", program, "1.0", sys.executable, str(FRAGILE), str(log), str(clip(f"{last}-1.wav"))]
    pipe = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        said = wait_for_line(pipe, b"\n")  # the child has its clip
        if last == "good":
            assert parent.stdout.readline() == b"idle\n"
        parent.send_signal(signal.SIGKILL)
    wait_for_line(pipe, b"the end of file: no child has the pipe open any more")
    os.close(pipe)
    assert said.endswith(f"{last}-1.wav\n".encode())


def test_ctrl_c_and_sigterm_in_the_whole_group_cost_no_clip(fragile: MakeDecoders, clip: MakeClip, log: Log) -> None:
    decoders = fragile()
    decoders.submit(clip("first.wav")).result()
    (child,) = log.children()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(child, number)
    assert decoders.submit(clip("second.wav")).result().seconds == 0.5
    assert log.children() == {child}
    assert os.getpgid(child) != os.getpgid(0)
