"""Decoding in child processes: the same audio as in this one, and trouble that stays with its clip."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speaker_search import audio
from speaker_search.audio.decoders import Decoders
from speaker_search.entities import Refusal, Waveform
from speaker_search.errors import AudioError, DecoderError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fragile child dies of POSIX signals")

FRAGILE = Path(__file__).with_name("fragile_child.py")
VOICES = Path(audio.__file__).parents[1] / "demo" / "voices"
ENDINGS = {
    "crash": (Refusal.CRASHED, "{} crashed the decoder (signal SIGSEGV)."),
    "exit": (Refusal.CRASHED, "{} crashed the decoder (exit code 3)."),
    "bug": (Refusal.CRASHED, "{} crashed the decoder (exit code 1: RuntimeError: no such luck)."),
    "hang": (Refusal.TIMED_OUT, "{} kept the decoder busy for over 1 s."),
    "greedy": (Refusal.CRASHED, "{} takes more memory to decode than any voice."),
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where each fragile child writes its process id and what it is about to do with which clip."""
    path = tmp_path / "log"
    path.touch()
    return path


@pytest.fixture
def fragile(log: Path) -> Iterator[Callable[..., Decoders]]:
    """Makes Decoders of fragile children."""
    opened: list[Decoders] = []

    def make(processes: int = 1, time_limit_s: float = 20.0) -> Decoders:
        command = (sys.executable, str(FRAGILE), str(log))
        opened.append(Decoders(processes, time_limit_s=time_limit_s, command=command))
        return opened[-1]

    yield make
    for decoders in opened:
        decoders.close()


