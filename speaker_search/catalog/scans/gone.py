"""Clips whose files are gone: kept until a person asks to forget them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, delete, select, update

from speaker_search.catalog import log
from speaker_search.catalog.clips import lock_clips
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import delete_embeddings
from speaker_search.catalog.rows import chunks, stream
from speaker_search.catalog.scans.known_clips import KnownClip, KnownClips
from speaker_search.catalog.tables import clips, copies, queue, roots
from speaker_search.entities import Place, is_within, place_at
from speaker_search.errors import NotFoundError

IsThere = Callable[[Place, str], bool]  #: whether a folder or archive holds a file of this name


@dataclass(frozen=True, slots=True)
class Unseen:
    """What a scan did not see where the catalog has it."""

    copies: list[str]  #: paths of copies
    missing: list[int]  #: clips whose file was missing before: the scan found it under another name
    gone: set[int]  #: clips with no file left
    moved: dict[int, tuple[int, str]]  #: clips whose own file is gone, and the root and path of a copy that is there
    back: list[int]  #: clips that were gone and have been seen again


def find_unseen(catalog: Catalog, root: Place, known: KnownClips, is_there: IsThere) -> Unseen:
    """Sort what the scan of a root did not see; a clip whose file exists nevertheless is left out."""
    left: list[KnownClip] = [clip for clip in known.unseen() if clip.size < 0 or not is_there(root, clip.path)]
    unseen = {clip.path for clip in left}

    def remains(root_id: int, path: str, name: str) -> bool:
        if root_id == known.root_id and (name in unseen or known.seen(name)):
            return name not in unseen
        return is_there(place_at(path), name)

    gone, moved = _remaining(catalog, {clip.id for clip in left if clip.copy or clip.size >= 0}, remains)
    missing = [clip.id for clip in left if not clip.copy and clip.size < 0]
    return Unseen([clip.path for clip in left if clip.copy], missing, gone, moved, known.back())


def _remaining(
    catalog: Catalog, clip_ids: set[int], remains: Callable[[int, str, str], bool]
) -> tuple[set[int], dict[int, tuple[int, str]]]:
    """The clips with no file left, and those with a copy left, each with the copy's root and path.

    `remains` says whether a file does, by the id and path of its root and its name there.
    """
    gone: set[int] = set()
    moved: dict[int, tuple[int, str]] = {}
    for id_, places in _places(catalog, clip_ids).items():
        there = [(at, name) for at, path, name in places if remains(at, path, name)]
        own = places[0][0], places[0][2]
        if not there:
            gone.add(id_)
        elif own not in there:
            moved[id_] = there[0]
    return gone, moved


def _places(catalog: Catalog, clip_ids: set[int]) -> dict[int, list[tuple[int, str, str]]]:
    """Where clips are: the id and path of a root and the name in it, each clip's own place first."""
    found: dict[int, list[tuple[int, str, str]]] = {}
    with catalog.read() as connection:
        for table, key in ((clips, clips.c.id), (copies, copies.c.clip_id)):
            for ids in chunks(sorted(clip_ids)):
                query = select(key, roots.c.id, roots.c.path, table.c.path).join_from(table, roots).where(key.in_(ids))
                for id_, *place in connection.execute(query):
                    found.setdefault(id_, []).append((place[0], place[1], place[2]))
    return found


def store_unseen(connection: Connection, root_id: int, found: Unseen) -> int:
    """Update the catalog with what the scan did not see; returns how many clips are gone.

    A clip with a copy that still exists moves to the copy's path. Index rows whose file was missing and has since been
    found under another name are deleted. The remaining clips are marked as gone.
    """
    locked = lock_clips(connection, found.gone | found.moved.keys() | {*found.missing, *found.back})
    # Another scan may have found the file, and a worker may have embedded it, since this one read the catalog.
    still_missing = [id_ for id_ in found.missing if id_ in locked and locked[id_].size < 0]
    for ids in chunks(still_missing):
        connection.execute(delete(queue).where(queue.c.clip_id.in_(ids)))
        connection.execute(delete(clips).where(clips.c.id.in_(ids)))
    for paths in chunks(found.copies):
        connection.execute(delete(copies).where(copies.c.root_id == root_id, copies.c.path.in_(paths)))
    gone = set(found.gone)
    for id_, (there, path) in found.moved.items():
        taken = delete(copies).where(copies.c.root_id == there, copies.c.path == path, copies.c.clip_id == id_)
        place = connection.execute(taken.returning(copies.c.size, copies.c.mtime_ns)).first()
        if place is None:  # another scan has made the copy a separate clip in the meantime
            gone.add(id_)
        else:
            values = {"root_id": there, "path": path, "size": place.size, "mtime_ns": place.mtime_ns}
            connection.execute(update(clips).where(clips.c.id == id_).values(**values, gone=False))
    for ids in chunks(found.back):
        connection.execute(update(clips).where(clips.c.id.in_(ids)).values(gone=False))
    for ids in chunks(sorted(gone)):
        connection.execute(update(clips).where(clips.c.id.in_(ids), ~clips.c.gone).values(gone=True))
    return len(gone)


