"""An ingest from its first folder to its last clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embedding import count_clips
from speaker_search.catalog.registering import ensure_space
from speaker_search.encoders import Encoder
from speaker_search.ingest.embedding import embed_pending
from speaker_search.ingest.report import IngestReport
from speaker_search.ingest.scanning import register_games
from speaker_search.sources import GameFolder


def take_in(
    folders: Sequence[GameFolder],
    *,
    catalog: Catalog,
    encoder: Encoder,
    threads: int,
    retry_refused: bool = False,
    enqueue: bool = False,
    on_progress: Callable[[IngestReport], None] = lambda _: None,
) -> IngestReport:
    """Note every clip of the folders, then embed all that wait for the encoder, unless they are only to be enqueued."""
    encoder_id = ensure_space(catalog, space=encoder.space, name=encoder.name, dim=encoder.dim)
    report = IngestReport(encoder=encoder.space, computed_by=f"{encoder.path.name}: {encoder.path.reason}")
    register_games(
        folders,
        catalog=catalog,
        encoder_id=encoder_id,
        report=report,
        retry_refused=retry_refused,
        on_progress=on_progress,
    )
    with catalog.read() as connection:
        report.pending = report.queued = count_clips(connection, encoder_id).pending
    on_progress(report)
    if not enqueue:
        embed_pending(
            catalog=catalog,
            encoder_id=encoder_id,
            encoder=encoder,
            report=report,
            threads=threads,
            on_progress=on_progress,
        )
    with catalog.read() as connection:
        report.catalog = count_clips(connection, encoder_id)
    report.pending = report.catalog.pending
    return report
