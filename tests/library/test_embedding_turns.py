"""Searches are embedded together where they arrive together, short ones before long ones, and before ingests."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from standin import RATE, StandInEncoder, voice

from speaker_search.entities import Floats
from speaker_search.errors import OverloadedError
from speaker_search.library.under_load.embedding_turns import MAX_AHEAD_S, SHORT_SECONDS, SPEED, EmbeddingTurns

SECONDS = 1.0
LONG_S = 2 * SHORT_SECONDS
LIMIT_S = 60.0


class GatedEncoder(StandInEncoder):
    """Waits before each call until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.called = threading.Semaphore(0)  # released by each call
        self.gate = threading.Semaphore(0)  # acquired by each call
        self.calls: list[list[int]] = []  # the lengths of the clips of each, in samples

    def embed(self, waveforms: Sequence[Floats]) -> Floats:
        self.calls.append([len(samples) for samples in waveforms])
        self.called.release()
        assert self.gate.acquire(timeout=LIMIT_S)
        return super().embed(waveforms)


@pytest.fixture
def turns() -> Iterator[EmbeddingTurns]:
    turns = EmbeddingTurns(lanes=2)
    yield turns
    turns.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def clip(number: int = 1, seconds: float = SECONDS) -> Floats:
    return voice(number, seconds=seconds)


def begun(encoder: GatedEncoder, work: Future[Floats]) -> Future[Floats]:
    """The same, once the encoder has been called for it."""
    assert encoder.called.acquire(timeout=LIMIT_S)
    return work


def queued(turns: EmbeddingTurns, seconds: float) -> None:
    """Wait until so much audio is waiting."""
    while turns.waiting_seconds < seconds:
        threading.Event().wait(0)


def test_each_search_gets_its_own_rows(pool: ThreadPoolExecutor, turns: EmbeddingTurns) -> None:
    encoder = StandInEncoder()
    clips = [[clip(number), clip(number + 20, 0.7)] for number in range(8)]
    found = list(pool.map(lambda pair: turns.embed(encoder, pair), clips))
    for pair, rows in zip(clips, found, strict=True):
        np.testing.assert_array_equal(rows, encoder.embed(pair))


def test_searches_that_wait_together_are_embedded_together(pool: ThreadPoolExecutor, turns: EmbeddingTurns) -> None:
    encoder = GatedEncoder()
    running = [begun(encoder, pool.submit(turns.embed, encoder, [clip()])) for _ in range(2)]  # both lanes
    waiting = [pool.submit(turns.embed, encoder, [clip(number)]) for number in range(4)]
    queued(turns, 4 * SECONDS)
    for _ in range(3):
        encoder.gate.release()
    for work in running + waiting:
        work.result(LIMIT_S)
    assert [len(call) for call in encoder.calls] == [1, 1, 4]


def test_a_short_search_does_not_wait_for_long_ones_and_ingests(
    pool: ThreadPoolExecutor, turns: EmbeddingTurns
) -> None:
    slow, quick = GatedEncoder(), StandInEncoder()
    long = [begun(slow, pool.submit(turns.embed, slow, [clip(seconds=LONG_S)]))]
    long += [pool.submit(turns.embed, slow, [clip(seconds=LONG_S)]), pool.submit(turns.behind(slow).embed, [clip()])]
    for number in range(5):
        assert turns.embed(quick, [clip(number)]).shape == (1, quick.dim)
    assert not any(work.done() for work in long)
    for _ in long:
        slow.gate.release()


def test_an_ingest_goes_on_when_no_search_waits(pool: ThreadPoolExecutor, turns: EmbeddingTurns) -> None:
    encoder = GatedEncoder()
    lengths = [3.0, 1.0, 2.0] * 5
    clips = [clip(number, seconds) for number, seconds in enumerate(lengths)]
    ingest = begun(encoder, pool.submit(turns.behind(encoder).embed, clips))
    search = pool.submit(turns.embed, encoder, [np.tile(clip(), int(LONG_S))])  # for the lane that the ingest is in
    queued(turns, LONG_S)
    for _ in range(5):
        encoder.gate.release()
    search.result(LIMIT_S)
    np.testing.assert_array_equal(ingest.result(LIMIT_S), StandInEncoder().embed(clips))
    assert encoder.calls[1] == [int(LONG_S * RATE)]
    assert len(encoder.calls) == 5


def test_a_search_behind_too_much_work_is_refused_and_a_short_one_is_not(
    pool: ThreadPoolExecutor, turns: EmbeddingTurns
) -> None:
    encoder = GatedEncoder()
    minute = np.zeros(60 * RATE, np.float32) + 0.1
    running = begun(encoder, pool.submit(turns.embed, encoder, [clip(seconds=LONG_S)]))
    clips = int(MAX_AHEAD_S * SPEED / 60) + 1
    waiting = pool.submit(turns.embed, encoder, [minute] * clips)
    queued(turns, 60.0 * clips)
    with pytest.raises(OverloadedError) as refused:
        turns.embed(encoder, [minute] * (clips + 1))
    assert refused.value.retry_after_s > MAX_AHEAD_S
    short = begun(encoder, pool.submit(turns.embed, encoder, [clip()]))
    for _ in range(clips + 2):
        encoder.gate.release()
    for work in (running, waiting, short):
        work.result(LIMIT_S)


def test_an_encoder_that_fails_fails_only_the_search_it_was_asked_for(turns: EmbeddingTurns) -> None:
    class Broken(StandInEncoder):
        def embed(self, waveforms: Sequence[Floats]) -> Floats:
            raise ValueError(f"broken by {len(waveforms)}")

    with pytest.raises(ValueError, match="broken by 1"):
        turns.embed(Broken(), [clip()])
    assert turns.embed(StandInEncoder(), [clip()]).shape == (1, StandInEncoder.dim)
