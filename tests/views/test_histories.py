"""Whatever happens to a catalog, views that follow it step by step equal views made anew from it, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from catalog.shelf import Shelf
from views.histories import History
from views.made_up import assert_same

from speaker_search.views.snapshot import Snapshot, follow, load, save
from speaker_search.views.storage import folder_of
from speaker_search.views.verify import Comparison, verify


def followed(shelf: Shelf, before: Snapshot | None) -> Snapshot:
    return follow(shelf.catalog, shelf.opened_space(), before)


def put_aside(shelf: Shelf, snapshot: Snapshot, home: Path) -> Snapshot:
    """The snapshot as a next start would take it up."""
    space = shelf.opened_space()
    folder = folder_of(home, shelf.catalog.uuid, space)
    save(folder, snapshot, shelf.catalog.uuid, space)
    again = load(folder, shelf.catalog.uuid, space)
    assert again is not None
    assert_same(again, snapshot)
    return again


def live_through(shelf: Shelf, history: History, home: Path, changes: int, compare_every: int) -> Snapshot:
    """Follow a history until the log has that many entries, folding, saving and loading now and then."""
    rng = np.random.default_rng(history.seed)
    snapshot = followed(shelf, None)
    steps = 0
    while snapshot.position < changes:
        history.step()
        steps += 1
        if rng.random() < 0.8:  # otherwise two steps are followed in one
            snapshot = followed(shelf, snapshot)
        if rng.random() < 0.2:
            snapshot = snapshot.folded() if rng.random() < 0.5 else put_aside(shelf, snapshot, home)
        if steps % compare_every == 0:
            snapshot = followed(shelf, snapshot)
            assert_same(snapshot, followed(shelf, None))
    snapshot = followed(shelf, snapshot)
    assert_same(snapshot, followed(shelf, None))
    put_aside(shelf, snapshot, home)
    space = shelf.opened_space()
    found = verify(shelf.catalog, space, folder_of(home, shelf.catalog.uuid, space))
    assert found.index == Comparison(found.clips.embedded, 0, 0, 0)
    assert found.ok
    return snapshot


@pytest.mark.parametrize("seed", range(2))
def test_followed_views_equal_views_made_anew_after_every_step(shelf: Shelf, tmp_path: Path, seed: int) -> None:
    live_through(shelf, History(shelf, seed, batch=12, repeats=0.4), tmp_path, changes=120, compare_every=1)


def test_followed_views_equal_views_made_anew_after_three_thousand_changes(shelf: Shelf, tmp_path: Path) -> None:
    snapshot = live_through(
        shelf, History(shelf, seed=7, batch=600, repeats=0.01), tmp_path, changes=3_000, compare_every=10
    )
    actions = {one.action for one in shelf.log()}
    assert actions == {"embedded", "removed", "relabelled"}
    assert snapshot.clips.clips > 500
    assert shelf.count("copies") > 0  # some were merged
