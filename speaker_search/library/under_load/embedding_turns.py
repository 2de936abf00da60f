"""One queue for the encoder: sounds that arrive together share a batch, short searches go first, ingests last."""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field

import numpy as np

from speaker_search.encoders import Encoder
from speaker_search.entities import SAMPLE_RATE, Floats
from speaker_search.errors import OverloadedError

WINDOW_S = 0.003  # the first of a batch waits this long for others
BATCH_SECONDS = 10.0  # of audio at a time on a CPU: about half a second of work ...
GPU_BATCH_SECONDS = 300.0  # ... and on a GPU, in one batch that it hardly notices
SHORT_SECONDS = 15.0  # a search with less audio goes before longer ones, and has a lane that they leave free
AGEING = 1.0  # seconds by which each second of audio delays a search's turn: long searches get theirs in the end
MAX_AHEAD_S = 30.0  # of work before a search; one that would wait longer is refused
SPEED = 20.0  # seconds of audio embedded in a second, until it has been measured
SEARCH, INGEST = 0, 1  # in this order


@dataclass(order=True, slots=True)
class _Piece:
    """Clips that are embedded together, in the order of their turns."""

    kind: int
    due_s: float  #: on the monotonic clock, later for long searches
    number: int
    long: bool = field(compare=False)
    encoder: Encoder = field(compare=False)
    waveforms: list[Floats] = field(compare=False)
    rows: Future[Floats] = field(compare=False, default_factory=Future)

    @property
    def seconds(self) -> float:
        return sum(map(len, self.waveforms)) / SAMPLE_RATE


