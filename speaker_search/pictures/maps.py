"""The maps of a space: kept on disk, and laid out anew in a process beside when the catalog has outgrown them."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.errors import IndexUnusableError
from speaker_search.pictures import layout
from speaker_search.views import storage

FILE = "places.npz"
FORM = 1  # raised whenever the same vectors would be laid out differently
OUTGROWN = 0.1  # of what is on a map has changed: it is laid out anew
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, slots=True)
class Points:
    """What is to be on a map."""

    ids: Ids  # (n,) ascending
    vectors: Floats  # (n, dim) of unit length
    position: int  #: of the space's change log
    changes: float  #: after this many in the log, nothing is as it was


@dataclass(frozen=True, eq=False, slots=True)
class Laid:
    """A finished map."""

    ids: Ids  # (n,) ascending
    places: Floats  # (n, 2) in the square from 0 to 1
    position: int

    def outgrown_by(self, points: Points) -> bool:
        shared = len(np.intersect1d(self.ids, points.ids))
        other = max(len(self.ids), len(points.ids)) - shared
        moved = abs(points.position - self.position)
        return other > OUTGROWN * len(self.ids) or moved > OUTGROWN * points.changes


class Maps:
    """The maps of one space in a folder. Any number of threads may ask; one map is made at a time."""

    def __init__(self, folder: Path, catalog: str, space: str) -> None:
        self._folder = folder
        self._catalog = catalog
        self._space = space
        self._lock = threading.Lock()
        self._kept: dict[str, Laid] = {}
        self._failed: dict[str, int] = {}  # the position at which a map could not be made
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def places(self, name: str, points: Points) -> tuple[Floats, bool]:
        """The places (n, 2) of the points on the map called `name`, and whether a better map is on its way.

        New points lie between those most like them, until a tenth of the map has changed. Before there is a map, points
        are laid out roughly.
        """
        if len(points.ids) < layout.FEWEST:  # which are laid out in no time
            return layout.principal(points.vectors), False
        kept = self._known(name)
        if kept is None:
            return layout.principal(points.vectors), self._ask_for(name, points, None)
        at = np.searchsorted(kept.ids, points.ids)
        known = np.take(kept.ids, at, mode="clip") == points.ids
        places = np.empty((len(points.ids), 2), np.float32)
        places[known] = kept.places[at[known]]
        if not known.all() and known.any():
            places[~known] = layout.beside(points.vectors[known], places[known], points.vectors[~known])
        elif not known.any():
            return layout.principal(points.vectors), self._ask_for(name, points, None)
        return places, kept.outgrown_by(points) and self._ask_for(name, points, places)

    def close(self) -> None:
        """Stop making a map; the next program that asks makes it."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.terminate()
        if self._thread is not None:
            self._thread.join()

    def _known(self, name: str) -> Laid | None:
        kept = self._kept.get(name)
        if kept is None:
            try:
                kept = storage.load(self._folder / name, catalog=self._catalog, space=self._space, read=_read)
            except IndexUnusableError:
                return None  # it is made again
            if kept is not None:
                self._kept[name] = kept
        return kept

    def _ask_for(self, name: str, points: Points, start: Floats | None) -> bool:
        """Begin to make a map unless one is being made. False where this one has failed, or the program is ending."""
        with self._lock:
            if self._closed or self._failed.get(name) == points.position:
                return False
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._make, args=(name, points, start), name="map", daemon=True)
                self._thread.start()
            return True

    def _make(self, name: str, points: Points, start: Floats | None) -> None:
        places = self._in_a_process(points.vectors, start)
        if places is None:
            self._failed[name] = points.position
        else:
            self.keep(name, Laid(points.ids, places, points.position))

    def keep(self, name: str, laid: Laid) -> None:
        """Answer with this map from now on, and save it."""
        self._kept[name] = laid
        try:
            storage.save(
                self._folder / name,
                {FILE: lambda path: np.savez(path, allow_pickle=False, ids=laid.ids, places=laid.places)},
                catalog=self._catalog,
                space=self._space,
                position=laid.position,
                facts={"form": FORM},
            )
        except IndexUnusableError as error:  # the next program makes it again
            LOG.warning("The map is not kept: %s", error.detail)

    def _in_a_process(self, vectors: Floats, start: Floats | None) -> Floats | None:
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder, "given.npz"), Path(folder, "made.npy")
            arrays = {"vectors": vectors} if start is None else {"vectors": vectors, "start": start}
            np.savez(given, allow_pickle=False, **arrays)
            with self._lock:
                if self._closed:
                    return None
                self._process = subprocess.Popen(
                    [sys.executable, "-m", layout.__name__, str(given), str(made)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                )
            _, said = self._process.communicate()
            if self._process.returncode == 0:
                return np.asarray(np.load(made, allow_pickle=False), np.float32)
            if not self._closed:
                reason = (said.strip().splitlines() or [f"exit status {self._process.returncode}"])[-1]
                LOG.warning("The map could not be made, so the rough one is shown: %s", reason)
            return None


def _read(version: storage.Version) -> Laid | None:
    if version.stamp.facts.get("form") != FORM:
        return None
    with np.load(version.path(FILE), allow_pickle=False) as file:
        return Laid(file["ids"], file["places"], version.stamp.position)