@pytest.fixture
def clip(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a readable file of that name, each with its own samples."""

    def make(name: str) -> Path:
        path = tmp_path / name
        samples = np.random.default_rng(list(name.encode())).uniform(-0.5, 0.5, 8_000).astype(np.float32)
        soundfile.write(path, samples, 16_000, format="WAV", subtype="FLOAT")
        return path

    return make


def refusal(future: Future[Waveform]) -> AudioError:
    error = future.exception()
    assert isinstance(error, AudioError), error
    return error


def outcome_here(source: Path | bytes) -> Waveform | AudioError:
    try:
        return audio.read(source)
    except AudioError as error:
        return error


def started(log: Path) -> set[int]:
    """The process ids of all fragile children that were given a clip."""
    return {int(line.split()[0]) for line in log.read_text().splitlines()}


def asked(log: Path) -> list[str]:
    """What fragile children were to do, such as "read good.wav", in the order in which they began it."""
    return [line.split(" ", 1)[1] for line in log.read_text().splitlines()]


def is_there(process_id: int) -> bool:
    """Whether there is such a process, as a zombie too."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_line(file: int, ending: bytes) -> bytes:
    """What came through the pipe up to a line that ends so; at its end of file, everything."""
    said = b""
    while not said.endswith(ending):
        ready, _, _ = select.select([file], [], [], 30.0)
        assert ready, f"only {said!r} within 30 s"
        if not (more := os.read(file, 4_096)):
            break
        said += more
    return said


def test_children_give_the_samples_hashes_and_refusals_of_reading_here(tmp_path: Path) -> None:
    (tmp_path / "琴子 \udcff.ogg").write_bytes(b"no sound")
    sources: list[Path | bytes] = [*sorted(VOICES.rglob("*.ogg"))[::4], *tmp_path.iterdir()]
    sources += [tmp_path, tmp_path / "gone.ogg", tmp_path / "a\0b.ogg", tmp_path / ("x" * 5_000), b"", b"RIFF"]
    sources += [path.read_bytes() for path in sources[:3] if isinstance(path, Path)]
    refused = 0
    with Decoders(2) as decoders:
        for source, future in [(source, decoders.submit(source)) for source in sources]:
            expected = outcome_here(source)
            if isinstance(expected, AudioError):
                assert (refusal(future).reason, str(refusal(future))) == (expected.reason, str(expected))
                refused += 1
            else:
                assert np.array_equal(future.result().samples, expected.samples)
                assert future.result().samples.dtype == np.float32
                assert future.result().samples.flags.writeable
                assert future.result().hash == expected.hash
    assert 7 <= refused < len(sources) / 2


def test_children_give_the_header_seconds_of_reading_here() -> None:
    sources: list[Path | bytes] = [*sorted(VOICES.rglob("*.ogg"))]
    sources += [path.read_bytes() for path in sources[:3] if isinstance(path, Path)]
    expected = [audio.header_seconds(source) for source in sources]
    with Decoders(2) as decoders:
        futures = [decoders.header_seconds(source) for source in sources]
        assert [future.result() for future in futures] == expected
    assert expected.count(0.0) == 1  # the demo has a damaged one, to show what is refused


def test_what_is_refused_by_its_header_has_no_seconds(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "long.wav", np.zeros(61 * 4_000), 4_000)
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    sources: list[Path | bytes] = [*tmp_path.iterdir(), tmp_path, tmp_path / "gone.ogg", tmp_path / "a\0b.ogg"]
    sources += [(tmp_path / "long.wav").read_bytes(), b"", b"OggS", b"ID3"]
    with Decoders(1) as decoders:
        assert [decoders.header_seconds(source).result() for source in sources] == [0.0] * len(sources)


def test_limits_reach_the_children() -> None:
    path = min(VOICES.rglob("*.ogg"))
    with Decoders(1, limits=audio.Limits(max_seconds=0.4)) as decoders:
        assert refusal(decoders.submit(path)).reason is Refusal.TOO_LONG
        assert decoders.header_seconds(path).result() == 0.0


def test_a_relative_path_is_relative_to_where_it_was_submitted(
    fragile: Callable[..., Decoders], clip: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    decoders = fragile()
    decoders.submit(clip("first.wav")).result()  # the child runs, somewhere else
    monkeypatch.chdir(tmp_path)
    assert decoders.submit(Path("first.wav")).result().seconds == 0.5
    assert decoders.header_seconds(Path("first.wav")).result() == 0.5


@pytest.mark.parametrize("kind", ["crash", "exit", "bug"])
def test_a_clip_that_kills_its_child_twice_is_refused_as_crashed(
    kind: str, fragile: Callable[..., Decoders], clip: Callable[[str], Path], log: Path
) -> None:
    path = clip(f"{kind}-1.wav")
    error = refusal(fragile().submit(path))
    reason, sentence = ENDINGS[kind]
    assert (error.reason, str(error)) == (reason, sentence.format(path.name))
    assert len(started(log)) == 2


def test_a_clip_whose_child_was_killed_once_comes_through(
    fragile: Callable[..., Decoders], clip: Callable[[str], Path], log: Path
) -> None:
    path = clip("unlucky-1.wav")
    assert np.array_equal(fragile().submit(path).result().samples, audio.read(path).samples)
    assert len(started(log)) == 2


def test_a_clip_that_hangs_is_refused_and_the_next_comes_through(
    fragile: Callable[..., Decoders], clip: Callable[[str], Path], log: Path
) -> None:
    decoders = fragile(time_limit_s=1.0)
    error = refusal(decoders.submit(clip("hang-1.wav")))
    assert error.reason is Refusal.TIMED_OUT
    assert str(error) == "hang-1.wav kept the decoder busy for over 1 s."
    assert not any(map(is_there, started(log)))
    assert decoders.submit(clip("good.wav")).result().seconds == 0.5


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of address space elsewhere")
def test_a_clip_that_takes_too_much_memory_is_refused_and_its_child_goes_on(
    fragile: Callable[..., Decoders], clip: Callable[[str], Path], log: Path
) -> None:
    decoders = fragile()
    error = refusal(decoders.submit(clip("greedy-1.wav")))
    assert error.reason is Refusal.CRASHED
    assert str(error) == "greedy-1.wav takes more memory to decode than any voice."
    assert decoders.submit(clip("good.wav")).result().seconds == 0.5
    assert len(started(log)) == 1


@pytest.mark.parametrize("kind", ["talk", "complain"])
def test_what_a_decoder_prints_does_no_harm(
    kind: str, fragile: Callable[..., Decoders], clip: Callable[[str], Path], log: Path
) -> None:
    decoders = fragile()
    for name in (f"{kind}-1.wav", f"{kind}-2.wav", "good.wav"):
        path = clip(name)
        assert np.array_equal(decoders.submit(path).result().samples, audio.read(path).samples)
    assert len(started(log)) == 1


@pytest.mark.parametrize("processes", [1, 3])
def test_in_any_mixture_exactly_the_bad_clips_are_refused(
    processes: int, fragile: Callable[..., Decoders], clip: Callable[[str], Path]
) -> None:
    rng = random.Random(processes)
    kinds = ["good"] * 12 + ["unlucky", "talk", "complain", "crash", "exit", "bug", "hang"]
    if sys.platform == "linux":
        kinds.append("greedy")
    rng.shuffle(kinds)
    decoders = fragile(processes, time_limit_s=1.0)
    paths = [clip(f"{kind}-{number}.wav") for number, kind in enumerate(kinds)]
    for path, future in [(path, decoders.submit(path)) for path in paths]:
        kind = path.name.split("-")[0]
        if kind in ENDINGS:
            reason, sentence = ENDINGS[kind]
            assert (refusal(future).reason, str(refusal(future))) == (reason, sentence.format(path.name))
        else:
            assert np.array_equal(future.result().samples, audio.read(path).samples)


@pytest.mark.parametrize("kind", ["crash", "exit", "bug", "hang"])
def test_a_header_that_ends_its_child_has_no_seconds_and_the_next_request_is_answered(
    kind: str, fragile: Callable[..., Decoders], clip: Callable[[str], Path], log: Path
) -> None:
    decoders = fragile(time_limit_s=1.0 if kind == "hang" else 20.0)
    bad, good = clip(f"header-{kind}-1.wav"), clip("good.wav")
    assert decoders.header_seconds(bad).result() == 0.0
    assert not any(map(is_there, started(log)))
    assert decoders.header_seconds(good).result() == 0.5
    assert decoders.submit(good).result().seconds == 0.5
    assert asked(log) == [f"header {bad.name}", "header good.wav", "read good.wav"]


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of address space elsewhere")
def test_a_header_that_takes_too_much_memory_has_no_seconds_and_its_child_goes_on(
    fragile: Callable[..., Decoders], clip: Callable[[str], Path], log: Path
) -> None:
    decoders = fragile()
    assert decoders.header_seconds(clip("header-greedy-1.wav")).result() == 0.0
    assert decoders.header_seconds(clip("good.wav")).result() == 0.5
    assert len(started(log)) == 1


@pytest.mark.parametrize("kind", ["talk", "complain"])
def test_what_a_header_makes_a_decoder_print_stays_in_the_child(
    kind: str,
    fragile: Callable[..., Decoders],
    clip: Callable[[str], Path],
    log: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    decoders = fragile()
    for name in (f"header-{kind}-1.wav", f"header-{kind}-2.wav", "good.wav"):
        assert decoders.header_seconds(clip(name)).result() == 0.5
    assert len(started(log)) == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("processes", [1, 3])
def test_headers_and_clips_in_any_mixture_are_answered_each_once(
    processes: int, fragile: Callable[..., Decoders], clip: Callable[[str], Path], log: Path
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
    assert sorted(asked(log)) == sorted(
        f"{'header' if header_only else 'read'} {path.name}" for header_only, path in questions
    )


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
    with Decoders(1, command=(sys.executable, "-c", program, str(tmp_path / "answer"), str(starts))) as decoders:
        assert decoders.header_seconds(Path("clip.ogg")).result() == 0.0
        assert starts.read_text() == "x"
        assert decoders.header_seconds(Path("clip.ogg")).result() == 0.0
    assert starts.read_text() == "xx"


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\n",
        b"[" * 100_000 + b"\n",
        b'{"samples": 1e999, "hash": "00112233445566778899aabbccddeeff"}\n',
        b'{"seconds": 1.5}\n',
        b'{"samples": 3, "hash": ""}\n',
        b'{"samples": 99999999999, "hash": "00112233445566778899aabbccddeeff"}\n',
        b'{"samples": -1, "hash": "00112233445566778899aabbccddeeff"}\n',
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
    with Decoders(1, command=(sys.executable, "-c", program, str(tmp_path / "answer"))) as decoders:
        error = refusal(decoders.submit(Path("clip.ogg")))
    assert error.reason is Refusal.CRASHED
    assert str(error) == "clip.ogg crashed the decoder (its answer makes no sense)."


def test_a_child_that_cannot_start_is_an_error_that_blames_no_clip(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    program = f"open({str(starts)!r}, 'a').write('x'); import no_such_library"
    with Decoders(1, command=(sys.executable, "-c", program)) as decoders:
        error = decoders.submit(b"RIFF").exception()
        assert starts.read_text() == "x"
        assert isinstance(decoders.header_seconds(b"RIFF").exception(), DecoderError)
    assert isinstance(error, DecoderError)
    assert "(exit code 1: ModuleNotFoundError: No module named 'no_such_library')" in str(error)


def test_a_program_that_is_not_there_is_an_error_that_blames_no_clip(tmp_path: Path) -> None:
    with Decoders(1, command=(str(tmp_path / "python"),)) as decoders:
        assert isinstance(decoders.submit(b"RIFF").exception(), DecoderError)


def test_the_working_directory_is_no_place_to_import_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "soundfile.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with Decoders(1) as decoders:
        assert refusal(decoders.submit(b"")).reason is Refusal.EMPTY


def test_no_child_is_started_before_it_is_needed(log: Path, tmp_path: Path) -> None:
    with Decoders(4, command=(str(tmp_path / "no such program"),)):
        pass


def test_closing_ends_decodes_under_way_and_cancels_the_rest(
    fragile: Callable[..., Decoders], clip: Callable[[str], Path], tmp_path: Path
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
    assert not any(map(is_there, children))
    with pytest.raises(RuntimeError):
        decoders.submit(b"")
    with pytest.raises(RuntimeError):
        decoders.header_seconds(b"")


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
def test_nothing_stays_open(fragile: Callable[..., Decoders], clip: Callable[[str], Path], log: Path) -> None:
    with Decoders(1) as decoders:  # what the first use opens for good
        decoders.submit(b"").exception()
    before = set(Path("/proc/self/fd").iterdir())
    with fragile(2) as decoders:
        for future in [decoders.submit(clip(f"{kind}.wav")) for kind in ("good", "crash", "exit", "good", "bug")]:
            future.exception()
    assert set(Path("/proc/self/fd").iterdir()) == before
    assert not any(map(is_there, started(log)))


@pytest.mark.parametrize("last", ["good", "hang"])
def test_children_end_when_their_parent_is_killed(last: str, clip: Callable[[str], Path], tmp_path: Path) -> None:
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


def test_ctrl_c_and_sigterm_in_the_whole_group_cost_no_clip(
    fragile: Callable[..., Decoders], clip: Callable[[str], Path], log: Path
) -> None:
    decoders = fragile()
    decoders.submit(clip("first.wav")).result()
    (child,) = started(log)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(child, number)
    assert decoders.submit(clip("second.wav")).result().seconds == 0.5
    assert started(log) == {child}
    assert os.getpgid(child) != os.getpgid(0)
