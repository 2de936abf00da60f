"""Random renames and merges, undone in any order that is possible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from catalog.mender import Mender, RandomEdits
from catalog.shelf import Shelf, replayed


def fill(shelf: Shelf) -> None:
    """Three makers with two games each, whose titles and characters partly have the same names."""
    for maker in ("maker 1", "maker 2", "Kumo"):
        for title in ("game 1", f"game of {maker}"):
            one = replace(shelf, maker=maker, title=title, root=shelf.root / maker / title)
            cast = ["character 1", "character 2", f"only in {title}", None]
            one.scan(*(shelf.clip(f"{n}", who) for n, who in enumerate(cast * 2)))
    shelf.embed_all()


@pytest.mark.parametrize("seed", range(3))
def test_undoing_in_reverse_restores_every_state_on_the_way(shelf: Shelf, seed: int) -> None:
    fill(shelf)
    edits = RandomEdits(Mender(shelf.catalog), np.random.default_rng(seed))
    states = []
    while len(edits.standing) < 12:
        before = edits.mender.everything()
        if edits.edit():
            states.append(before)
    assert replayed(shelf.log()) == shelf.embedded_characters()
    for edit, before in zip(reversed(edits.standing), reversed(states), strict=True):
        edits.mender.undo(edit)
        assert edits.mender.everything() == before
    assert replayed(shelf.log()) == shelf.embedded_characters()


@pytest.mark.parametrize("seed", range(3))
def test_undoing_in_any_order_ends_where_it_began(shelf: Shelf, seed: int) -> None:
    fill(shelf)
    edits = RandomEdits(Mender(shelf.catalog), np.random.default_rng(100 + seed))
    before, undone = edits.mender.everything(), 0
    for _ in range(40):
        if edits.rng.random() < 0.6:
            edits.edit()
        else:
            undone += edits.undo()
        assert replayed(shelf.log()) == shelf.embedded_characters()
    assert undone
    edits.undo_the_rest()
    assert edits.mender.everything() == before
