"""An ingest from its first folder to its last clip, and a worker that only embeds."""

from __future__ import annotations

from dataclasses import dataclass

from speaker_search.audio.decoders import Decoders
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.spaces import Space, count_clips, ensure_space
from speaker_search.encoders import Encoder
from speaker_search.ingest.report import Tally
from speaker_search.ingest.scan import Found, register_games
from speaker_search.ingest.worker import Progress, Worker
from speaker_search.sources import Archives


@dataclass(frozen=True, slots=True)
class Means:
    """What clips are embedded with."""

    catalog: Catalog
    encoder: Encoder
    archives: Archives
    processes: int  #: that decode
    on_progress: Progress


def take_in(found: Found, means: Means, *, retry_refused: bool = False, enqueue: bool = False) -> Tally:
    """Note every clip found, then embed all that wait for the encoder, unless they are only to be enqueued."""
    report, space = _begun(means)
    register_games(
        found,
        catalog=means.catalog,
        space_id=space.id,
        report=report,
        retry_refused=retry_refused,
        on_progress=means.on_progress,
    )
    if not enqueue:
        _embed(report, space, means, drain=True)
    return _ended(report, space, means)


def work(means: Means, *, drain: bool) -> Tally:
    """Embed clips that wait for the encoder: with `drain` until none is left, else until interrupted."""
    report, space = _begun(means)
    _embed(report, space, means, drain=drain)
    return _ended(report, space, means)


def _begun(means: Means) -> tuple[Tally, Space]:
    encoder = means.encoder
    space = ensure_space(means.catalog, space=encoder.space, name=encoder.name, dim=encoder.dim)
    return Tally(encoder=encoder.space, computed_by=f"{encoder.backend.name}: {encoder.backend.reason}"), space


def _embed(report: Tally, space: Space, means: Means, *, drain: bool) -> None:
    with means.catalog.read() as connection:
        report.pending = report.queued = count_clips(connection, space.id).pending
    report.embedding = True
    means.on_progress(report)
    processes = max(1, min(means.processes, report.queued)) if drain else means.processes
    with Decoders(processes) as decoders:
        Worker(means.catalog, space, means.encoder, decoders, means.archives, report, means.on_progress).run(
            drain=drain
        )


def _ended(report: Tally, space: Space, means: Means) -> Tally:
    with means.catalog.read() as connection:
        report.catalog = count_clips(connection, space.id)
    report.pending = report.catalog.pending
    means.on_progress(report)
    return report
