"""What a program keeps of its views for the next start, and when."""

from __future__ import annotations

import json
import shutil
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from search.asking import kept_position, late, nearest
from search.filling import fill, some_voices
from standin import StandInEncoder
from views.made_up import assert_same

from speaker_search.catalog import log
from speaker_search.catalog.database import open_catalog
from speaker_search.catalog.log import Change
from speaker_search.library import Library
from speaker_search.search.live import SAVE_AFTER_CHANGES, SCORES, Live
from speaker_search.settings import Settings
from speaker_search.views import storage
from speaker_search.views.snapshot import follow, load
from speaker_search.views.storage import folder_of

VOICES = some_voices(games=4, characters=5, clips=3)
on_sqlite = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


@pytest.fixture
def folder(library: Library) -> Path:
    fill(library, VOICES)
    return folder_of(library.settings.home, library.catalog.uuid, library.space)


@on_sqlite
def test_views_are_kept_when_there_would_be_much_to_follow(library: Library, folder: Path) -> None:
    first = Live(library.catalog, library.space, folder)
    assert kept_position(folder) == first.ready.snapshot.position
    fill(library, late(1))
    second = Live(library.catalog, library.space, folder)
    assert kept_position(folder) == first.ready.snapshot.position < second.ready.snapshot.position
    assert kept_position(folder / SCORES) == second.ready.snapshot.position
    again = Change(library.space.id, "relabelled", int(second.ready.snapshot.clips.all().ids[0]), None, None)
    with library.catalog.write() as connection:
        log.append(connection, [again] * SAVE_AFTER_CHANGES)
    third = Live(library.catalog, library.space, folder)
    assert kept_position(folder) == third.ready.snapshot.position
    assert_same(third.ready.snapshot, loaded(library, folder))


@on_sqlite
def test_a_small_catalog_is_read_and_not_rebuilt_from_the_second_opening_on(library: Library, folder: Path) -> None:
    """However few its changes are, and also when a few came since."""
    first = Live(library.catalog, library.space, folder).ready
    second = Live(library.catalog, library.space, folder).ready
    fill(library, late(1))
    third = Live(library.catalog, library.space, folder).ready
    segments = {one.snapshot.clips.segment.id for one in (first, second, third)}
    assert len(segments) == 1
    assert (len(second.snapshot.clips.tail), len(third.snapshot.clips.tail)) == (0, 3)


def loaded(library: Library, folder: Path) -> object:
    return load(folder, library.catalog.uuid, library.space)


@on_sqlite
def test_views_of_a_catalog_put_back_from_a_copy_are_kept_at_once(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    """Or the next start, when the log has grown past theirs, would follow on from the wrong ones."""
    url, space = library.catalog.engine.url, library.space
    library.catalog.close()
    shutil.copy(str(url.database), tmp_path / "copy.db")
    fill(library, late(1))
    Live(library.catalog, space, folder).save()
    library.catalog.close()
    shutil.copy(tmp_path / "copy.db", str(url.database))
    restored = open_catalog(url)
    Live(restored, space, folder)
    restored.close()
    fill(library, late(2, clips=5))
    after = Live(library.catalog, space, folder)
    assert_same(after.ready.snapshot, follow(library.catalog, space, None))


@on_sqlite
def test_views_saved_before_they_held_lengths_are_rebuilt_silently(
    library: Library, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Live(library.catalog, library.space, folder)
    without_lengths(folder)
    without_lengths(folder / SCORES)
    assert loaded(library, folder) is None
    after = Live(library.catalog, library.space, folder)
    assert_same(after.ready.snapshot, follow(library.catalog, library.space, None))
    assert_same(loaded(library, folder), after.ready.snapshot)
    assert kept_position(folder) == kept_position(folder / SCORES) == after.ready.snapshot.position
    assert not caplog.records


def without_lengths(folder: Path) -> None:
    """Rewrite the version in use as format 2 had it."""
    version = storage.in_use(folder)
    assert version is not None
    version.path("seconds.npy").unlink(missing_ok=True)
    for path in version.folder.glob("*.npz"):
        with np.load(path) as file:
            kept = {name: file[name] for name in file.files if name not in ("seconds", "milliseconds")}
        np.savez(path, **kept)
    sums = {path.name: zlib.crc32(path.read_bytes()) for path in version.folder.iterdir() if path.name != "stamp.json"}
    stamp = json.dumps(asdict(version.stamp) | {"format": 2, "crc32": sums}).encode()
    version.path("stamp.json").write_bytes(stamp)
    (folder / "current").write_text(f"{version.folder.name} {zlib.crc32(stamp):08x}")


@on_sqlite
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the one place where not even root may make a folder")
def test_a_reader_that_may_not_write_has_the_views_all_the_same(library: Library, folder: Path) -> None:
    """With nothing saved it makes them at every opening."""
    for _ in range(2):
        live = Live(library.catalog, library.space, Path("/proc/index"))
        assert nearest(library.catalog, live, 1)


@on_sqlite
def test_views_made_anew_on_request_take_the_place_of_damaged_ones(
    library: Library, folder: Path, settings: Settings
) -> None:
    Live(library.catalog, library.space, folder)
    version = storage.in_use(folder)
    assert version is not None
    version.path("vectors.npy").write_bytes(b"")
    library.build_index()
    with Library(settings, encoder=StandInEncoder()) as again:
        assert again.verify().ok
        assert again.ready.snapshot.clips.clips == 4 * (5 * 3 + 2)
