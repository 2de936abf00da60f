"""Decoders whose children do what a clip's name says, and clips of such names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio.fragile import FRAGILE, LIMIT_S, Log, MakeClip, MakeDecoders

from speaker_search.audio.decoders import Decoders


@pytest.fixture
def log(tmp_path: Path) -> Log:
    (tmp_path / "log").touch()
    return Log(tmp_path / "log")


@pytest.fixture
def fragile(log: Log) -> Iterator[MakeDecoders]:
    """Makes Decoders of fragile children."""
    opened: list[Decoders] = []

    def make(processes: int = 1, time_limit_s: float = LIMIT_S) -> Decoders:
        command = (sys.executable, str(FRAGILE), str(log.path))
        opened.append(Decoders(processes, time_limit_s=time_limit_s, command=command))
        return opened[-1]

    yield make
    for decoders in opened:
        decoders.close()


@pytest.fixture
def clip(tmp_path: Path) -> MakeClip:
    """Makes a readable file of that name, half a second long, with samples of its own."""

    def make(name: str) -> Path:
        path = tmp_path / name
        samples = np.random.default_rng(list(name.encode())).uniform(-0.5, 0.5, 8_000).astype(np.float32)
        soundfile.write(path, samples, 16_000, format="WAV", subtype="FLOAT")
        return path

    return make
