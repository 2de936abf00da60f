"""Maps: near voices are near, a map that grows stays recognisable, and it survives its program."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from speaker_search.entities import Floats
from speaker_search.pictures import layout
from speaker_search.pictures.maps import Laid, Maps, Points

VOICES, EACH, DIM = 12, 8, 32


def voices(seed: int = 0, each: int = EACH) -> Floats:
    """Unit vectors in tight groups, each group a voice."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((VOICES, DIM))
    found = np.repeat(centres, each, axis=0) + 0.3 * rng.standard_normal((VOICES * each, DIM))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def alike(places: Floats, each: int = EACH) -> float:
    """The share of points whose nearest neighbour on the map has their voice."""
    far = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(far, np.inf)
    of = np.repeat(np.arange(VOICES), each)
    return float((of[far.argmin(axis=1)] == of).mean())


def points(vectors: Floats, position: int = 10, changes: int = 1000, first: int = 1) -> Points:
    return Points(np.arange(first, first + len(vectors)), vectors, position, changes)


def settled() -> None:
    for thread in threading.enumerate():
        if thread.name == "map":
            thread.join()


@pytest.fixture
def maps(tmp_path: Path) -> Maps:
    return Maps(tmp_path / "maps", "a-uuid", "space@1")


class TestLayout:
    def test_voices_lie_together_and_the_same_vectors_at_the_same_places(self) -> None:
        made = layout.neighbourly(voices())
        assert alike(made) > 0.95
        assert (made == layout.neighbourly(voices())).all()
        assert made.min() >= 0
        assert made.max() <= 1

    @pytest.mark.parametrize("count", [0, 1, 2, 3, 39])
    def test_few_vectors_have_places_too(self, count: int) -> None:
        made = layout.neighbourly(voices()[:count])
        assert made.shape == (count, 2)
        assert np.isfinite(made).all()

    def test_equal_vectors_lie_in_the_middle(self) -> None:
        made = layout.principal(np.ones((5, DIM), np.float32))
        assert (made == 0.5).all()

    def test_a_new_vector_lies_between_those_most_like_it(self) -> None:
        vectors = voices()
        made = layout.neighbourly(vectors)
        of = np.repeat(np.arange(VOICES), EACH)
        found = layout.beside(vectors, made, voices(1, 1))
        nearest = ((found[:, None] - made[None]) ** 2).sum(axis=2).argmin(axis=1)
        assert (of[nearest] == np.arange(VOICES)).all()

    def test_clips_lie_around_their_character_by_how_they_differ(self) -> None:
        high, low = np.zeros(DIM, np.float32), np.zeros(DIM, np.float32)
        high[0], low[0] = 1, -1
        made = layout.around(np.stack([high, high, low, 0.3 * high]))
        assert made[0] == pytest.approx(made[1], abs=1e-6)
        assert np.linalg.norm(made[2]) == pytest.approx(1)
        assert np.linalg.norm(made[0] - made[3]) < np.linalg.norm(made[2] - made[3]) < np.linalg.norm(made[2] - made[0])
        assert (layout.around(np.stack([high, high])) == 0).all()
        assert [layout.around(voices()[:count]).shape for count in (0, 1, 2)] == [(0, 2), (1, 2), (2, 2)]


class TestKeptMaps:
    def test_the_first_answer_is_rough_and_the_next_one_is_laid_out_and_kept_for_other_programs(
        self, maps: Maps, tmp_path: Path
    ) -> None:
        rough, better = maps.places("characters", points(voices()))
        assert better
        assert (rough == layout.principal(voices())).all()
        settled()
        laid, better = maps.places("characters", points(voices()))
        assert not better
        assert (laid == layout.neighbourly(voices())).all()
        again, better = Maps(tmp_path / "maps", "a-uuid", "space@1").places("characters", points(voices()))
        assert not better
        assert (again == laid).all()

    def test_few_points_are_laid_out_at_once(self, maps: Maps) -> None:
        few, better = maps.places("characters", points(voices()[:39]))
        assert not better
        assert (few == layout.neighbourly(voices()[:39])).all()

    def test_closing_stops_the_making_and_leaves_no_half_map(self, maps: Maps, tmp_path: Path) -> None:
        maps.places("characters", points(voices(each=400)))
        maps.close()
        assert not list((tmp_path / "maps").rglob("places.npz"))
        assert not maps.places("characters", points(voices()))[1]

    @pytest.fixture
    def kept(self, maps: Maps) -> Laid:
        rng = np.random.default_rng(5)
        laid = Laid(points(voices()).ids, rng.random((VOICES * EACH, 2), np.float32), position=10)
        maps.keep("characters", laid)
        return laid

    def test_a_newcomer_moves_nobody(self, maps: Maps, kept: Laid) -> None:
        one = np.concatenate([voices(), voices(1, 1)[:1]])
        after, better = maps.places("characters", points(one))
        assert not better
        assert (after[:-1] == kept.places).all()

    @pytest.mark.parametrize(
        "now",
        [
            points(np.concatenate([voices(), voices(1, 1)])),
            points(voices()[:-12]),
            points(voices(), position=200),
        ],
        ids=["a tenth is new", "a tenth has gone", "a tenth of the log is new"],
    )
    def test_a_map_that_the_catalog_has_outgrown_is_made_anew(self, maps: Maps, kept: Laid, now: Points) -> None:
        after, better = maps.places("characters", now)
        maps.close()
        assert better
        shared = min(len(after), len(kept.places))
        assert (after[:shared] == kept.places[:shared]).all()

    @pytest.mark.usefixtures("kept")
    def test_a_damaged_map_and_one_of_another_space_are_made_anew(self, tmp_path: Path) -> None:
        (file,) = (tmp_path / "maps").rglob("places.npz")
        for space, damage in (("space@2", 0), ("space@1", 50)):
            file.write_bytes(file.read_bytes()[: file.stat().st_size - damage])
            again = Maps(tmp_path / "maps", "a-uuid", space)
            assert again.places("characters", points(voices()))[1]
            again.close()
