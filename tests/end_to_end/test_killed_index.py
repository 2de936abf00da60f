"""Programs killed (kill -9) at random moments while they work on the index or a backup: the next one finds all whole.

KILLS sets how many moments each kind of work is killed at, KILL_SEED which: `KILLS=20 pytest tests/end_to_end/...`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from end_to_end.gates import gated
from end_to_end.running import LIMIT_S
from transfer.travelling import write_voices
from views.made_up import unit

from speaker_search import settings as settings_
from speaker_search.library import Library
from speaker_search.new_file import PART
from speaker_search.search.live import Live
from speaker_search.settings import Settings
from speaker_search.views import snapshot as views
from speaker_search.views.clip_index import lists
from speaker_search.views.clip_index.clip_index import TAIL_ROWS, of_columns
from speaker_search.views.clip_index.plan import Plan
from speaker_search.views.storage import folder_of

KILLS, SEED = int(os.environ.get("KILLS", "1")), int(os.environ.get("KILL_SEED", "0"))
BY_LISTS = Plan("ivf", 64, 64, "by hand")
FEW, FOLDED = 100, TAIL_ROWS + 100  # clips since the index was saved: so many are folded in
BEFORE = 2_000  # clips, and twice the new ones: with fewer the index would be rebuilt instead
DIM = 8
BEGUN, DONE = "begun", "done"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signals are those of POSIX")


def build(library: Library, _: Path) -> None:
    library.build_index()


def swap(library: Library, folder: Path) -> None:
    """Save the views again and again."""
    snapshot = views.load(folder, library.catalog.uuid, library.space)
    assert snapshot is not None
    for _ in range(20):
        views.save(folder, snapshot, library.catalog.uuid, library.space)


def fold(library: Library, folder: Path) -> None:
    live = Live(library.catalog, library.space, folder)
    assert live.ready.snapshot.clips.unfolded
    live.refresh()
    assert len(live.ready.snapshot.clips.tail) == 0
    live.save()


def backup(library: Library, _: Path) -> None:
    library.backup(library.settings.home / "backup")


WORK: dict[str, Callable[[Library, Path], None]] = {"build": build, "swap": swap, "fold": fold, "backup": backup}


def work(connection: Connection, kind: str) -> None:
    """What the killed program does."""
    with Library(settings_.load()) as library:
        folder = folder_of(library.settings.home, library.catalog.uuid, library.space)
        connection.send(BEGUN)
        WORK[kind](library, folder)
    connection.send(DONE)


@dataclass(frozen=True)
class Home:
    """A catalog with an index by lists, which is behind by what would be folded in."""

    path: Path
    answers: list[tuple[int, ...]]

    def copy(self, to: Path) -> Path:
        shutil.rmtree(to, ignore_errors=True)
        return Path(shutil.copytree(self.path, to))


@pytest.fixture(scope="module")
def home_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Home]:
    """A home with so many new clips, made when it is first asked for."""
    return cache(lambda new: home(tmp_path_factory.mktemp("killed"), new))


def home(folder: Path, new: int) -> Home:
    made = Settings(home=folder / "home")
    before = BEFORE + 2 * new
    vectors = unit(before + new, 0, DIM)
    with Library(made) as library:
        for name, rows in (("old", slice(0, before)), ("new", slice(before, None))):
            paths = [f"{name}{row}.ogg" for row in range(len(vectors[rows]))]
            games = [f"G {row % 40}" for row in range(len(paths))]
            write_voices(folder / name, path=paths, game=games, embedding=list(vectors[rows]))
            library.import_voices(folder / name)
            if name == "old":
                flat = views.follow(library.catalog, library.space, None)
                held = flat.clips.all()
                saved = replace(flat, clips=of_columns(held, flat.position, lists.build(held, BY_LISTS)))
        uuid, space = library.catalog.uuid, library.space
    shutil.rmtree(folder_of(made.home, uuid, space))  # now that nothing saves there any more
    views.save(folder_of(made.home, uuid, space), saved, uuid, space)
    return Home(made.home, checked(made))


def checked(of: Settings) -> list[tuple[int, ...]]:
    """The clips that some searches find, in a catalog whose index equals it to the last bit."""
    with Library(of) as library:
        assert library.verify(deep=True).ok
        clips = library.ready.snapshot.clips
        return [tuple(clips.nearest(query, 5).ids.tolist()) for query in unit(5, 7, DIM)]


def killed(kind: str, home: Path, after_s: float) -> tuple[bool, float]:
    """Whether the program was still at work when it was killed, and how long it had worked."""
    with gated(work, kind, home=home) as running:
        running.arrives(BEGUN)
        began = time.monotonic()
        at_work = not running.gate.poll(after_s)
        took = time.monotonic() - began
        running.begun.send(signal.SIGKILL)
        running.begun.ended()
        return at_work, took


@pytest.mark.parametrize("kind", WORK)
def test_a_killed_program_leaves_what_the_next_one_opens(
    kind: str, home_with: Callable[[int], Home], tmp_path: Path
) -> None:
    home = home_with(FOLDED if kind == "fold" else FEW)
    at_work, whole_s = killed(kind, home.copy(tmp_path / "home"), LIMIT_S)
    assert not at_work
    rng = np.random.default_rng([SEED, list(WORK).index(kind)])
    amid = 0
    for after_s in rng.uniform(0, whole_s, KILLS).tolist():
        here = Settings(home=home.copy(tmp_path / "home"))
        at_work, _ = killed(kind, here.home, after_s)
        amid += at_work
        assert checked(here) == home.answers, f"killed after {after_s:.4f} s"
        if kind == "backup":
            there = [path for path in here.home.glob("backup*") if not path.name.endswith(PART)]
            with Library(here) as library:
                library.backup(here.home / "next")
            for whole in [*there, here.home / "next"]:
                Library.restore(Settings(home=tmp_path / "none"), whole, dry_run=True)  # its checksum is right
    print(f"{kind}: {amid} of {KILLS} killed at work, within {whole_s:.2f} s, seed {SEED}")
    assert amid or KILLS < 20
