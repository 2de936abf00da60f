"""Every encoder on every backend gives the embeddings of its reference: alone, together, and whatever the length."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from encoders import references
from encoders.references import Reference, Tensors, unit
from encoders.sounds import noise, real_voices, speak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speaker_search import audio
from speaker_search.encoders import Backend, Encoder, campplus, class_of, wespeaker
from speaker_search.encoders.backends.machine import this_machine
from speaker_search.encoders.networks import ecapa
from speaker_search.encoders.weights import Weights, resolve
from speaker_search.entities import SAMPLE_RATE, Floats

EXACT = "torch cpu fp32"
#: The backends of this machine, each with the least cosine to the reference.
SAME = {EXACT: 0.99999}
if this_machine().openvino:
    SAME |= {"openvino cpu fp32": 0.99999, "openvino cpu mixed": 0.9999}
if this_machine().gpu:
    SAME |= {"torch cuda fp32": 0.9999, "torch cuda fp16": 0.9999}  # torch's fp32 is TF32 there, unless told otherwise
#: "mixed" is for networks with stages, and both ECAPA networks have the same ones.
NOT_MIXED = [name for name in SAME if name != "openvino cpu mixed"]
ON_SPECTROGRAMS = [
    *(("anime-char", backend) for backend in SAME),
    *(("campplus", backend) for backend in NOT_MIXED),
    *(("ecapa-voxceleb", backend) for backend in NOT_MIXED),
    *(("wespeaker-resnet34", backend) for backend in NOT_MIXED),
]
CASES = [*ON_SPECTROGRAMS, *(("resemblyzer", backend) for backend in SAME if backend in (EXACT, "torch cuda fp32"))]

# (samples, peak). ECAPA's frame counts change at multiples of 160 samples, Kaldi's filterbank's at 400 plus those.
CLIPS = [
    *((4_800, 0.5), (4_801, 0.3), (4_880, 0.3), (4_880, 3.0), (4_881, 0.3), (4_959, 0.3), (4_960, 0.3), (5_039, 0.3)),
    *((5_040, 0.3), (12_000, 0.003), (24_000, 0.9)),
]
LOUD = CLIPS.index((4_880, 3.0))
# Seconds: resemblyzer's windows of 1.6 s start every 0.77 s, and a last one is dropped with under 1.2 s in it.
RESEMBLYZER_CLIPS = (0.4, 1.0, 1.6, 1.61, 2.4, 2.41, 3.3, 5.0)

pytestmark = [
    # The anime reference imports librosa, whose audioread imports modules that Python 3.13 dropped.
    pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated:DeprecationWarning"),
    # The resemblyzer package uses a name that SciPy deprecates.
    pytest.mark.filterwarnings("ignore:Please import `binary_dilation`:DeprecationWarning"),
]


@dataclass
class Subject:
    """What an encoder is compared with, and on what."""

    name: str
    weights: Weights
    reference: Reference
    clips: list[Floats]
    loud: int  #: place of the clip over full scale
    frame_count: Callable[[int], int]
    unheard: list[Floats]  #: clips that it cannot embed
    least: Floats  #: the shortest that it can

    @cached_property
    def expected(self) -> Floats:
        return self.of(self.clips)

    @cached_property
    def long(self) -> tuple[Floats, Floats]:
        """A clip of 10 s and what the reference makes of it."""
        clip = np.tile(speak(2.5, seed=60), 4)
        return clip, self.of([clip])

    @cached_property
    def real(self) -> tuple[list[Floats], Floats]:
        """The middles of real lines, of a second each, and what the reference makes of them."""
        lines = [audio.read(path).samples for path in real_voices()]
        clips = [line[max(0, (len(line) - SAMPLE_RATE) // 2) :][:SAMPLE_RATE] for line in lines]
        return clips, self.of(clips)

    @property
    def equals(self) -> list[int]:
        """The places of the clips of as many frames as the loud one."""
        frames = [self.frame_count(len(clip)) for clip in self.clips]
        return [place for place, count in enumerate(frames) if count == frames[self.loud]]

    def of(self, clips: list[Floats]) -> Floats:
        return np.stack([self.reference(clip) for clip in clips])


@dataclass
class Case:
    subject: Subject
    encoder: Encoder
    same: float

    def check(self, rows: Floats, expected: Floats) -> None:
        assert rows.dtype == np.float32
        assert np.sum(rows * expected, axis=1).min() >= self.same


@pytest.fixture(scope="module")
def subjects(request: pytest.FixtureRequest) -> Callable[[str], Subject]:
    """Each encoder's subject, made when first asked for."""
    made: dict[str, Subject] = {}

    def subject(name: str) -> Subject:
        if name not in made:
            made[name] = make_subject(name, request)
        return made[name]

    return subject


