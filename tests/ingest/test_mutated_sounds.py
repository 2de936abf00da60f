"""Damaged sound files are embedded or refused with a reason, and the decoders do not grow."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile
from standin import RATE, StandInEncoder, voice

from speaker_search.audio.decoders import Decoders
from speaker_search.entities import Refusal
from speaker_search.errors import AudioError
from speaker_search.library import Library
from speaker_search.settings import Settings

FILES = int(os.environ.get("TEST_MUTANTS", "600"))  # more by hand: TEST_MUTANTS=5000 scripts/test tests/ingest
ROUNDS = 5  # over all files, by which a leak would show
SEED = 404
KINDS = ("wav", "flac", "ogg", "mp3", "opus")
GROWTH_KIB = 32_768  # what libsndfile's own buffers and the allocator may come to


def flipped(data: bytes, rng: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(rng.choice((1, 5, 50))):
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    return bytes(made)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def wrong_header(data: bytes, rng: random.Random) -> bytes:
    """Some of the first 64 bytes at random: lengths, rates and channel numbers among them."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        made[rng.randrange(min(64, len(made)))] = rng.choice((0, 0x7F, 0xFF, rng.randrange(256)))
    return bytes(made)


def spliced(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.randint(1, 500)) + data[at:]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (flipped, cut, wrong_header, spliced)


@pytest.fixture(scope="module")
def mutated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mutated")
    rng = random.Random(SEED)
    whole = []
    for number, kind in enumerate(KINDS):
        path = root / f"whole.{kind}"
        rate = 48_000 if kind == "opus" else RATE
        form = {"format": "OGG", "subtype": "OPUS"} if kind == "opus" else {}
        soundfile.write(path, voice(number, seconds=0.4), rate, **form)
        whole.append((kind, path.read_bytes()))
        path.unlink()
    for number in range(FILES):
        kind, data = whole[number % len(KINDS)]
        mutate = MUTATIONS[number // len(KINDS) % len(MUTATIONS)]
        path = root / "maker/game" / f"役{number % 9}" / f"{number:04}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutate(data, rng))
    return root


def test_every_damaged_file_is_embedded_or_refused_with_a_reason(mutated: Path, tmp_path: Path) -> None:
    with Library(Settings(home=tmp_path / "home", encoder="stand-in"), encoder=StandInEncoder()) as library:
        report = library.ingest([mutated], processes=2)
        assert library.verify().ok
        refused = library.refused().clips
    assert report.catalog is not None
    assert (report.new, report.opened, report.pending) == (FILES, FILES, 0)
    assert report.catalog.embedded + report.merged + report.catalog.refused == FILES
    assert {clip.reason for clip in refused} <= set(Refusal) - {Refusal.CRASHED, Refusal.TIMED_OUT}
    assert all(clip.detail.endswith(".") for clip in refused)
    assert 0.1 < report.catalog.refused / FILES < 0.9


@pytest.mark.skipif(sys.platform != "linux", reason="a process tells its memory in /proc")
def test_a_decoder_does_not_grow_over_damaged_files(mutated: Path) -> None:
    paths = sorted(mutated.rglob("*.*"))
    with Decoders(1) as decoders:

        def decode(some: list[Path]) -> None:
            for future in [decoders.submit(path) for path in some]:
                error = future.exception()
                assert error is None or isinstance(error, AudioError)

        decode(paths)
        before = {pid: resident_kib(pid) for pid in children()}
        decode(paths * ROUNDS)
        after = {pid: resident_kib(pid) for pid in children()}
    assert before.keys() == after.keys()  # none had to be started anew
    assert len(before) == 1
    assert all(after[pid] - before[pid] < GROWTH_KIB for pid in before)


def children() -> Iterator[int]:
    """Decoders started by this process."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = status.with_name("cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[1]) == os.getpid() and b"speaker_search.audio.child" in command:
            yield int(status.parent.name)


def resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))
