"""Folders -> pending clips in the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.registering import register
from speaker_search.entities import Refusal
from speaker_search.errors import SourceError
from speaker_search.ingest.report import IngestReport
from speaker_search.sources import Candidate, GameFolder, Layout, Route, scan

UNREGISTERED = frozenset({Route.REPEATED, Route.MALFORMED})  # rows that stand for no clip of their own


def find_games(
    paths: Sequence[Path], *, layout: Layout | None, maker: str | None, title: str | None
) -> list[GameFolder]:
    """The game folders in all the paths. Raises SourceError for a path that holds none, before anything is written."""
    return [folder for path in paths for folder in scan(path, layout=layout, maker=maker, title=title)]


def register_games(
    folders: Sequence[GameFolder],
    *,
    catalog: Catalog,
    encoder_id: int,
    report: IngestReport,
    retry_refused: bool = False,
    on_progress: Callable[[IngestReport], None] = lambda _: None,
) -> None:
    """Write down every clip of the folders, known ones dropped without opening a file.

    A folder that cannot be read is noted in the report, and the others go on; when none can, SourceError is raised.
    """
    for folder in folders:
        try:
            counts = register(
                catalog,
                encoder_id,
                root=folder.root,
                maker=folder.maker,
                title=folder.title,
                candidates=_counted(folder, report),
                retry_refused=retry_refused,
            )
        except SourceError as error:
            if len(folders) == 1:
                raise
            report.problem(str(error))
            continue
        report.games += 1
        report.new += counts.new
        if counts.missing:
            report.refused[str(Refusal.MISSING)] += counts.missing
        report.known += counts.known
        report.changed += counts.changed
        report.relabelled += counts.relabelled
        report.gone += counts.gone
        on_progress(report)
    if folders and not report.games:
        raise SourceError("None of the game folders could be read.", " ".join(report.problems[:3]))


def preview(folders: Sequence[GameFolder], report: IngestReport) -> Iterator[tuple[GameFolder, list[Candidate]]]:
    """Each folder with its candidates, counted into the report; nothing is written."""
    for folder in folders:
        try:
            candidates = list(_counted(folder, report))
        except SourceError as error:
            report.problem(str(error))
            continue
        report.games += 1
        yield folder, candidates


def _counted(folder: GameFolder, report: IngestReport) -> Iterator[Candidate]:
    for candidate in folder.candidates():
        report.routes[str(candidate.route)] += 1
        if candidate.route not in UNREGISTERED:
            yield candidate
