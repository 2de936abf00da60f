"""Pending clips -> embeddings in the catalog."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from speaker_search import audio
from speaker_search.catalog import embedding as catalog_embedding
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embedding import Outcome, PendingClip
from speaker_search.encoders import Encoder
from speaker_search.entities import Refusal, Waveform
from speaker_search.errors import AudioError
from speaker_search.ingest.report import IngestReport

WINDOW_CLIPS = 128  # decoded together and stored in one transaction; two windows of 60 s clips take 1 GiB

ABSENT = (Refusal.MISSING, Refusal.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A claimed clip with its audio, or with the reason why there is none."""

    clip: PendingClip
    waveform: Waveform | None
    refusal: AudioError | None


def embed_pending(
    *,
    catalog: Catalog,
    encoder_id: int,
    encoder: Encoder,
    report: IngestReport,
    threads: int,
    on_progress: Callable[[IngestReport], None] = lambda _: None,
) -> None:
    """Embed every clip that waits for the encoder; unreadable clips are refused with a reason.

    Each window of clips is stored in one transaction as soon as it is embedded: killed at any moment, what is lost is
    the window in hand, which the next run takes up again. The next window is decoded while one is embedded.
    """
    began = time.monotonic()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        decoding: list[Future[Decoded]] = []
        try:
            for window in _windows(catalog, encoder_id):
                following = [pool.submit(_decode, clip) for clip in window]
                decoding, ready = following, decoding
                _finish(ready, catalog, encoder_id, encoder, report)
                report.elapsed_s = time.monotonic() - began
                on_progress(report)
            _finish(decoding, catalog, encoder_id, encoder, report)
        finally:
            for future in decoding:
                future.cancel()
    report.elapsed_s = time.monotonic() - began
    on_progress(report)


def _windows(catalog: Catalog, encoder_id: int) -> Iterator[list[PendingClip]]:
    """All pending clips by id, a window at a time."""
    last = 0
    while True:
        with catalog.read() as connection:
            window = catalog_embedding.pending(connection, encoder_id, after=last, limit=WINDOW_CLIPS)
        if not window:
            return
        last = window[-1].id
        yield window


def _decode(clip: PendingClip) -> Decoded:
    try:
        return Decoded(clip, audio.read(clip.path), None)
    except AudioError as refusal:
        return Decoded(clip, None, refusal)


def _finish(
    decoding: Sequence[Future[Decoded]],
    catalog: Catalog,
    encoder_id: int,
    encoder: Encoder,
    report: IngestReport,
) -> None:
    """Embed a window and store what became of each clip."""
    window = [future.result() for future in decoding]
    away = {
        root
        for root in {one.clip.root for one in window if one.refusal and one.refusal.reason in ABSENT}
        if not root.is_dir()
    }
    if away:
        # A drive that is not there says nothing about its clips.
        for root in sorted(away):
            report.problem(f"{root} is not there: its clips wait for the next ingest.")
        window = [one for one in window if one.refusal is None or one.clip.root not in away]
    report.opened += len(window)
    heard = [(decoded.clip, decoded.waveform) for decoded in window if decoded.waveform is not None]
    vectors = encoder.embed([waveform.samples for _, waveform in heard])  # (N, dim)
    outcomes = [
        Outcome(decoded.clip.id, refusal=decoded.refusal.reason, detail=str(decoded.refusal), file=decoded.clip.file)
        for decoded in window
        if decoded.refusal is not None
    ]
    for (clip, waveform), vector in zip(heard, vectors, strict=True):
        if np.isfinite(vector).all():
            outcomes.append(Outcome(clip.id, waveform.seconds, vector, file=clip.file))
        else:
            detail = f"{encoder.name} heard no speech in it."
            outcomes.append(
                Outcome(clip.id, waveform.seconds, refusal=Refusal.NO_SPEECH, detail=detail, file=clip.file)
            )
    for outcome in catalog_embedding.store(catalog, encoder_id, outcomes):
        if outcome.refusal is not None:
            report.refused[str(outcome.refusal)] += 1
        else:
            report.embedded += 1
            report.audio_seconds += outcome.seconds or 0.0