def make_subject(name: str, request: pytest.FixtureRequest) -> Subject:
    clips = [speak(samples / SAMPLE_RATE, seed=seed, peak=peak) for seed, (samples, peak) in enumerate(CLIPS)]
    hop = clips[-1]
    if name == "anime-char":
        checkpoint: Path = request.getfixturevalue("anime_checkpoint")
        reference = references.anime_reference(checkpoint)
    elif name == "ecapa-voxceleb":
        checkpoint = request.getfixturevalue("ecapa_voxceleb_folder")
        work = request.getfixturevalue("tmp_path_factory").mktemp("speechbrain")
        reference = references.ecapa_voxceleb_reference(checkpoint, work)
    elif name == "campplus":
        # A segment of the context masks has 100 steps of 20 ms, so frames 200 and 201 lie on either side of its end.
        clips += [speak((400 + 160 * frames) / SAMPLE_RATE, seed=70 + frames) for frames in (198, 199, 200, 201, 499)]
        reference = references.campplus_reference()
        unheard = [hop[:719], hop[:0]]
        return Subject(name, resolve(name), reference, clips, LOUD, campplus.frame_count, unheard, hop[:720])
    elif name == "wespeaker-resnet34":
        checkpoint = request.getfixturevalue("wespeaker_cache")
        reference = references.wespeaker_reference(request.getfixturevalue("wespeaker_tensors"))
        unheard = [hop[:1_679], hop[:0]]
        found = resolve(name, checkpoint)
        return Subject(name, found, reference, clips, LOUD, wespeaker.frame_count, unheard, hop[:1_680])
    else:
        clips = [speak(seconds, seed=seed) for seed, seconds in enumerate(RESEMBLYZER_CLIPS)]
        pause = noise(24_000, 0.0005)
        clips.append(np.concatenate([clips[1], pause, clips[2], pause, pause]))  # a pause to shorten
        clips.append(speak(2.0, seed=30, peak=0.004))  # quiet enough to be amplified
        clips.append(speak(2.0, seed=31, peak=0.999))
        unheard = [np.zeros(16_000, dtype=np.float32), noise(16_000, 0.01), clips[0][:479], clips[0][:0]]
        reference = references.resemblyzer_reference()
        return Subject(name, resolve(name), reference, clips, len(clips) - 1, lambda _: 160, unheard, clips[0])
    return Subject(
        name, resolve(name, checkpoint), reference, clips, LOUD, ecapa.frame_count, [hop[:639], hop[:0]], hop[:640]
    )


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def case(request: pytest.FixtureRequest, subjects: Callable[[str], Subject]) -> Case:
    name, backend_name = request.param
    subject = subjects(name)
    backend = Backend(*backend_name.split(), "the test asks for it")
    encoder = class_of(name)(subject.weights, backend)
    assert encoder.backend == backend
    return Case(subject, encoder, SAME[backend_name])


def test_rows_are_unit_float32(case: Case) -> None:
    rows = case.encoder.embed(case.subject.clips[:2])
    dim = 192 if case.subject.name in ("anime-char", "campplus", "ecapa-voxceleb") else 256
    assert rows.shape == (2, case.encoder.dim) == (2, dim)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert case.encoder.embed([]).shape == (0, dim)


def test_the_space_names_the_weights_and_not_the_backend(case: Case) -> None:
    assert case.encoder.name == case.subject.name
    assert case.encoder.space == f"{case.subject.name}@{case.subject.weights.sha256[:12]}"


def test_the_weights_tell_the_clips_apart(case: Case) -> None:
    cosines = case.subject.expected @ case.subject.expected.T
    assert cosines[~np.eye(len(cosines), dtype=bool)].max() < 0.999  # or the tests below would prove nothing


def test_a_clip_alone_equals_the_reference(case: Case) -> None:
    alone = np.concatenate([case.encoder.embed([clip]) for clip in case.subject.clips])
    case.check(alone, case.subject.expected)


def test_clips_of_all_lengths_together_in_any_order_equal_the_reference(case: Case) -> None:
    assert len({len(case.subject.clips[place]) for place in case.subject.equals}) >= 3  # which are computed as one
    order = np.random.default_rng(1).permutation(len(case.subject.clips))
    case.check(case.encoder.embed([case.subject.clips[place] for place in order]), case.subject.expected[order])


@pytest.mark.parametrize("companion", [LOUD - 1, LOUD + 1], ids=["of its length", "longer by a sample"])
@pytest.mark.parametrize("case", ON_SPECTROGRAMS, ids=" ".join, indirect=True)
def test_a_loud_clip_does_not_change_its_neighbours(case: Case, companion: int) -> None:
    pair = [LOUD, companion]
    assert set(pair) <= set(case.subject.equals)
    case.check(case.encoder.embed([case.subject.clips[place] for place in pair]), case.subject.expected[pair])


