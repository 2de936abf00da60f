"""Training goes on after any end with the numbers that it would have had."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch
from end_to_end.running import LIMIT_S
from training import small

from speaker_search.documents.models.trained import TrainingProgress
from speaker_search.errors import UsageError

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_voices(tmp_path_factory.mktemp("voices"))


@pytest.fixture(scope="module")
def undisturbed(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    return weights(small.run(voices, tmp_path_factory.mktemp("undisturbed") / "run")[1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a training keeps its checkpoints."""
    return tmp_path / "run"


def weights(network: small.Trainee) -> dict[str, torch.Tensor]:
    return dict(network.network.state_dict())


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def program(*words: object, launcher: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *launcher, str(TESTS / "training" / "small_program.py"), *map(str, words)]
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    environ = {**os.environ, "PYTHONPATH": paths, "OMP_WAIT_POLICY": "PASSIVE"}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=LIMIT_S)


def test_training_brings_clips_nearer_to_the_direction_of_their_speaker(voices: Path, folder: Path) -> None:
    reached, _ = small.run(voices, folder, small.QUICK.model_copy(update={"steps": 24}))
    losses = [one.loss for one in reached.evaluations]
    assert losses[-1] < losses[0] - 1
    assert [one.step for one in reached.evaluations] == [4, 8, 12, 16, 20, 24]


def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(voices: Path, folder: Path) -> None:
    _, whole = small.run(voices, folder.with_name("undisturbed"), small.CHANGED)
    killed = program(voices, folder, "changed", 5)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    changers = []
    for pid in killed.stdout.split():
        with suppress(psutil.NoSuchProcess):  # it has ended
            changers.append(psutil.Process(int(pid)))
    assert psutil.wait_procs(changers, timeout=LIMIT_S)[1] == []
    ended, network = small.run(voices, folder, small.CHANGED, processes=1)
    assert ended.step == small.CHANGED.steps
    assert same(weights(network), weights(whole))


def test_a_stopped_training_goes_on_where_it_stopped(
    voices: Path, undisturbed: dict[str, torch.Tensor], folder: Path
) -> None:
    seen: list[int] = []

    def note(now: TrainingProgress) -> None:
        seen.append(now.step)

    reached, _ = small.run(voices, folder, on_progress=note, stop=lambda: bool(seen) and seen[-1] == 5)
    assert (reached.stopped, reached.step) == (True, 5)
    ended, network = small.run(voices, folder)
    assert ended.step == small.STEPS
    assert same(weights(network), undisturbed)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_it(
    voices: Path, undisturbed: dict[str, torch.Tensor], folder: Path
) -> None:
    seen: list[int] = []

    def note(now: TrainingProgress) -> None:
        seen.append(now.step)

    small.run(voices, folder, on_progress=note, stop=lambda: bool(seen) and seen[-1] == 7)
    *_, older, newest = sorted(folder.glob("step-*.pt"))
    assert (older.name, newest.name) == ("step-00000006.pt", "step-00000007.pt")
    newest.write_bytes(newest.read_bytes()[:1000])
    _, network = small.run(voices, folder)
    assert same(weights(network), undisturbed)
    for checkpoint in folder.glob("step-*.pt"):
        checkpoint.write_bytes(b"no tensors")
    with pytest.raises(UsageError, match=r"checkpoints in .* are damaged\. Start anew"):
        small.run(voices, folder)


def test_two_checkpoints_are_kept(voices: Path, folder: Path) -> None:
    small.run(voices, folder)
    assert sorted(path.name for path in folder.glob("step-*")) == ["step-00000010.pt", "step-00000012.pt"]


def test_a_full_disk_is_one_sentence_and_loses_nothing(
    voices: Path, undisturbed: dict[str, torch.Tensor], folder: Path
) -> None:
    seen: list[int] = []

    def fill(now: TrainingProgress) -> None:
        seen.append(now.step)
        if now.step == 5:  # from here on no file may grow beyond a few bytes
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(UsageError, match=r"step-00000006.pt cannot be written: File too large\. Make space, then"):
            small.run(voices, folder, on_progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in folder.iterdir()) == [
        "plan.npz",
        "step-00000002.pt",
        "step-00000004.pt",
        "training.json",
    ]
    _, network = small.run(voices, folder)
    assert same(weights(network), undisturbed)


def test_two_processes_have_the_same_weights_and_those_of_one(
    voices: Path, undisturbed: dict[str, torch.Tensor], folder: Path
) -> None:
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")
    done = program(voices, folder, "quick", 0, launcher=torchrun)
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(folder.parent / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    assert same(first, second)
    for name, tensor in undisturbed.items():
        torch.testing.assert_close(first[name], tensor, rtol=1e-3, atol=1e-4)


def test_a_step_in_parts_is_the_same_step(voices: Path, undisturbed: dict[str, torch.Tensor], folder: Path) -> None:
    _, network = small.run(voices, folder, small.QUICK.model_copy(update={"accumulate": 4}))
    for name, tensor in weights(network).items():
        torch.testing.assert_close(tensor, undisturbed[name], rtol=1e-3, atol=1e-4)


def test_training_ends_when_it_no_longer_gets_better(voices: Path, folder: Path) -> None:
    hopeless = small.QUICK.model_copy(update={"learning_rate": 1e-12, "evaluate_every": 1, "patience": 3})
    reached, _ = small.run(voices, folder, hopeless)
    assert reached.best is not None
    assert reached.best.measured.step == 1
    assert reached.step == 4


def test_clips_that_cannot_be_read_are_left_out_and_counted(tmp_path: Path) -> None:
    there = small.write_voices(tmp_path / "voices")
    for clip in (100, 101, 102):  # and so at times both clips of a step's part
        small.voice_file(there, clip).unlink()
    small.voice_file(there, 103).write_text("no sound")
    seen: list[int] = []

    def note(now: TrainingProgress) -> None:
        seen.append(now.unreadable)

    reached, _ = small.run(there, tmp_path / "run", small.QUICK.model_copy(update={"accumulate": 4}), on_progress=note)
    assert reached.step == small.STEPS
    assert seen[-1] == 4


def test_training_stops_with_a_sentence_when_no_clip_can_be_read(tmp_path: Path) -> None:
    there = small.write_voices(tmp_path / "voices")

    def unplug(now: TrainingProgress) -> None:
        for path in there.iterdir():
            path.unlink()

    with pytest.raises(UsageError, match=r"None of the clips of step \d+ can be read \(missing \d+\)"):
        small.run(there, tmp_path / "run", on_progress=unplug)


def test_numbers_that_overflow_stop_the_training_before_they_reach_a_checkpoint(voices: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"overflow\. Start again with a lower --learning-rate"):
        small.run(voices, folder, small.QUICK.model_copy(update={"learning_rate": 1e30, "warm_up": 0.0}))
