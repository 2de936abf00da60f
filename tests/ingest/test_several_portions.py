"""Ingests of several portions: broken off, by two workers at once, and how they are reported."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from ingest.taking import embedded, take_in
from standin import RATE, StandInEncoder

from speaker_search.documents import IngestReport
from speaker_search.ingest.windows import sizes_for
from speaker_search.library import Library
from speaker_search.settings import Settings

SECONDS = 4.0  # of each of many voices
PORTION = int(sizes_for(StandInEncoder.backend).portion_s // SECONDS)  # clips
MANY = 2 * PORTION + 20


@pytest.fixture(scope="module")
def many_voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips for three portions, in two games; the last of them is no voice."""
    root = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(0)
    for number in range(MANY - 1):
        path = root / "maker" / ("one" if number % 3 else "two") / f"A{number % 5}" / f"{number:03d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(round(SECONDS * RATE)), RATE)
    (root / "maker/two/Z").mkdir()
    (root / "maker/two/Z/no.wav").write_text("no sound")
    return root


@pytest.fixture(scope="module")
def undisturbed(many_voices: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, bytes]:
    settings = Settings(home=tmp_path_factory.mktemp("undisturbed"), encoder="stand-in")
    with Library(settings, encoder=StandInEncoder()) as library:
        take_in(library, many_voices)
        return embedded(library)


class BreakingEncoder(StandInEncoder):
    """Breaks at its `portions`th portion of clips."""

    def __init__(self, portions: int) -> None:
        super().__init__()
        self.portions = portions

    def embed(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        if len(waveforms):
            self.portions -= 1
        if self.portions == 0:
            raise MemoryError
        return super().embed(waveforms)


def test_an_ingest_that_broke_again_and_again_ends_as_an_undisturbed_one(
    settings: Settings, many_voices: Path, undisturbed: dict[Path, bytes]
) -> None:
    counts = []
    for portions in (1, 2, 2):
        with Library(settings, encoder=BreakingEncoder(portions)) as library:
            with pytest.raises(MemoryError):
                library.ingest([many_voices], processes=2)
            counts.append(len(embedded(library)))
    assert counts == [0, PORTION, 2 * PORTION]
    with Library(settings, encoder=StandInEncoder()) as library:
        report = take_in(library, many_voices)
        assert (report.embedded, report.refused) == (19, {"not_audio": 1})
        assert embedded(library) == undisturbed


def test_two_workers_on_one_catalog_embed_each_clip_once(
    settings: Settings, many_voices: Path, undisturbed: dict[Path, bytes]
) -> None:
    def work(_: int) -> IngestReport:
        with Library(settings, encoder=StandInEncoder()) as library:
            return library.ingest([many_voices], processes=1)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(work, range(2)))
    assert sum(report.embedded for report in reports) == len(undisturbed)
    assert sum(report.refused.get("not_audio", 0) for report in reports) == 1
    with Library(settings, encoder=StandInEncoder()) as library:
        assert library.verify().ok
        assert embedded(library) == undisturbed
        assert take_in(library, many_voices).opened == 0


def test_progress_is_told_as_it_comes_and_ends_with_the_report(settings: Settings, many_voices: Path) -> None:
    told: list[tuple[int, int]] = []
    with Library(settings, encoder=StandInEncoder()) as library:
        report = library.ingest([many_voices], on_progress=lambda now: told.append((now.new, now.embedded)))
    assert told == sorted(told)
    assert told[-1] == (MANY, MANY - 1) == (report.new, report.embedded)
    assert PORTION in [embedded_ for _, embedded_ in told]
