"""The profiles kept beside the index: used as long as they are the catalog's, made again in silence when not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from search.filling import Voices, fill, some_voices
from standin import StandInEncoder

from speaker_search.index.sync import folder_of
from speaker_search.library import Library
from speaker_search.search.profiles import FILE, Profiles, build_profiles, open_profiles
from speaker_search.settings import Settings

#: What has nothing to do with the database is not run on both.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ARRAYS = ("character_ids", "game_ids", "clips", "means", "vectors", "centre", "cohort_means", "cohort_spreads")


def file_of(library: Library) -> Path:
    return folder_of(library.settings.home, library.catalog, library.space) / FILE


def opened_again(library: Library) -> Profiles:
    return open_profiles(library.catalog, library.space, file_of(library).parent)


def assert_equal(one: Profiles, other: Profiles) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        assert getattr(one, name).dtype == getattr(other, name).dtype
    assert (one.pairs, one.queries) == (other.pairs, other.queries)


@pytest.fixture
def voices() -> dict[str, dict[str | None, np.ndarray]]:
    return some_voices(games=4, characters=5, clips=2)


def test_what_is_read_is_what_was_built(library: Library, voices: Voices) -> None:
    fill(library, voices)
    built = build_profiles(library.catalog, library.space)
    assert built.pairs is not None
    assert built.queries
    assert_equal(opened_again(library), built)  # built and written
    written = file_of(library).stat().st_mtime_ns
    assert_equal(opened_again(library), built)  # read
    assert file_of(library).stat().st_mtime_ns == written
    assert [path.name for path in file_of(library).parent.iterdir()] == [FILE]  # nothing half-written beside it


def test_nothing_new_leaves_the_file_as_it_is_and_new_clips_write_it_anew(library: Library, voices: Voices) -> None:
    fill(library, voices)
    opened_again(library)
    before = file_of(library).read_bytes()
    fill(library, voices)
    opened_again(library)
    assert file_of(library).read_bytes() == before
    fill(library, {**voices, "maker0/late": voices["maker0/game0"]})
    assert len(opened_again(library)) == len(build_profiles(library.catalog, library.space)) == 25
    assert file_of(library).read_bytes() != before


def test_clips_that_are_another_characters_now_make_other_profiles(library: Library, voices: Voices) -> None:
    fill(library, voices)
    before = opened_again(library)
    first, *others = voices["maker0/game0"].items()
    fill(library, {**voices, "maker0/game0": {"renamed": first[1], **dict(others)}})
    after = opened_again(library)
    assert library.space.changes == before.clips.sum() + 2 * len(voices)  # no vector was made anew
    assert before.character_ids[0] not in after.character_ids
    assert after.character_ids[-1] == before.character_ids[-1] + 1
    np.testing.assert_array_equal(after.means[-1], before.means[0])


@pytest.fixture
def small(library: Library) -> Library:
    """So few voices that making their profiles anew takes no time."""
    fill(library, some_voices(games=2, characters=2, clips=1))
    return library


@on_sqlite
def test_a_file_with_one_other_bit_anywhere_is_made_again_with_the_same_numbers(small: Library) -> None:
    truth = opened_again(small)
    intact = file_of(small).read_bytes()
    rng = np.random.default_rng(0)
    for place in range(0, len(intact), 47):
        damaged = bytearray(intact)
        damaged[place] ^= 1 << int(rng.integers(8))
        assert_made_again(small, bytes(damaged), truth, f"byte {place} of {len(intact)}")


@on_sqlite
def test_a_file_whose_own_records_are_changed_is_made_again_with_the_same_numbers(small: Library) -> None:
    truth = opened_again(small)
    intact = file_of(small).read_bytes()
    directory = intact.find(b"PK\x01\x02")  # the container's list of what is in it: version, flags, method, sizes
    for place in range(directory, directory + 46):
        for bit in (0, 3):
            damaged = bytearray(intact)
            damaged[place] ^= 1 << bit
            assert_made_again(small, bytes(damaged), truth, f"byte {place - directory} of the directory, bit {bit}")


def assert_made_again(library: Library, data: bytes, truth: Profiles, damage: str) -> None:
    file = file_of(library)
    file.write_bytes(data)
    try:
        assert_equal(opened_again(library), truth)
    except Exception as error:
        raise AssertionError(f"{damage}: {error!r}") from error
    assert file.read_bytes() != data, f"{damage} is still there"


@on_sqlite
def test_a_file_whose_arrays_say_they_are_shorter_is_made_again_with_the_same_numbers(library: Library) -> None:
    fill(library, some_voices(games=9, characters=8, clips=1))
    truth = opened_again(library)
    intact = file_of(library).read_bytes()
    assert intact.count(b"'shape': (72,") == 7
    for shorter in (b"'shape': (32,", b"'shape': (71,"):
        place = intact.find(b"'shape': (72, 32)")
        assert_made_again(library, intact[:place] + shorter + intact[place + len(shorter) :], truth, shorter.decode())


@on_sqlite
def test_a_file_that_breaks_off_anywhere_is_made_again_with_the_same_numbers(small: Library) -> None:
    truth = opened_again(small)
    intact = file_of(small).read_bytes()
    for length in (0, 1, 4, 32, 100, *range(33, len(intact), 211), len(intact) - 33, len(intact) - 1):
        assert_made_again(small, intact[:length], truth, f"{length} of {len(intact)} bytes")
    assert_made_again(small, intact + b"\0", truth, "a byte more")
    assert_made_again(small, b"no profiles at all", truth, "something else")


@on_sqlite
def test_a_folder_that_takes_no_file_costs_only_the_time(library: Library, voices: Voices, tmp_path: Path) -> None:
    fill(library, voices)
    (tmp_path / "file").write_text("in the way")
    truth = build_profiles(library.catalog, library.space)
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        assert_equal(open_profiles(library.catalog, library.space, folder), truth)
    assert (tmp_path / "file").read_text() == "in the way"


def test_profiles_of_another_catalog_are_not_taken(library: Library, settings: Settings, tmp_path: Path) -> None:
    other_settings = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'other.db'}"})
    with Library(other_settings, encoder=StandInEncoder()) as other:
        fill(other, some_voices(games=2, characters=3, seed=1))
        fill(library, some_voices(games=2, characters=3, seed=2))
        assert other.space == library.space
        open_profiles(other.catalog, other.space, file_of(library).parent)
        assert_equal(opened_again(library), build_profiles(library.catalog, library.space))
