"""The folders that ingests may be asked for: below those that the server's settings allow, and nowhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from speaker_search.documents import Folder, Folders, Ingest
from speaker_search.entities import ObjectPath, Place, is_within, place_at
from speaker_search.errors import UsageError
from speaker_search.library import Library

MOST_FOLDERS = 1_000  # listed of one folder
MOST_LOOKED_AT = 100_000  # entries of one folder, since it may hold a whole game's sounds


def allowed(path: str, roots: Sequence[Place]) -> Place:
    """The path without symlinks, if it is in one of the roots. Raises UsageError for every other one."""
    if not roots:
        raise UsageError(
            "This server has no folders to ingest from.", "Set SPKSEARCH_INGEST_ROOTS to folders that it may read."
        )
    place = _resolved(path)
    # The same answer for paths that do not exist: a client must not learn what exists elsewhere.
    if place is None or not _within(place, roots):
        what = "The address" if "@" in path and "://" in path else path  # one that may hold a secret is not repeated
        raise UsageError(
            f"{what} is not in a folder of SPKSEARCH_INGEST_ROOTS.",
            "Give an absolute path, or an address, in one of them.",
        )
    return place


def _resolved(path: str) -> Place | None:
    """A path without symlinks, or an address; None for what is neither."""
    place = place_at(path.rstrip("/") if "://" in path else path)
    if isinstance(place, ObjectPath):
        return None if {"", ".", ".."} & set(place.parts) else place
    try:
        return place.resolve() if place.is_absolute() else None
    except (OSError, ValueError, RuntimeError):  # a NUL, or a loop of links
        return None


def listed(
    path: str | None,
    roots: Sequence[Place],
    stored: Callable[[ObjectPath], list[str]] = Library.stored_folders,
    *,
    most: int = MOST_FOLDERS,
) -> Folders:
    """Up to `most` of the folders in one of those allowed, or without a path the roots themselves.

    `stored` lists those in a folder in object storage. Hidden ones are left out, and links that lead out of the roots.

    Raises UsageError for a path that is not allowed or cannot be read.
    """
    if path is None:
        return Folders(path=None, parent=None, folders=[_folder(root) for root in roots], complete=True)
    place = allowed(path, roots)
    if isinstance(place, ObjectPath):
        names = stored(place)
        inside = [_folder(place / name) for name in names[:most] if not name.startswith(".")]
        above = None if place in roots else str(place.parent)
        return Folders(path=str(place), parent=above, folders=inside, complete=len(names) <= most)
    found: list[Path] = []
    complete = True
    try:
        with os.scandir(place) as entries:
            for number, entry in enumerate(entries):
                if number >= MOST_LOOKED_AT:
                    complete = False
                    break
                if not entry.name.startswith(".") and entry.is_dir() and _leads_within(entry, roots):
                    found.append(place / entry.name)
    except NotADirectoryError as error:
        raise UsageError(f"{place} is not a folder.", "Give a folder.") from error
    except OSError as error:
        raise UsageError(f"{place} cannot be read: {error.strerror}.", "Check its permissions.") from error
    found.sort(key=lambda folder: folder.name.casefold())
    parent = None if place in roots else str(place.parent)
    shown = [_folder(folder) for folder in found[:most]]
    return Folders(path=str(place), parent=parent, folders=shown, complete=complete and len(found) <= most)


def without_places(ingest: Ingest, roots: Sequence[Place]) -> Ingest:
    """An ingest as those who may only read see it: its folders by their names alone, wherever they are named."""
    text = ingest.model_dump_json()
    known = [(path, place_at(path).name) for path in ingest.paths]
    known += [(f"{root}{'/' if isinstance(root, ObjectPath) else os.sep}", "") for root in roots]
    known += [(str(root), root.name) for root in roots]
    for place, name in sorted(known, key=lambda one: -len(one[0])):
        text = text.replace(json.dumps(place, ensure_ascii=False)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1])
    return Ingest.model_validate_json(text)


def _folder(path: Place) -> Folder:
    return Folder(name=path.name or str(path), path=str(path))


def _leads_within(entry: os.DirEntry[str], roots: Sequence[Place]) -> bool:
    return not entry.is_symlink() or _within(Path(entry.path).resolve(), roots)


def _within(path: Place, roots: Sequence[Place]) -> bool:
    return any(is_within(path, root) for root in roots)
