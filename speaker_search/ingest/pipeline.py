"""A whole ingest, and a worker that only embeds."""

from __future__ import annotations

from dataclasses import dataclass

from speaker_search.audio.decoders import Decoders
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.scans.enqueue import enqueue_everything
from speaker_search.catalog.spaces import Space, count_clips, ensure_space
from speaker_search.encoders import Encoder
from speaker_search.ingest.report import Tally
from speaker_search.ingest.scan import Found, register_games
from speaker_search.ingest.worker import Progress, Worker
from speaker_search.sources import Archives


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that embedding clips needs."""

    catalog: Catalog
    encoder: Encoder
    archives: Archives
    processes: int  #: decoders
    on_progress: Progress


def ingest(found: Found, resources: Resources, *, retry_refused: bool = False, enqueue: bool = False) -> Tally:
    """Register every clip found, then embed all that are pending; with `enqueue`, only register."""
    report, space = _start(resources)
    register_games(
        found,
        catalog=resources.catalog,
        space_id=space.id,
        report=report,
        retry_refused=retry_refused,
        on_progress=resources.on_progress,
    )
    if not enqueue:
        _embed(report, space, resources, drain=True)
    return _finish(report, space, resources)


def embed_again(resources: Resources, *, retry_refused: bool = False, enqueue: bool = False) -> Tally:
    """Queue every clip that the encoder has not met, but for those without audio, then embed what is pending."""
    report, space = _start(resources)
    enqueue_everything(resources.catalog, space.id, retry_refused=retry_refused)
    if not enqueue:
        _embed(report, space, resources, drain=True)
    return _finish(report, space, resources)


def work(resources: Resources, *, drain: bool) -> Tally:
    """Embed pending clips: with `drain` until none is left, otherwise until interrupted."""
    report, space = _start(resources)
    _embed(report, space, resources, drain=drain)
    return _finish(report, space, resources)


def _start(resources: Resources) -> tuple[Tally, Space]:
    encoder = resources.encoder
    space = ensure_space(resources.catalog, space=encoder.space, name=encoder.name, dim=encoder.dim)
    return Tally(encoder=encoder.space, computed_by=f"{encoder.backend.name}: {encoder.backend.reason}"), space


def _embed(report: Tally, space: Space, resources: Resources, *, drain: bool) -> None:
    with resources.catalog.read() as connection:
        report.pending = report.queued = count_clips(connection, space.id).pending
    report.embedding = True
    resources.on_progress(report)
    processes = max(1, min(resources.processes, report.queued)) if drain else resources.processes
    with Decoders(processes) as decoders:
        worker = Worker(
            resources.catalog, space, resources.encoder, decoders, resources.archives, report, resources.on_progress
        )
        worker.run(drain=drain)


def _finish(report: Tally, space: Space, resources: Resources) -> Tally:
    with resources.catalog.read() as connection:
        report.catalog = count_clips(connection, space.id)
    report.pending = report.catalog.pending
    resources.on_progress(report)
    return report
