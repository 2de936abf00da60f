"""Names mended in the middle of a catalog's history: views follow, and undone edits leave what the folders say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from catalog.mender import Mender, RandomEdits
from catalog.shelf import Shelf, replayed
from views.histories import TITLES, History
from views.made_up import assert_same

from speaker_search.catalog.checks.integrity import check_integrity
from speaker_search.views.snapshot import Snapshot, follow, save
from speaker_search.views.storage import folder_of
from speaker_search.views.verify import verify


@pytest.fixture
def catalog_url(sqlite_catalog_url: str) -> str:
    """Edits and the change log are tested on PostgreSQL where they are made."""
    return sqlite_catalog_url


def followed(shelf: Shelf, before: Snapshot | None) -> Snapshot:
    return follow(shelf.catalog, shelf.opened_space(), before)


@pytest.mark.parametrize("seed", range(3))
def test_views_that_follow_edits_equal_views_made_anew(shelf: Shelf, tmp_path: Path, seed: int) -> None:
    history = History(shelf, seed, batch=12, repeats=0.4)
    edits = RandomEdits(Mender(shelf.catalog), np.random.default_rng(seed))
    snapshot = followed(shelf, None)
    for _ in range(12):
        history.step()
        edits.edit()
        if edits.rng.random() < 0.3:
            edits.undo()
        snapshot = followed(shelf, snapshot)
        assert_same(snapshot, followed(shelf, None))
        assert replayed(shelf.log()) == shelf.embedded_characters()
    check_integrity(shelf.catalog)
    space = shelf.opened_space()
    folder = folder_of(tmp_path, shelf.catalog.uuid, space)
    save(folder, snapshot, shelf.catalog.uuid, space)
    assert verify(shelf.catalog, space, folder).ok


@pytest.mark.parametrize("seed", range(4))
def test_undone_edits_and_another_scan_leave_what_the_folders_say(shelf: Shelf, seed: int) -> None:
    """Clips came, changed their names and went while names were mended."""
    history = History(shelf, seed, batch=8, repeats=0.0)
    edits = RandomEdits(Mender(shelf.catalog), np.random.default_rng(seed))
    for _ in range(15):
        history.step()
        edits.edit()
    edits.undo_the_rest()
    for title in TITLES:
        history.scan(title)
    labels = {path: label[:2] for path, label in shelf.labels().items() if path in history.files}
    assert labels == {path: (file.title, file.character) for path, file in history.files.items()}
    assert labels
    assert {name.rpartition("/")[2] for name in edits.mender.listed()} <= {"A", "B", "C"}
