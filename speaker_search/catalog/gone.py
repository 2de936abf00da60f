"""Clips whose files are there no more: kept until a person asks to forget them."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete, select, update

from speaker_search.catalog.chunks import IDS_PER_STATEMENT, chunks
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embedding import lock_spaces, raise_revision, remove_embeddings
from speaker_search.catalog.known import KnownClips
from speaker_search.catalog.tables import clips, copies, unembedded


def settle_unmet(connection: Connection, known: KnownClips, is_there: Callable[[str], bool]) -> int:
    """What becomes of clips that the scan did not meet: how many of them are gone.

    Where a file is there all the same nothing happens. A clip of which another file of the same audio is there goes on
    under that file's address. Rows of the index whose file was missing before and has been found since, under another
    name, are dropped. The rest is marked as gone.
    """
    unmet = [clip for clip in known.unmet() if clip.size < 0 or not is_there(clip.path)]
    found = [clip.id for clip in unmet if not clip.copy and clip.size < 0]
    for ids in chunks(found, IDS_PER_STATEMENT):
        connection.execute(delete(unembedded).where(unembedded.c.clip_id.in_(ids)))
        connection.execute(delete(clips).where(clips.c.id.in_(ids)))
    for path in [clip.path for clip in unmet if clip.copy]:
        connection.execute(delete(copies).where(copies.c.root_id == known.root_id, copies.c.path == path))
    gone = {clip.id for clip in unmet if not clip.copy and clip.size >= 0}
    for ids in chunks(sorted(gone), IDS_PER_STATEMENT):
        for copy in connection.execute(select(copies).where(copies.c.clip_id.in_(ids))).all():
            if copy.clip_id in gone:
                gone.remove(copy.clip_id)
                connection.execute(delete(copies).where(copies.c.root_id == copy.root_id, copies.c.path == copy.path))
                address = {"root_id": copy.root_id, "path": copy.path, "size": copy.size, "mtime_ns": copy.mtime_ns}
                connection.execute(update(clips).where(clips.c.id == copy.clip_id).values(**address, gone=False))
    for ids in chunks(sorted(gone), IDS_PER_STATEMENT):
        connection.execute(update(clips).where(clips.c.id.in_(ids), ~clips.c.gone).values(gone=True))
    for ids in chunks(known.back(), IDS_PER_STATEMENT):
        connection.execute(update(clips).where(clips.c.id.in_(ids)).values(gone=False))
    return len(gone)


def forget_gone(catalog: Catalog) -> int:
    """Delete the clips that are gone, with their embeddings; how many. Characters and their verdicts stay."""
    forgotten = 0
    while True:
        with catalog.write() as connection:
            lock_spaces(connection)
            ids = connection.execute(select(clips.c.id).where(clips.c.gone).limit(IDS_PER_STATEMENT)).scalars().all()
            if not ids:
                return forgotten
            remove_embeddings(connection, ids)
            connection.execute(delete(unembedded).where(unembedded.c.clip_id.in_(ids)))
            connection.execute(delete(copies).where(copies.c.clip_id.in_(ids)))
            connection.execute(delete(clips).where(clips.c.id.in_(ids)))
            raise_revision(connection)
            forgotten += len(ids)
