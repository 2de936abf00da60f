"""Profiles kept beside the index: used as long as they are the catalog's, made again in silence when not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from search.filling import Voices, assert_equal, fill, some_voices
from standin import DIM, StandInEncoder

from speaker_search.catalog.spaces import Space
from speaker_search.library import Library
from speaker_search.search.calibration import Calibration
from speaker_search.search.live import SCORES
from speaker_search.search.profiles.build import build_profiles
from speaker_search.search.profiles.kept_profiles import FILE, load_profiles, save_profiles
from speaker_search.search.profiles.profiles import Profiles, QueryCalibration, Sounding
from speaker_search.search.profiles.repeats import Repeats
from speaker_search.settings import Settings
from speaker_search.views import storage
from speaker_search.views.storage import folder_of

UUID = "0a1b2c3d"
SPACE = Space(1, StandInEncoder.space, StandInEncoder.name, DIM)
on_sqlite = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


def some_profiles(characters: int = 5, position: int = 12, *, calibrated: bool = True) -> Profiles:
    rng = np.random.default_rng(characters)
    ids = np.arange(1, characters + 1)

    def some(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    def sounding() -> Sounding:
        return Sounding(some(4, 4), some(characters, 4), some(characters), some(characters))

    def calibration() -> Calibration:
        return Calibration(np.sort(rng.standard_normal(6)), np.sort(rng.standard_normal(6)), 1 / 3, 2 / 3)

    pairs, queries = None, ()
    if calibrated:
        pairs = calibration()
        queries = tuple(
            QueryCalibration(n, seconds, calibration(), calibration(), 1.5)
            for n, seconds in ((1, -1.0), (1, 0.1), (4, -1.0))
        )
    counts = ids + 7
    means = some(characters, 4)
    repeats = Repeats(ids[:2], ids[:2], ids[:2] * 900, rng.standard_normal((len(ids[:2]), 4)))
    echoes, counted = ids % 3 == 0, ids % 3 == 1
    of_characters = ids, ids % 2, counts, echoes, counted, means
    return Profiles(position, *of_characters, some(4), sounding(), sounding(), pairs, queries, repeats)


def file_of(folder: Path) -> Path:
    version = storage.in_use(folder)
    assert version is not None
    return version.path(FILE)


@pytest.mark.parametrize("profiles", [some_profiles(), some_profiles(calibrated=False), some_profiles(0)])
def test_what_is_read_is_what_was_saved(tmp_path: Path, profiles: Profiles) -> None:
    save_profiles(tmp_path, profiles, UUID, SPACE)
    loaded = load_profiles(tmp_path, UUID, SPACE, profiles.position)
    assert_equal(loaded, profiles)
    assert loaded is not None
    assert loaded.as_pairs.vectors.dtype == np.float32
    assert loaded.character_ids.dtype == np.int64


def test_profiles_of_another_catalog_space_or_position_are_not_taken(tmp_path: Path) -> None:
    assert load_profiles(tmp_path, UUID, SPACE, 12) is None
    save_profiles(tmp_path, some_profiles(), UUID, SPACE)
    assert load_profiles(tmp_path, "another", SPACE, 12) is None
    assert load_profiles(tmp_path, UUID, replace(SPACE, name="stand-in@2"), 12) is None
    assert load_profiles(tmp_path, UUID, SPACE, 11) is None
    assert load_profiles(tmp_path, UUID, SPACE, 13) is None


def test_profiles_in_an_older_form_are_not_taken(tmp_path: Path) -> None:
    """The same catalog would give others today."""
    files = {FILE: lambda path: path.write_bytes(b"") and None}
    storage.save(tmp_path, files, catalog=UUID, space=SPACE.name, position=12, facts={"form": 4})  # type: ignore[arg-type]
    assert load_profiles(tmp_path, UUID, SPACE, 12) is None


def test_a_file_with_one_other_bit_anywhere_is_not_taken(tmp_path: Path) -> None:
    save_profiles(tmp_path, some_profiles(), UUID, SPACE)
    file = file_of(tmp_path)
    intact = file.read_bytes()
    for place in range(0, len(intact), 7):
        damaged = bytearray(intact)
        damaged[place] ^= 1 << place % 8
        file.write_bytes(damaged)
        assert load_profiles(tmp_path, UUID, SPACE, 12) is None, f"byte {place} of {len(intact)}"
    for length in (0, 1, 100, len(intact) - 1):
        file.write_bytes(intact[:length])
        assert load_profiles(tmp_path, UUID, SPACE, 12) is None, f"{length} of {len(intact)} bytes"
    file.unlink()
    assert load_profiles(tmp_path, UUID, SPACE, 12) is None


def test_a_folder_that_takes_no_file_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    save_profiles(tmp_path / "file" / "below", some_profiles(), UUID, SPACE)
    assert load_profiles(tmp_path / "file" / "below", UUID, SPACE, 12) is None
    assert (tmp_path / "file").read_text() == "in the way"


# -- a library's -------------------------------------------------------------------------------------------------


@pytest.fixture
def voices() -> dict[str, dict[str | None, np.ndarray]]:
    return some_voices(games=4, characters=5, clips=2)


def opened_again(settings: Settings) -> Profiles:
    """The profiles that a new program has at once."""
    with Library(settings, encoder=StandInEncoder()) as library:
        return library.ready.profiles


def scores(library: Library) -> Path:
    return folder_of(library.settings.home, library.catalog.uuid, library.space) / SCORES


def test_the_next_start_takes_up_the_profiles_of_the_last(library: Library, settings: Settings, voices: Voices) -> None:
    fill(library, voices)
    built = build_profiles(library.ready.snapshot)
    assert built.pairs is not None
    assert built.queries
    written = file_of(scores(library)).stat().st_mtime_ns
    assert_equal(opened_again(settings), built)
    assert file_of(scores(library)).stat().st_mtime_ns == written


def test_new_and_relabelled_clips_make_other_profiles_that_are_kept_in_turn(
    library: Library, settings: Settings, voices: Voices
) -> None:
    fill(library, voices)
    before = opened_again(settings)
    first, *others = voices["maker0/game0"].items()
    changed = {**voices, "maker0/game0": {"renamed": first[1], **dict(others)}, "maker0/late": voices["maker0/game0"]}
    fill(library, changed)
    after = opened_again(settings)
    assert before.character_ids[0] not in after.character_ids
    assert len(after) == len(before) + 5
    assert_equal(after, build_profiles(library.ready.snapshot))
    assert_equal(load_profiles(scores(library), library.catalog.uuid, library.space, after.position), after)


@on_sqlite
@pytest.mark.parametrize("damage", ["a byte more", "nothing left"])
def test_damaged_profiles_are_made_again_with_the_same_numbers(
    library: Library, settings: Settings, voices: Voices, damage: str
) -> None:
    fill(library, voices)
    truth = library.ready.profiles
    file = file_of(scores(library))
    file.write_bytes(file.read_bytes() + b"\0" if damage == "a byte more" else b"")
    assert_equal(opened_again(settings), truth)
    assert_equal(load_profiles(scores(library), library.catalog.uuid, library.space, truth.position), truth)


@on_sqlite
def test_profiles_of_another_catalog_in_the_same_home_are_another_matter(
    library: Library, settings: Settings, tmp_path: Path
) -> None:
    other_settings = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'other.db'}"})
    with Library(other_settings, encoder=StandInEncoder()) as other:
        fill(other, some_voices(games=2, characters=3, seed=1))
        fill(library, some_voices(games=2, characters=3, seed=2))
        assert other.space == library.space
        theirs, ours = other.ready.profiles, library.ready.profiles
        assert (theirs.means != ours.means).any()
        assert_equal(ours, build_profiles(library.ready.snapshot))