def test_a_silent_clip_does_not_change_its_neighbours(case: Case) -> None:
    rows = case.encoder.embed([np.zeros(4_800, dtype=np.float32), case.subject.clips[0]])
    assert np.isfinite(rows[0]).all() == (case.subject.name != "resemblyzer")  # which hears no speech in it
    case.check(rows[1:], case.subject.expected[:1])


def test_a_clip_that_cannot_be_embedded_is_a_row_of_nan(case: Case) -> None:
    unheard = case.subject.unheard
    rows = case.encoder.embed([*unheard, case.subject.least, case.subject.clips[0]])
    assert np.isnan(rows).all(axis=1).tolist() == [True] * len(unheard) + [False, False]
    case.check(rows[-1:], case.subject.expected[:1])
    assert np.isnan(case.encoder.embed(unheard)).all()


def test_ten_seconds_equal_the_reference(case: Case) -> None:
    clip, expected = case.subject.long
    case.check(case.encoder.embed([clip]), expected)


@pytest.mark.parametrize("case", ON_SPECTROGRAMS, ids=" ".join, indirect=True)
@settings(deadline=None, derandomize=True, max_examples=3, suppress_health_check=list(HealthCheck))
@given(
    hops=st.lists(st.integers(30, 60), min_size=1, max_size=2),  # 0.3 to 0.6 s
    members=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 159), st.floats(0.001, 4)), min_size=1, max_size=4),
)
def test_any_batch_equals_the_reference(case: Case, hops: list[int], members: list[tuple[int, int, float]]) -> None:
    """Clips of a few frame counts, of any length within them, loud and quiet."""
    batch = [
        speak((hops[place % len(hops)] * 160 + rest) / SAMPLE_RATE, seed=seed, peak=peak)
        for seed, (place, rest, peak) in enumerate(members)
    ]
    case.check(case.encoder.embed(batch), case.subject.of(batch))


def test_real_speech_equals_the_reference(case: Case) -> None:
    if not real_voices():
        pytest.skip("the real voices are not beside this checkout; synthetic ones are tested all the same")
    clips, expected = case.subject.real
    case.check(case.encoder.embed(clips), expected)


def test_an_encoder_serves_several_threads_at_once(case: Case) -> None:
    clips = case.subject.clips[:4]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda clip: case.encoder.embed([clip])[0], clips))
    case.check(np.stack(together), case.subject.expected[:4])


# Beyond what all have in common


@pytest.mark.parametrize("case", [("anime-char", EXACT)], ids=" ".join, indirect=True)
def test_sound_files_equal_the_package_that_reads_them_itself(
    case: Case, anime_checkpoint: Path, tmp_path: Path
) -> None:
    """Stereo, other rates, peaks over 1, real lines: with audio.read we embed what the package's librosa reads."""
    package = references.anime_package(anime_checkpoint)
    for name, rate, peak in (("44100", 44_100, 0.6), ("loud-48000", 48_000, 1.8)):
        tracks = [speak(0.7, seed=track, rate=rate, peak=peak) for track in (50, 51)]
        soundfile.write(tmp_path / f"{name}.wav", np.stack(tracks, axis=1), rate, subtype="FLOAT")
    files = [*tmp_path.iterdir(), *real_voices()[:2]]
    rows = case.encoder.embed([audio.read(path).samples for path in files])
    case.check(rows, np.stack([package.get_embedding(path) for path in files]))


@pytest.mark.parametrize("case", [("wespeaker-resnet34", EXACT)], ids=" ".join, indirect=True)
def test_wespeaker_equals_pyannote_where_that_is_installed(case: Case, wespeaker_tensors: Tensors) -> None:
    package: Any = pytest.importorskip(
        "pyannote.audio.models.embedding.wespeaker", reason="pyannote.audio is not among the tests' packages"
    )
    network = package.WeSpeakerResNet34()
    network.load_state_dict(wespeaker_tensors)
    with torch.inference_mode():
        rows = [unit(network.eval()(torch.from_numpy(clip)[None, None])) for clip in case.subject.clips]
    case.check(case.encoder.embed(case.subject.clips), np.stack(rows))


@pytest.mark.parametrize("case", [("resemblyzer", EXACT)], ids=" ".join, indirect=True)
def test_a_clip_over_full_scale_is_heard_by_the_voice_detector(case: Case) -> None:
    rows = case.encoder.embed([speak(2.0, seed=31, peak=0.999), speak(2.0, seed=31, peak=1.3)])
    assert rows[0] @ rows[1] > 0.95
