"""A step's sounds: decoded by the project's decoders, cropped and changed in processes beside the training."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from speaker_search.audio.decoders import Decoders
from speaker_search.documents.models.trained import Recipe
from speaker_search.entities import Floats, Ids, Waveform
from speaker_search.errors import AudioError, NotFoundError, UsageError
from speaker_search.training.augmentation import heard
from speaker_search.training.draws import SOUND, Drawing, crop_samples
from speaker_search.training.training_plan import Side

AHEAD = 3  # steps whose sounds are prepared while one is computed

Find = Callable[[int], Path | bytes]


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """The sounds of a step, or this process's share of them. Clips that cannot be read are missing."""

    samples: Floats  # (m, n)
    speakers: Ids  # (m,)


class Sounds:
    """The clips of one side, read and changed. Counts those that cannot be read."""

    def __init__(self, side: Side, recipe: Recipe, find: Find, *, processes: int) -> None:
        """`find` gives a clip's file or its bytes, by id, or raises NotFoundError or AudioError."""
        self._side, self._recipe, self._find = side, recipe, find
        self._drawing = Drawing.of(side.speakers)
        self._decoders = Decoders(processes)
        spawning = multiprocessing.get_context("spawn")  # a fork would copy torch's locked threads
        self._changers = ProcessPoolExecutor(processes, spawning, _obey_parent) if recipe.augment else None
        self._steps = ThreadPoolExecutor(AHEAD, "steps")
        self._coming: dict[int, Future[Batch]] = {}
        self.unreadable: dict[int, str] = {}  #: why, by clip id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._steps.shutdown(wait=False, cancel_futures=True)
        self._decoders.close()
        if self._changers is not None:
            self._changers.shutdown(cancel_futures=True)
        self._steps.shutdown()

    @property
    def reasons(self) -> dict[str, int]:
        """How many clips cannot be read, by reason."""
        known = self.unreadable.copy()  # steps are being prepared meanwhile
        return dict(sorted(Counter(known.values()).items()))

    def of_step(self, step: int, share: slice) -> Batch:
        """The sounds of a step, of those places that are this process's share; the next steps' are begun."""
        for number in range(step, min(step + AHEAD, self._recipe.steps)):
            if number not in self._coming:
                self._coming[number] = self._steps.submit(self._prepare, number, share)
        try:
            return self._coming.pop(step).result()
        except BrokenExecutor as error:
            raise UsageError(
                "A process that changes sounds was killed, perhaps because the memory ran out.",
                "Go on with --resume and fewer --workers.",
            ) from error

    def whole(self, clips: Ids) -> list[Waveform | None]:
        """Whole clips by id, as they are; None for one that cannot be read."""
        return [
            self._waveform(id_, decoding) for id_, decoding in zip(clips.tolist(), self._decode(clips), strict=True)
        ]

    def _prepare(self, step: int, share: slice) -> Batch:
        rows, length = self._drawing.rows(self._recipe, step), crop_samples(self._recipe, step)
        places = np.arange(len(rows))[share]
        decoding = self._decode(self._side.ids[rows[places]])
        found: list[Floats | Future[Floats]] = []
        speakers: list[int] = []
        for place, one in zip(places.tolist(), decoding, strict=True):
            row = int(rows[place])
            waveform = self._waveform(int(self._side.ids[row]), one)
            if waveform is not None:
                found.append(self._changed(waveform.samples, length, (self._recipe.seed, SOUND, step, place)))
                speakers.append(int(self._side.speakers[row]))
        samples = [one.result() if isinstance(one, Future) else one for one in found]
        return Batch(np.array(samples, np.float32).reshape(-1, length), np.array(speakers, np.int64))

    def _changed(self, samples: Floats, length: int, seed: tuple[int, ...]) -> Floats | Future[Floats]:
        if self._changers is None:
            return heard(samples, length, self._recipe, seed)
        return self._changers.submit(heard, samples, length, self._recipe, seed)

    def _decode(self, clips: Ids) -> Sequence[Future[Waveform]]:
        return [self._begun(id_) for id_ in clips.tolist()]

    def _begun(self, id_: int) -> Future[Waveform]:
        try:
            return self._decoders.submit(self._find(id_))
        except (NotFoundError, AudioError) as error:
            failed: Future[Waveform] = Future()
            failed.set_exception(error)
            return failed

    def _waveform(self, id_: int, decoding: Future[Waveform]) -> Waveform | None:
        try:
            return decoding.result()
        except AudioError as error:
            self.unreadable[id_] = str(error.reason)
        except NotFoundError:
            self.unreadable[id_] = "missing"
        return None


def _obey_parent() -> None:
    """Leave Ctrl-C to the process that started this one, and end when that is killed: the queue would wait forever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait, args=([parent.sentinel],), daemon=True).start()


def _wait(sentinels: Iterable[int]) -> None:
    connection.wait(list(sentinels))
    os._exit(1)
