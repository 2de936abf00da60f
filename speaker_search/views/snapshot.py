"""The views of a space at one position of its change log: loaded, followed, folded, saved, rebuilt."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.spaces import Space
from speaker_search.entities import Ids
from speaker_search.errors import IndexUnusableError
from speaker_search.views import changes, characters, storage
from speaker_search.views.changes import Delta
from speaker_search.views.characters import Characters
from speaker_search.views.clip_index import clip_index, columns, lists
from speaker_search.views.clip_index.clip_index import ClipIndex, Segment
from speaker_search.views.clip_index.columns import Columns
from speaker_search.views.clip_index.lists import Trained
from speaker_search.views.clip_index.plan import Plan
from speaker_search.views.clip_index.probing import Tuning
from speaker_search.views.engine import Clips

SEGMENT = ("ids.npy", "characters.npy", "games.npy", "seconds.npy", "vectors.npy")
LISTS, TAIL, CHARACTERS = "lists.faiss", "tail.npz", "sums.npz"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable state of the views, for any number of searches at once."""

    clips: Clips
    characters: Characters
    #: (m,) clips that are in neither, because the catalog's vectors of them are unusable
    unusable: Ids = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def position(self) -> int:
        return self.characters.position

    @property
    def index(self) -> ClipIndex:
        """The clips as FAISS keeps them; only for views of that engine."""
        if not isinstance(self.clips, ClipIndex):
            raise TypeError("These clips are not kept by FAISS.")
        return self.clips

    @property
    def made(self) -> str:
        """Identifies what is kept of the clips on this machine: folded or rebuilt, it is another."""
        return self.clips.segment.id if isinstance(self.clips, ClipIndex) else ""

    @property
    def unfolded(self) -> bool:
        """Whether enough has changed that `folded` should be called (see ClipIndex.unfolded)."""
        return isinstance(self.clips, ClipIndex) and self.clips.unfolded

    def tuned(self, recall: float, *, makers: Mapping[int, int], say: Callable[[str], None]) -> Snapshot:
        """The same, searched so that this share of the ten nearest clips is found (see ClipIndex.tuned)."""
        return replace(self, clips=self.index.tuned(recall, makers=makers, say=say))

    def folded(self) -> Snapshot:
        """The same with its clips in one new segment (see ClipIndex.folded)."""
        return replace(self, clips=self.index.folded())

    def without(self, ids: Ids) -> Snapshot:
        """The same without these clips."""
        if not isinstance(self.clips, ClipIndex):
            whole = self.clips.all()
            return Snapshot(clip_index.of_columns(whole, self.position), self.characters, self.unusable).without(ids)
        delta = Delta(self.position, self.clips.held(ids), columns.none(self.clips.dim))
        return replace(self, clips=self.clips.apply(delta), characters=self.characters.apply(delta))


def follow(catalog: Catalog, space: Space, before: Snapshot | None) -> Snapshot:
    """The views of the catalog as it is now: updated from `before` if possible, else rebuilt. Raises CatalogError."""
    if before is not None:
        with catalog.read() as connection:
            touched = changes.read(connection, catalog.uuid, space, before.position, before.clips.clips)
        if touched is not None:
            return _applied(before, touched)
    return rebuilt(catalog, space)


def rebuilt(catalog: Catalog, space: Space) -> Snapshot:
    """The views of the catalog as it is now, made from all its clips. Raises CatalogError."""
    with catalog.read() as connection:
        reached, whole, unusable = changes.read_all(connection, catalog.uuid, space)
    return Snapshot(clip_index.of_columns(whole, reached), characters.of_clips(whole, reached), unusable)


def follow_within(connection: Connection, uuid: str, space: Space, before: Snapshot) -> Snapshot | None:
    """The views of the catalog as a transaction sees it; None when they must be rebuilt."""
    touched = changes.read(connection, uuid, space, before.position, before.clips.clips)
    return None if touched is None else _applied(before, touched)


def load(folder: Path, uuid: str, space: Space) -> Snapshot | None:
    """The views in a folder, at the position where they were saved; None when it holds none of this catalog's space.

    Raises IndexUnusableError when they are damaged.
    """
    return storage.load(folder, catalog=uuid, space=space.name, read=_read)


