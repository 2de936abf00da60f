"""Which clips are decoded and embedded together, and how long a header says they last."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from standin import RATE, voice, write_voice

from speaker_search import audio
from speaker_search.audio.decoders import Decoders
from speaker_search.catalog.queue import ClaimedClip
from speaker_search.encoders.backends.choose import choose
from speaker_search.encoders.backends.machine import this_machine
from speaker_search.ingest.windows import HELD_BYTES, Found, Sizes, portions, sizes_for, windows
from speaker_search.sources import Archives

modest = settings(deadline=None, derandomize=True, max_examples=200)
LENGTHS = st.lists(st.tuples(st.floats(0, 60), st.booleans()), max_size=50)


def clip(number: int, *, suspect: bool = False, name: str = "a.wav", root: Path = Path("/x")) -> ClaimedClip:
    return ClaimedClip(number, root, name, (1, 1), suspect)


def found(lengths: list[tuple[float, bool]]) -> list[Found]:
    return [
        Found(clip(number, suspect=suspect), Path("/x/a.wav"), seconds)
        for number, (seconds, suspect) in enumerate(lengths)
    ]


@modest
@given(LENGTHS, st.floats(1, 200))
def test_every_clip_of_a_window_is_in_exactly_one_portion(lengths: list[tuple[float, bool]], portion_s: float) -> None:
    ids = [one.clip.id for portion in portions(found(lengths), portion_s) for one in portion]
    assert sorted(ids) == list(range(len(lengths)))


@modest
@given(LENGTHS, st.floats(1, 200))
def test_a_portion_is_within_its_seconds_or_a_single_clip(lengths: list[tuple[float, bool]], portion_s: float) -> None:
    for portion in portions(found(lengths), portion_s):
        assert portion
        assert sum(one.seconds for one in portion) <= portion_s or len(portion) == 1


@modest
@given(LENGTHS, st.floats(1, 200))
def test_clips_of_one_length_are_neighbours_and_suspects_alone(
    lengths: list[tuple[float, bool]], portion_s: float
) -> None:
    made = list(portions(found(lengths), portion_s))
    ordered = [one.seconds for portion in made for one in portion]
    assert ordered == sorted(ordered, reverse=True)
    assert all(len(portion) == 1 for portion in made if any(one.clip.suspect for one in portion))


def test_a_gpu_gets_more_at_a_time_than_a_cpu() -> None:
    cpu = sizes_for(choose("cpu", this_machine()))
    assert cpu == Sizes(512, 128.0)


def test_windows_are_claimed_until_there_is_nothing_left(tmp_path: Path) -> None:
    for number in range(5):
        write_voice(tmp_path / f"{number}.wav", number, seconds=0.5 + number / 10)
    left: Iterator[list[ClaimedClip]] = iter(
        [[clip(number, name=f"{number}.wav", root=tmp_path) for number in part] for part in ([0, 1], [2, 3], [4], [])]
    )
    asked = []

    def claim(limit: int) -> list[ClaimedClip]:
        asked.append(limit)
        return next(left)

    with Archives() as archives, Decoders(1) as decoders:
        made = list(windows(claim, archives, decoders, Sizes(2, 10.0)))
    assert [[one.clip.id for one in window] for window in made] == [[0, 1], [2, 3], [4]]
    assert [one.seconds for window in made for one in window] == [0.5, 0.6, 0.7, 0.8, 0.9]
    assert asked == [2, 2, 2, 2]


def test_a_window_ends_early_when_its_archives_members_take_much_memory(tmp_path: Path) -> None:
    size = HELD_BYTES // 2
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made_of:
        for number in range(5):
            made_of.writestr(f"{number}.wav", bytes(size))
    left = iter([[clip(number, name=f"{number}.wav", root=archive) for number in range(5)], []])
    with Archives() as archives, Decoders(1) as decoders:
        made = list(windows(lambda _: next(left), archives, decoders, Sizes(512, 10.0)))
    assert [[one.clip.id for one in window] for window in made] == [[0, 1], [2, 3], [4]]


def test_a_header_tells_the_length_that_decoding_finds(tmp_path: Path) -> None:
    for kind in ("wav", "flac", "ogg", "mp3"):
        path = tmp_path / f"a.{kind}"
        soundfile.write(path, voice(1, seconds=1.5), RATE)
        told = audio.header_seconds(path)
        assert told == audio.header_seconds(path.read_bytes())
        assert abs(told - audio.read(path).seconds) <= (0.1 if kind == "mp3" else 0.0)


def test_a_header_that_would_be_refused_tells_no_length(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "long.wav", voice(1, seconds=61), RATE)
    for source in (tmp_path / "text.wav", tmp_path / "long.wav", tmp_path / "missing.wav", tmp_path, b"", b"OggS"):
        assert audio.header_seconds(source) == 0.0
