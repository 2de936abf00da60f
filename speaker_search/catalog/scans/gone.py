"""Clips whose files are gone: kept until a person asks to forget them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from speaker_search.catalog import log
from speaker_search.catalog.clips import lock_clips
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import delete_embeddings
from speaker_search.catalog.rows import IDS_PER_STATEMENT, chunks
from speaker_search.catalog.scans.known_clips import KnownClip, KnownClips
from speaker_search.catalog.tables import clips, copies, queue


@dataclass(frozen=True, slots=True)
class Unseen:
    """What a scan did not see where the catalog has it."""

    copies: list[str]  #: paths of copies
    missing: list[int]  #: clips whose file was missing before: the scan found it under another name
    gone: set[int]  #: clips whose file is gone
    back: list[int]  #: clips that were gone and have been seen again


def find_unseen(known: KnownClips, is_there: Callable[[str], bool]) -> Unseen:
    """Sort what the scan did not see; a clip whose file exists nevertheless is left out."""
    left: list[KnownClip] = [clip for clip in known.unseen() if clip.size < 0 or not is_there(clip.path)]
    return Unseen(
        copies=[clip.path for clip in left if clip.copy],
        missing=[clip.id for clip in left if not clip.copy and clip.size < 0],
        gone={clip.id for clip in left if not clip.copy and clip.size >= 0},
        back=known.back(),
    )


def store_unseen(connection: Connection, root_id: int, found: Unseen) -> int:
    """Update the catalog with what the scan did not see; returns how many clips are gone.

    A clip with a copy that still exists moves to the copy's path. Index rows whose file was missing and has since been
    found under another name are deleted. The remaining clips are marked as gone.
    """
    locked = lock_clips(connection, found.gone | {*found.missing, *found.back})
    # Another scan may have found the file, and a worker may have embedded it, since this one read the catalog.
    still_missing = [id_ for id_ in found.missing if id_ in locked and locked[id_].size < 0]
    for ids in chunks(still_missing):
        connection.execute(delete(queue).where(queue.c.clip_id.in_(ids)))
        connection.execute(delete(clips).where(clips.c.id.in_(ids)))
    for paths in chunks(found.copies):
        connection.execute(delete(copies).where(copies.c.root_id == root_id, copies.c.path.in_(paths)))
    gone = set(found.gone)
    for ids in chunks(sorted(gone)):
        for copy in connection.execute(select(copies).where(copies.c.clip_id.in_(ids))).all():
            here = (copies.c.root_id == copy.root_id) & (copies.c.path == copy.path)
            # Another scan may have made the copy a separate clip in the meantime.
            if copy.clip_id in gone and connection.execute(delete(copies).where(here)).rowcount:
                gone.remove(copy.clip_id)
                place = {"root_id": copy.root_id, "path": copy.path, "size": copy.size, "mtime_ns": copy.mtime_ns}
                connection.execute(update(clips).where(clips.c.id == copy.clip_id).values(**place, gone=False))
    for ids in chunks(sorted(gone)):
        connection.execute(update(clips).where(clips.c.id.in_(ids), ~clips.c.gone).values(gone=True))
    for ids in chunks(found.back):
        connection.execute(update(clips).where(clips.c.id.in_(ids)).values(gone=False))
    return len(gone)


def forget_gone(catalog: Catalog) -> int:
    """Delete the clips that are gone, with their embeddings; returns how many. Characters and their verdicts stay."""
    forgotten = 0
    while some := catalog.transact(_forget_some):
        forgotten += some
    return forgotten


def _forget_some(connection: Connection) -> int:
    first = select(clips.c.id).where(clips.c.gone).order_by(clips.c.id).limit(IDS_PER_STATEMENT)
    locked = lock_clips(connection, set(connection.execute(first).scalars()))
    ids = [clip.id for clip in locked.values() if clip.gone]  # a scan may have found some before they were locked
    entries = log.removals(connection, ids)
    delete_embeddings(connection, ids)
    connection.execute(delete(queue).where(queue.c.clip_id.in_(ids)))
    connection.execute(delete(copies).where(copies.c.clip_id.in_(ids)))
    connection.execute(delete(clips).where(clips.c.id.in_(ids)))
    log.append(connection, entries)
    return len(ids)
