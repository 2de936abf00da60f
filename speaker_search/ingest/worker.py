"""Pending clips -> embeddings in the catalog: what a worker does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from speaker_search import logs
from speaker_search.audio.decoders import Decoders
from speaker_search.catalog import outcomes, queue
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.duplicates import known_vectors
from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.queue import Claims
from speaker_search.catalog.spaces import Space
from speaker_search.encoders import Encoder
from speaker_search.entities import Floats, Refusal, Waveform
from speaker_search.errors import AudioError
from speaker_search.ingest import processes
from speaker_search.ingest.lease import leased
from speaker_search.ingest.patience import patiently
from speaker_search.ingest.report import Tally
from speaker_search.ingest.windows import Found, portions, sizes_for, windows
from speaker_search.sources import Archives
from speaker_search.sources.places import was_away, why_away

ABSENT = (Refusal.MISSING, Refusal.UNREADABLE)
IDLE_S = 2.0  # between polls while nothing can be claimed

Progress = Callable[[Tally], None]


@dataclass(slots=True)
class Worker:
    """Embeds the pending clips of a space."""

    catalog: Catalog
    space: Space
    encoder: Encoder
    decoders: Decoders
    archives: Archives
    report: Tally
    on_progress: Progress
    _deferred: int = 0  # clips still claimed whose folder or drive is missing

    def run(self, *, drain: bool) -> None:
        """Embed pending clips; unreadable ones are refused with a reason.

        With `drain`, return when no clip is left, not even one claimed by another worker; otherwise run until
        interrupted. Each portion is stored in one transaction as soon as it is embedded, and the next is decoded
        meanwhile. A kill loses only the unstored portions, which the next worker claims again.
        """
        with leased(self.catalog, self.space.id) as claims:
            logs.event("worker begins", worker=claims.worker, encoder=self.space.name)
            while True:
                patiently(lambda: queue.release(self.catalog, processes.is_dead), self._waiting)
                self._deferred = 0
                self._embed_all(claims)
                left, claimed = patiently(self._left, self._waiting)
                if drain and left == self._deferred:
                    logs.event("worker is done", worker=claims.worker, left=left)
                    return
                if left:  # some may be ours: deferred, or claimed by a transaction whose answer was lost
                    patiently(claims.give_back, self._waiting)
                self.report.queued = self.report.opened + left
                if left == claimed:  # nothing to claim until other workers finish or die, or a drive comes back
                    time.sleep(IDLE_S)

    def _embed_all(self, claims: Claims) -> None:
        """Embed until nothing can be claimed."""
        began, before = time.monotonic(), self.report.elapsed_s

        def claim(limit: int) -> list[queue.ClaimedClip]:
            return patiently(lambda: claims.claim(limit), self._waiting)

        decoding: list[_Decoding] = []
        try:
            sizes = sizes_for(self.encoder.backend)
            with closing(windows(claim, self.archives, self.decoders, sizes)) as coming:
                for portion in (portion for window in coming for portion in portions(window, sizes.portion_s)):
                    following = [_Decoding(found, self._decode(found)) for found in portion]
                    decoding, ready = following, decoding
                    self._finish(ready, claims)
                    self.report.elapsed_s = before + time.monotonic() - began
                    self.on_progress(self.report)
            self._finish(decoding, claims)
        finally:
            for one in decoding:
                one.waveform.cancel()
            self.report.elapsed_s = before + time.monotonic() - began
            self.on_progress(self.report)

    def _decode(self, found: Found) -> Future[Waveform]:
        if not isinstance(found.source, AudioError):
            return self.decoders.submit(found.source)
        refused: Future[Waveform] = Future()
        refused.set_exception(found.source)
        return refused

    def _finish(self, portion: Sequence[_Decoding], claims: Claims) -> None:
        """Embed a portion and store what became of each clip."""
        if not portion:
            return
        began = time.monotonic()
        patiently(lambda: claims.take_in_hand([one.found.clip.id for one in portion]), self._waiting)
        decoded: list[tuple[Found, Waveform]] = []
        refused: list[tuple[Found, AudioError]] = []
        for one in portion:
            try:
                decoded.append((one.found, one.waveform.result()))
            except AudioError as refusal:
                refused.append((one.found, refusal))
        refused = self._defer_missing_roots(refused)
        self.report.opened += len(decoded) + len(refused)
        results = [
            Outcome(found.clip.id, refusal=why.reason, detail=str(why), file=found.clip.file) for found, why in refused
        ]
        vectors = self._vectors([waveform for _, waveform in decoded])
        for (found, waveform), vector in zip(decoded, vectors, strict=True):
            results.append(self._outcome(found, waveform, vector))
        stored = patiently(lambda: outcomes.store(self.catalog, self.space.id, results), self._waiting)
        self.report.merged += stored.merged
        embedded = [outcome for outcome in stored.kept if outcome.refusal is None]
        logs.event(
            "portion",
            worker=claims.worker,
            clips=len(embedded),
            refused=len(stored.kept) - len(embedded),
            audio_s=round(math.fsum(outcome.seconds or 0.0 for outcome in embedded), 1),
            ms=round(1000 * (time.monotonic() - began), 1),
        )
        for outcome in stored.kept:
            if outcome.refusal is not None:
                self.report.refused[str(outcome.refusal)] += 1
            else:
                self.report.embedded += 1
                self.report.audio_seconds += outcome.seconds or 0.0

    def _outcome(self, found: Found, waveform: Waveform, vector: Floats) -> Outcome:
        clip, seconds, sound = found.clip, waveform.seconds, waveform.fingerprint
        if np.isfinite(vector).all():
            return Outcome(clip.id, seconds, vector, file=clip.file, fingerprint=sound)
        detail = f"{self.encoder.name} found no speech in it."
        return Outcome(clip.id, seconds, None, Refusal.NO_SPEECH, detail, clip.file, sound)

    def _vectors(self, waveforms: Sequence[Waveform]) -> list[Floats]:
        """Each waveform's vector (dim,): reused if the space has one of the same audio, otherwise embedded now."""
        if not waveforms:
            return []

        def look_up() -> dict[bytes, Floats]:
            with self.catalog.read() as connection:
                return known_vectors(connection, self.space, [waveform.fingerprint for waveform in waveforms])

        known = patiently(look_up, self._waiting)
        new = [waveform.samples for waveform in waveforms if waveform.fingerprint not in known]
        rows = iter(self.encoder.embed(new) if new else ())  # (N, dim)
        return [known[waveform.fingerprint] if waveform.fingerprint in known else next(rows) for waveform in waveforms]

    def _defer_missing_roots(self, refused: list[tuple[Found, AudioError]]) -> list[tuple[Found, AudioError]]:
        """Leave out clips whose root is missing, such as an unplugged drive: they are not refused but stay pending."""
        roots = {found.clip.root for found, why in refused if why.reason in ABSENT}
        missing = {root: why for root in roots if (why := why_away(root)) is not None}
        for (
            found,
            refusal,
        ) in refused:  # its store may answer now, but it did not when the clip was fetched, minutes ago
            if (away := was_away(refusal)) is not None:
                missing.setdefault(found.clip.root, away)
        for root, why in sorted(missing.items(), key=str):
            self.report.problem(f"{root} {why}: its clips stay pending until the next ingest.")
        kept = [(found, why) for found, why in refused if why.reason not in ABSENT or found.clip.root not in missing]
        self._deferred += len(refused) - len(kept)
        return kept

    def _left(self) -> tuple[int, int]:
        with self.catalog.read() as connection:
            return queue.left(connection, self.space.id)

    def _waiting(self, error: Exception) -> None:
        logs.event("waiting for the database", level="warning")
        self.report.waiting_for = str(error)
        self.on_progress(self.report)
        self.report.waiting_for = ""


@dataclass(frozen=True, slots=True)
class _Decoding:
    """A clip being decoded."""

    found: Found
    waveform: Future[Waveform]
