"""One space of a catalog, open for searches and kept up to date in the background."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from speaker_search.catalog import duplicates, queue
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.spaces import Space
from speaker_search.entities import Caution, counted
from speaker_search.errors import IndexUnusableError, SpeakerSearchError
from speaker_search.search.profiles.build import build_profiles
from speaker_search.search.profiles.follow import follow_profiles
from speaker_search.search.profiles.kept_profiles import load_profiles, save_profiles
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.views import snapshot as faiss_views
from speaker_search.views.engine import Engine
from speaker_search.views.snapshot import Snapshot

POLL_S = 0.5  # between looks at the change log: a new clip is found after about this long
CALIBRATED_FOR = 0.01  # a calibration holds until this share of the clips has changed ...
CALIBRATED_FOR_S = 30.0  # ... or, where less has, until this long after the first change
CALIBRATING_SHARE = 0.1  # of the time goes into calibrating again at most, while a catalog keeps changing ...
OUTGROWN = 0.1  # ... unless this share of the clips has changed: new voices may lie where the old whitening misjudges
COUNTING_SHARE = 0.02  # of the time goes into counting the clips that are still to be embedded, at most
SAVE_AFTER_CHANGES = 10_000  # the views are saved again, so that the next start need not follow them
LOG = logging.getLogger(__name__)
SCORES = "scores"  # the profiles' folder beside the views' versions


@dataclass(frozen=True, slots=True)
class Ready:
    """What a search reads. Immutable: it is replaced as a whole."""

    space: Space
    snapshot: Snapshot
    profiles: Profiles
    pending: int  #: clips that were still to be embedded a moment before the snapshot

    @property
    def behind(self) -> int:
        """How many changes the scores have not been calibrated for yet."""
        return abs(self.snapshot.position - self.profiles.position)

    @property
    def settled(self) -> bool:
        """Whether the scores are calibrated on nearly the clips that there are."""
        return self.behind <= CALIBRATED_FOR * self.snapshot.clips.clips

    def warnings(self, *, calibrated: bool) -> tuple[Caution, ...]:
        """What every answer should say: why it may soon change, and what it leaves out.

        `calibrated` says whether it has probabilities.
        """
        left_out = len(self.snapshot.unusable)
        if not left_out:
            return self._provisional(calibrated)
        clips = "1 clip is" if left_out == 1 else f"{left_out:,} clips are"
        damaged = Caution(f"{clips} left out, because stored vectors are damaged: run `spksearch verify`.")
        return (*self._provisional(calibrated), damaged)

    def _provisional(self, calibrated: bool) -> tuple[Caution, ...]:
        clips = self.snapshot.clips.clips
        if self.pending > CALIBRATED_FOR * (clips + self.pending):
            held = f"{self.pending:,} of {clips + self.pending:,}"
            change = "matches and probabilities" if calibrated else "matches"
            return (Caution(f"Provisional, because clips are still to be embedded ({held}): {change} may change."),)
        if calibrated and not self.settled:
            held = f"{counted(self.behind, 'change')} in {counted(clips, 'clip')}"
            calibrating = f"Provisional, because scores are being calibrated again ({held}): probabilities may change."
            return (Caution(calibrating),)
        return ()


class Live:
    """Follows a space's change log. A search reads `ready` once and never waits: other threads follow the log, fold,
    train and calibrate.
    """

    def __init__(
        self,
        catalog: Catalog,
        space: Space,
        folder: Path,
        *,
        rebuild: bool = False,
        engine: Engine = faiss_views,
        calibrating_share: float = CALIBRATING_SHARE,
    ) -> None:
        """Load the saved views and follow the log to its end, or build them; with `rebuild`, ignore what is saved.
        `engine` keeps the clips.

        After each calibration it pauses, so that calibrating takes at most `calibrating_share` of the time.

        Raises CatalogError and IndexUnusableError.
        """
        self._catalog = catalog
        self._space = space
        self._folder = folder
        self._engine = engine
        self._calibrating_share = calibrating_share
        self._stepping = threading.Lock()  # held while `ready` is replaced
        self._upkeep = threading.Lock()  # held while folding or calibrating: older results never replace newer ones
        self._stale = threading.Event()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._calibrate_after_s = 0.0  # on the monotonic clock
        self._count_after_s = 0.0  # likewise
        self._outdated_since_s: float | None = None  # likewise: when the calibration was first behind
        self.problem: SpeakerSearchError | None = None  #: why the log cannot be followed at the moment
        self.followed_s = time.monotonic()  #: when it was last followed to its end, on the monotonic clock
        loaded = None if rebuild else self._loaded()
        self._saved = _state(loaded) if loaded else None  # what the folder holds
        self._pending = 0
        pending = self._still_pending()
        snapshot = engine.rebuilt(catalog, space) if rebuild else engine.follow(catalog, space, loaded)
        scores = folder / SCORES
        profiles = None if rebuild else load_profiles(scores, catalog.uuid, space, snapshot.position)
        self._ready = Ready(space, snapshot, profiles or self._profiles(snapshot), pending)
        if self._save_is_due():
            with contextlib.suppress(IndexUnusableError):  # a program without write access can search all the same
                self.save()
        elif profiles is None:
            save_profiles(scores, self._ready.profiles, catalog.uuid, space)

    @property
    def ready(self) -> Ready:
        """The space as far as the log has been followed: at most about a second behind once `start` was called."""
        return self._ready

    def start(self) -> None:
        """Follow the log from now on, until `close`."""
        for target in (self._follow, self._maintain):
            thread = threading.Thread(target=target, name=f"views{target.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Stop the threads; training or calibrating in progress is finished first."""
        self._closing.set()
        self._stale.set()
        for thread in self._threads:
            thread.join()

    def refresh(self) -> None:
        """Follow the log to its end now; fold and calibrate if due. Raises CatalogError."""
        self._count_after_s = 0.0
        self._step()
        with self._upkeep:
            self._fold()
            self._calibrate()

    def save(self) -> None:
        """Save the views for the next start. Raises IndexUnusableError when they cannot be written."""
        ready = self._ready
        self._saved = _state(ready.snapshot)  # even if saving fails, so that a full disk is not retried at every step
        self._engine.save(self._folder, ready.snapshot, self._catalog.uuid, self._space)
        if ready.profiles.position == ready.snapshot.position:
            save_profiles(self._folder / SCORES, ready.profiles, self._catalog.uuid, self._space)

    def _loaded(self) -> Snapshot | None:
        """The saved views; None when there are none of this space that this program can read, or they are damaged."""
        try:
            return self._engine.load(self._folder, self._catalog.uuid, self._space)
        except IndexUnusableError as error:  # what is derived may be made again at any time
            LOG.warning("%s It is rebuilt from the catalog.", error.detail)
            return None

    def _save_is_due(self) -> bool:
        """Whether the saved views are missing, far behind, or have since been folded or rebuilt."""
        position, segment = _state(self._ready.snapshot)
        return self._saved is None or segment != self._saved[1] or position - self._saved[0] > SAVE_AFTER_CHANGES

    def _step(self) -> None:
        with self._stepping:
            before, began = self._ready, time.monotonic()
            pending = self._still_pending()  # counted first: a clip embedded meanwhile makes the answer provisional
            snapshot, profiles = self._engine.follow(self._catalog, self._space, before.snapshot), before.profiles
            if snapshot.position != before.snapshot.position:
                profiles = follow_profiles(profiles, before.snapshot.characters, snapshot.characters)
            snapshot = self._engine.retuned(self._folder, snapshot)
            self._ready = Ready(self._space, snapshot, profiles, pending)
            self.followed_s = began

    def _still_pending(self) -> int:
        """How many clips are still to be embedded. Where counting them takes long, it is done less often."""
        began = time.monotonic()
        if began >= self._count_after_s:
            with self._catalog.read() as connection:
                self._pending, _ = queue.left(connection, self._space.id)
            now = time.monotonic()
            self._count_after_s = now + (now - began) / COUNTING_SHARE
        return self._pending

    def _fold(self) -> None:
        before = self._ready
        if not before.snapshot.unfolded:
            return
        folded = before.snapshot.folded()
        with self._stepping:
            snapshot = folded
            if self._ready.snapshot is not before.snapshot:  # apply what was committed meanwhile
                snapshot = self._engine.follow(self._catalog, self._space, folded)
            now = self._ready
            profiles = follow_profiles(now.profiles, now.snapshot.characters, snapshot.characters)
            self._ready = replace(now, snapshot=snapshot, profiles=profiles)

    def _calibrate(self) -> None:
        before = self._ready
        if before.profiles.position == before.snapshot.position:
            return
        profiles = self._profiles(before.snapshot)
        with self._stepping:
            now = self._ready.snapshot
            if now.position != profiles.position:
                profiles = follow_profiles(profiles, before.snapshot.characters, now.characters)
            self._ready = replace(self._ready, profiles=profiles)

    def _profiles(self, snapshot: Snapshot) -> Profiles:
        with self._catalog.read() as connection:
            repeated = duplicates.repeated(connection, self._space)
        return build_profiles(snapshot, repeated)

    def _follow(self) -> None:
        while not self._closing.wait(POLL_S):
            try:
                self._step()
                self._note(None)
            except SpeakerSearchError as error:  # searches report it too; the next poll may succeed
                self._note(error)
            except Exception:  # whatever it was, the next poll is made all the same
                LOG.exception("The change log could not be followed.")
            if self._calibration_is_due() or self._ready.snapshot.unfolded:
                self._stale.set()

    def _note(self, problem: SpeakerSearchError | None) -> None:
        """Keep what is wrong, and log it when it begins."""
        if problem is not None and self.problem is None:
            LOG.warning("New clips cannot be found at the moment: %s", problem)
        self.problem = problem

    def _calibration_is_due(self) -> bool:
        """Whether to calibrate the scores again.

        During the pause after a calibration, only if over OUTGROWN of the clips have changed since. After it, if over
        CALIBRATED_FOR of them have, or if the first change is CALIBRATED_FOR_S old.
        """
        ready, now = self._ready, time.monotonic()
        if ready.behind == 0:
            self._outdated_since_s = None
            return False
        if self._outdated_since_s is None:
            self._outdated_since_s = now
        changed = ready.behind / max(1, ready.snapshot.clips.clips)
        if now < self._calibrate_after_s:
            return changed > OUTGROWN
        return changed > CALIBRATED_FOR or now - self._outdated_since_s > CALIBRATED_FOR_S

    def _maintain(self) -> None:
        while True:
            self._stale.wait()
            self._stale.clear()  # before checking `_closing`: close() sets that first, and this after it
            if self._closing.is_set():
                return
            try:
                with self._upkeep:
                    self._fold()
                    if self._calibration_is_due():
                        began = time.monotonic()
                        self._calibrate()
                        took = time.monotonic() - began
                        self._calibrate_after_s = time.monotonic() + took / self._calibrating_share
                if self._save_is_due():
                    self.save()
            except SpeakerSearchError as error:
                LOG.warning("The index cannot be brought up to date: %s", error)
            except Exception:  # likewise
                LOG.exception("The index could not be maintained.")


def _state(snapshot: Snapshot) -> tuple[int, str]:
    """Position and segment id: rebuilt or folded views have a new segment."""
    return snapshot.position, snapshot.made