def mark_gone(catalog: Catalog, folder: Place, is_there: IsThere) -> None:
    """Mark the clips below a folder or in an archive whose files are gone, except those with a copy that exists.

    The folder itself may be there: it was emptied, or a drive is not mounted on it. Rows whose file was missing before
    are marked when no file of their root is left there. Raises NotFoundError when the catalog has nothing from it.
    """
    with catalog.read() as connection:
        places = connection.execute(select(roots.c.id, roots.c.path)).all()
    found = [
        _mark_in_root(catalog, root_id, place_at(path), below, is_there)
        for root_id, path in places
        if (below := _below(place_at(path), folder)) is not None
    ]
    if not any(found):
        raise NotFoundError(
            f"The catalog has no clips from {folder}.",
            "`spksearch catalog show CHARACTER` lists the files of a character's clips.",
        )


def _below(root: Place, folder: Place) -> str | None:
    """What the names of a root's files in a folder begin with; None when the root has none there."""
    if is_within(root, folder):
        return ""
    return f"{folder.as_posix()[len(root.as_posix()) :].lstrip('/')}/" if is_within(folder, root) else None


def _mark_in_root(catalog: Catalog, root_id: int, root: Place, below: str, is_there: IsThere) -> bool:
    """Whether the catalog has anything below there. What is gone of it is marked."""
    own, others = clips.c, copies.c
    with catalog.read() as connection:
        named = connection.execute(select(own.id, own.path, own.size).where(own.root_id == root_id)).all()
        copied = connection.execute(select(others.clip_id, others.path).where(others.root_id == root_id)).all()
    files = {name: id_ for id_, name, size in named if size >= 0 and name.startswith(below)}
    again = {name: id_ for id_, name in copied if name.startswith(below)}
    missing = {id_ for id_, name, size in named if size < 0 and name.startswith(below)}
    left = [name for name in (*files, *again) if not is_there(root, name)]
    lost = {(files.get(name) or again[name]) for name in left}
    if len(left) == len(files) + len(again):
        lost |= missing
    gone, moved = _remaining(catalog, lost, lambda _, path, name: is_there(place_at(path), name))
    found = Unseen([name for name in left if name in again], [], gone, moved, [])
    catalog.transact(partial(store_unseen, root_id=root_id, found=found))
    return bool(files or again or missing)


def forget_gone(catalog: Catalog) -> int:
    """Delete the clips that are gone, with their embeddings; returns how many. Characters and their verdicts stay."""
    forgotten = 0
    with catalog.read() as connection:
        found = stream(connection, select(clips.c.id).where(clips.c.gone))
        gone = [row.id for part in found for row in part]
    for ids in chunks(sorted(gone)):
        forgotten += catalog.transact(partial(_forget_some, clip_ids=set(ids)))
    return forgotten


def _forget_some(connection: Connection, clip_ids: set[int]) -> int:
    locked = lock_clips(connection, clip_ids)
    ids = [clip.id for clip in locked.values() if clip.gone]  # a scan may have found some before they were locked
    entries = log.removals(connection, ids)
    delete_embeddings(connection, ids)
    connection.execute(delete(queue).where(queue.c.clip_id.in_(ids)))
    connection.execute(delete(copies).where(copies.c.clip_id.in_(ids)))
    connection.execute(delete(clips).where(clips.c.id.in_(ids)))
    log.append(connection, entries)
    return len(ids)