class EmbeddingTurns:
    """Embeds on a few threads, one of them for short searches alone, until close()."""

    def __init__(self, lanes: int | None = None) -> None:
        """`lanes` is the number of threads, by default one for each core, and one for a GPU."""
        self._wanted = lanes
        self._waiting: list[_Piece] = []  # a heap
        self._speed = SPEED  # seconds of audio in a second, of one lane
        self._numbers = itertools.count()
        self._changed = threading.Condition()  # for all of these
        self._lanes: list[threading.Thread] = []
        self._closed = False

    def embed(self, encoder: Encoder, waveforms: Sequence[Floats]) -> Floats:
        """Embed a search's clips, as the encoder does: (N, dim). Raises OverloadedError when it would wait too long."""
        seconds = sum(map(len, waveforms)) / SAMPLE_RATE
        due_s, long = time.monotonic() + AGEING * seconds, seconds > SHORT_SECONDS and not _on_gpu(encoder)
        with self._changed:
            ahead_s = sum(one.seconds for one in self._waiting if one.kind == SEARCH and one.due_s < due_s)
            if (wait_s := ahead_s / self._speed) > MAX_AHEAD_S:
                raise OverloadedError("Too many searches are waiting.", retry_after_s=wait_s)
        pieces = [_Piece(SEARCH, due_s, next(self._numbers), long, encoder, [waveform]) for waveform in waveforms]
        return self._done(pieces)

    def behind(self, encoder: Encoder) -> Encoder:
        """The same encoder, whose embed() lets every search go first: for an ingest beside searches."""
        return _Behind(encoder, self)

    def embed_behind(self, encoder: Encoder, waveforms: Sequence[Floats]) -> Floats:
        """Embed an ingest's clips whenever no search is waiting: (N, dim)."""
        order = sorted(range(len(waveforms)), key=lambda at: len(waveforms[at]))  # equal lengths share a batch
        batches: list[list[int]] = [[]]
        seconds, most = 0.0, _batch_seconds(encoder)
        for at in order:
            length = len(waveforms[at]) / SAMPLE_RATE
            if batches[-1] and seconds + length > most:
                batches.append([])
                seconds = 0.0
            batches[-1].append(at)
            seconds += length
        pieces = [
            _Piece(INGEST, 0.0, next(self._numbers), not _on_gpu(encoder), encoder, [waveforms[at] for at in batch])
            for batch in batches
        ]
        rows = self._done(pieces)
        restored = np.empty_like(rows)
        restored[order] = rows
        return restored

    @property
    def waiting_seconds(self) -> float:
        """Audio of searches that waits to be embedded."""
        with self._changed:
            return sum(one.seconds for one in self._waiting if one.kind == SEARCH)

    def close(self) -> None:
        """End the threads; what still waits is cancelled."""
        with self._changed:
            self._closed = True
            for piece in self._waiting:
                piece.rows.cancel()
            self._waiting.clear()
            self._changed.notify_all()
        for lane in self._lanes:
            lane.join()

    def _done(self, pieces: list[_Piece]) -> Floats:
        """The rows of pieces once all have had their turn: (N, dim)."""
        with self._changed:
            if self._closed:
                raise CancelledError
            if not self._lanes:
                # A GPU computes one batch at a time; on CPUs long work leaves one lane, and so one core, to short work.
                lanes = self._wanted or (1 if _on_gpu(pieces[0].encoder) else max(2, os.cpu_count() or 1))
                for number in range(lanes):
                    lane = threading.Thread(target=self._work, args=(number < lanes - 1 or lanes == 1,), daemon=True)
                    lane.start()
                    self._lanes.append(lane)
            for piece in pieces:
                heapq.heappush(self._waiting, piece)
            self._changed.notify_all()
        return np.concatenate([piece.rows.result() for piece in pieces])

    def _work(self, takes_long: bool) -> None:
        """Embed batch after batch; a lane for short searches does not take long work."""
        while batch := self._next(takes_long):
            began = time.monotonic()
            waveforms = [waveform for piece in batch for waveform in piece.waveforms]
            try:
                rows = batch[0].encoder.embed(waveforms)
            except BaseException as error:  # noqa: BLE001 - whoever waits for the rows raises it
                for piece in batch:
                    piece.rows.set_exception(error)
                continue
            ends = np.cumsum([len(piece.waveforms) for piece in batch])[:-1]
            for piece, part in zip(batch, np.split(rows, ends), strict=True):
                piece.rows.set_result(part)
            speed = sum(piece.seconds for piece in batch) / max(time.monotonic() - began, 1e-3)
            with self._changed:
                self._speed += 0.1 * (speed - self._speed)

    def _next(self, takes_long: bool) -> list[_Piece]:
        """The pieces whose turn it is; [] once closed."""
        with self._changed:
            batch: list[_Piece] = []
            while not batch and not self._closed:  # another lane may take what this one has waited for
                self._changed.wait_for(lambda: self._closed or self._taken(takes_long) is not None)
                self._changed.wait_for(lambda: self._closed, WINDOW_S)  # others that arrive at the same time
                seconds = 0.0
                while (piece := self._taken(takes_long)) is not None:
                    if batch and not _together(batch[0], piece, seconds):
                        break
                    self._waiting.remove(piece)
                    heapq.heapify(self._waiting)
                    batch.append(piece)
                    seconds += piece.seconds
            return batch

    def _taken(self, takes_long: bool) -> _Piece | None:
        """The first in turn that a lane may take."""
        if takes_long:
            return self._waiting[0] if self._waiting else None
        return min((piece for piece in self._waiting if not piece.long), default=None)


class _Behind:
    """An encoder whose clips are embedded behind those of searches."""

    def __init__(self, encoder: Encoder, turns: EmbeddingTurns) -> None:
        self._encoder = encoder
        self._turns = turns
        self.name, self.space, self.dim, self.backend = encoder.name, encoder.space, encoder.dim, encoder.backend

    def embed(self, waveforms: Sequence[Floats]) -> Floats:
        return self._turns.embed_behind(self._encoder, waveforms)


def _together(first: _Piece, other: _Piece, seconds: float) -> bool:
    """Whether a piece joins a batch that has so many seconds: long pieces are embedded alone, to end sooner."""
    if first.encoder is not other.encoder or first.kind != other.kind or first.long or other.long:
        return False
    return seconds + other.seconds <= _batch_seconds(first.encoder)


def _batch_seconds(encoder: Encoder) -> float:
    return GPU_BATCH_SECONDS if _on_gpu(encoder) else BATCH_SECONDS


def _on_gpu(encoder: Encoder) -> bool:
    return encoder.backend.device == "cuda"