def _read(version: storage.Version) -> Snapshot | None:
    facts, position = version.stamp.facts, version.stamp.position
    plan = Plan(**facts["plan"])
    if plan.kind == "ivf" and not lists.readable(made_by := facts.get("faiss", "of another version")):
        LOG.warning("The index was written with FAISS %s: it is rebuilt with %s.", made_by, lists.FAISS)
        return None
    ids, who, games, seconds = (np.load(version.path(name)) for name in SEGMENT[:-1])
    vectors = np.load(version.path(SEGMENT[-1]), mmap_mode="r" if len(ids) else None)  # an empty file cannot be mapped
    own = Columns(ids, who, games, seconds, vectors)
    of = facts["trained"]
    trained, tuning = Trained(of["clips"], tuple(of["games"]), of["imbalance"]), Tuning.of(facts["tuning"])
    made = lists.load(version.path(LISTS), plan, trained, tuning)
    with np.load(version.path(TAIL), allow_pickle=False) as file:
        tombstones = np.zeros(len(own), np.bool_)
        tombstones[file["tombstones"]] = True
        tail = Columns(*(file[name] for name in ("ids", "characters", "games", "seconds", "vectors")))
    sums = characters.read(version.path(CHARACTERS), position)
    unusable = np.array(facts["unusable"], np.int64)
    return Snapshot(ClipIndex(position, Segment(own, made, facts["segment"]), tombstones, tail), sums, unusable)


def save(folder: Path, snapshot: Snapshot, uuid: str, space: Space) -> None:
    """Save the views to a folder; files of a segment that is already there are linked. Raises IndexUnusableError."""
    clips = snapshot.index
    own, sums = clips.segment.columns, snapshot.characters
    arrays = (own.ids, own.characters, own.games, own.seconds, own.vectors)
    files: dict[str, storage.Writer] = {
        name: _array(np.asarray(array)) for name, array in zip(SEGMENT, arrays, strict=True)
    }
    if clips.segment.lists.plan.kind == "ivf":
        files[LISTS] = clips.segment.lists.save
    of_segment = set(files)
    tail = clips.tail
    files[TAIL] = _arrays(
        tombstones=np.flatnonzero(clips.tombstones),
        ids=tail.ids,
        characters=tail.characters,
        games=tail.games,
        seconds=tail.seconds,
        vectors=tail.vectors,
    )
    files[CHARACTERS] = lambda path: characters.write(sums, path)
    tuning = _latest_tuning(folder, clips.segment)
    facts = {
        "faiss": lists.FAISS,
        "segment": clips.segment.id,
        "plan": asdict(clips.segment.lists.plan),
        "trained": asdict(clips.segment.lists.trained),
        "tuning": asdict(tuning) if tuning else None,
        "clips": clips.clips,
        "unusable": snapshot.unusable.tolist(),
    }
    storage.save(
        folder,
        files,
        catalog=uuid,
        space=space.name,
        position=snapshot.position,
        facts=facts,
        same=lambda stamp: of_segment if stamp.facts.get("segment") == clips.segment.id else set(),
    )


def retuned(folder: Path, snapshot: Snapshot) -> Snapshot:
    """The same, searched as the folder says: another program may have tuned the same segment since."""
    clips = snapshot.index
    own = clips.segment
    tuning = _latest_tuning(folder, own) if own.lists.plan.kind == "ivf" else None
    if tuning is None or tuning == own.lists.tuning:
        return snapshot
    return replace(snapshot, clips=replace(clips, segment=own.tuned(tuning)))


def _latest_tuning(folder: Path, segment: Segment) -> Tuning | None:
    """How a segment is searched: another program may have tuned the one on disk since it was loaded here."""
    own, kept = segment.lists.tuning, None
    with contextlib.suppress(IndexUnusableError):
        version = storage.in_use(folder)
        if version is not None and version.stamp.facts["segment"] == segment.id:
            kept = Tuning.of(version.stamp.facts["tuning"])
    found = [tuning for tuning in (own, kept) if tuning is not None]
    return max(found, key=lambda tuning: tuning.measured_at, default=None)


def _applied(before: Snapshot, touched: changes.Touched) -> Snapshot:
    if touched.position == before.position:
        return before
    delta = Delta(touched.position, before.clips.held(touched.ids), touched.now)
    unusable = np.union1d(np.setdiff1d(before.unusable, touched.ids), touched.unusable)
    return Snapshot(before.index.apply(delta), before.characters.apply(delta), unusable)


def _array(array: np.ndarray[Any, Any]) -> Callable[[Path], None]:
    return lambda path: np.save(path, array, allow_pickle=False)


def _arrays(**arrays: np.ndarray[Any, Any]) -> Callable[[Path], None]:
    return lambda path: np.savez(path, allow_pickle=False, **arrays)
