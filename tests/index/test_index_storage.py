"""The index's folder: what is read is what was written, or it is refused."""

from __future__ import annotations

import os
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from speaker_search.errors import IndexUnusableError
from speaker_search.index import storage
from speaker_search.index.clip_index import ClipIndex, build
from speaker_search.index.plan import Plan, plan

DIM = 4
MEND = "Run `spksearch index build`: it is made again from the catalog, nothing is lost."
plans = pytest.mark.parametrize("made", [plan(0), Plan("ivf", 4, 4, "by hand")], ids=["flat", "ivf"])


def index_of(clips: int, *, seq: int, made: Plan | None = None) -> ClipIndex:
    vectors = np.random.default_rng(seq).standard_normal((clips, DIM)).astype(np.float32)
    index = build(made or plan(clips), DIM, clips, lambda count: vectors[:count])
    index.add(np.arange(clips), vectors)
    index.seq = seq
    return index


def save(folder: Path, index: ClipIndex) -> storage.Stamp:
    return storage.save(folder, index, catalog="uuid", space="stand-in@1")


def held(index: ClipIndex) -> dict[int, bytes]:
    return {int(id_): vector.tobytes() for ids, part in index.contents() for id_, vector in zip(ids, part, strict=True)}


def loaded(folder: Path) -> tuple[ClipIndex, storage.Stamp]:
    found = storage.load(folder)
    assert found is not None
    return found


def version_of(folder: Path) -> Path:
    """The folder of the only version there is."""
    (version,) = (path for path in folder.iterdir() if path.is_dir())
    return version


def assert_refused(folder: Path) -> None:
    with pytest.raises(IndexUnusableError) as refusal:
        storage.load(folder)
    assert refusal.value.mend == MEND


@plans
def test_an_index_comes_back_as_it_was_saved(tmp_path: Path, made: Plan) -> None:
    index = index_of(9, seq=12, made=made)
    stamp = save(tmp_path / "new" / "folder", index)
    again, its_stamp = loaded(tmp_path / "new" / "folder")
    assert held(again) == held(index)
    assert (again.plan, again.built_for, again.seq, again.clips, again.dim) == (made, 9, 12, 9, DIM)
    assert its_stamp == stamp == storage.read_stamp(tmp_path / "new" / "folder")
    assert (stamp.catalog, stamp.space, stamp.clips, stamp.seq) == ("uuid", "stand-in@1", 9, 12)


@plans
def test_a_loaded_index_takes_in_and_gives_up_clips(tmp_path: Path, made: Plan) -> None:
    save(tmp_path, index_of(9, seq=12, made=made))
    again, _ = loaded(tmp_path)
    again.remove(np.array([3]))
    again.add(np.array([50]), np.ones((1, DIM), np.float32) / 2)
    assert held(again).keys() == {0, 1, 2, 4, 5, 6, 7, 8, 50}


def test_an_empty_index_comes_back(tmp_path: Path) -> None:
    save(tmp_path, index_of(0, seq=3))
    assert loaded(tmp_path)[0].clips == 0


def test_a_folder_without_an_index_holds_none(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert storage.load(folder) is None
        assert storage.read_stamp(folder) is None


@plans
@pytest.mark.parametrize("file", ["clips.faiss", "stamp.json", "current"])
def test_one_flipped_bit_anywhere_is_refused(tmp_path: Path, file: str, made: Plan) -> None:
    """In every byte; of the shortest file in all its bits."""
    save(tmp_path, index_of(9, seq=12, made=made))
    path = tmp_path / file if file == "current" else version_of(tmp_path) / file
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in range(8) if file == "current" else [place % 8]:
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(IndexUnusableError) as refusal:
                storage.load(tmp_path)
            assert refusal.value.mend == MEND, f"bit {bit} of byte {place}"
    path.write_bytes(whole)
    assert loaded(tmp_path)[0].clips == 9


@pytest.mark.parametrize("file", ["clips.faiss", "stamp.json", "current"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, file: str, share: float) -> None:
    save(tmp_path, index_of(9, seq=12))
    path = tmp_path / file if file == "current" else version_of(tmp_path) / file
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert_refused(tmp_path)


@pytest.mark.parametrize("file", ["clips.faiss", "stamp.json"])
@pytest.mark.parametrize("instead", ["nothing", "a folder", "a file too long"])
def test_a_file_replaced_is_refused(tmp_path: Path, file: str, instead: str) -> None:
    save(tmp_path, index_of(9, seq=12))
    path = version_of(tmp_path) / file
    whole = path.read_bytes()
    path.unlink()
    if instead == "a folder":
        path.mkdir()
    elif instead == "a file too long":
        path.write_bytes(whole + b"\n")
    assert_refused(tmp_path)
    if file == "stamp.json":
        with pytest.raises(IndexUnusableError):
            storage.read_stamp(tmp_path)


@pytest.mark.parametrize("name", ["", "..", "../../elsewhere", "000000000012-deadbeef", "x" * 10_000, "\udcff"])
def test_a_version_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    save(tmp_path, index_of(9, seq=12))
    (tmp_path / "current").write_bytes(name.encode("utf-8", "surrogateescape"))
    assert_refused(tmp_path)


def test_an_index_of_another_format_is_refused(tmp_path: Path) -> None:
    """As a later program would write it: with sums that are right."""
    index = index_of(9, seq=12)
    stamp = save(tmp_path, index)
    before = storage.STAMP_VERSION
    text = (version_of(tmp_path) / "stamp.json").read_bytes()
    later = text.replace(b'"version": %d' % before, b'"version": %d' % (before + 1))
    assert later != text
    (version_of(tmp_path) / "stamp.json").write_bytes(later)
    (tmp_path / "current").write_text(f"{version_of(tmp_path).name} {zlib.crc32(later):08x}")
    with pytest.raises(IndexUnusableError, match="was written by another version of this program") as refusal:
        storage.load(tmp_path)
    assert refusal.value.mend == MEND
    assert stamp.version == before


def test_a_new_version_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    save(tmp_path, index_of(9, seq=12))
    old = version_of(tmp_path)
    save(tmp_path, index_of(5, seq=13))
    assert not old.exists()
    assert (loaded(tmp_path)[0].clips, version_of(tmp_path).name[:12]) == (5, "000000000013")


def test_saving_over_a_damaged_index_mends_it(tmp_path: Path) -> None:
    save(tmp_path, index_of(9, seq=12))
    (tmp_path / "current").write_bytes(b"\xff\xfe")
    assert_refused(tmp_path)
    save(tmp_path, index_of(5, seq=13))
    assert loaded(tmp_path)[0].clips == 5


@pytest.mark.parametrize("left", ["empty folder", "index without stamp", "all but the swap"])
def test_a_kill_before_the_swap_leaves_the_old_version_in_use(tmp_path: Path, left: str) -> None:
    save(tmp_path, index_of(9, seq=12))
    before = held(loaded(tmp_path)[0])
    half = tmp_path / "000000000099-0a1b2c3d"
    half.mkdir()
    if left != "empty folder":
        (half / "clips.faiss").write_bytes(b"IxFI\0\0")
    if left == "all but the swap":
        (half / "stamp.json").write_text("{}")
        (tmp_path / f"current.{half.name}").write_text(half.name)
    again, stamp = loaded(tmp_path)
    assert (held(again), stamp.seq) == (before, 12)


def test_what_a_kill_left_behind_is_cleared_once_no_program_can_be_writing_it(tmp_path: Path) -> None:
    save(tmp_path, index_of(9, seq=12))
    young, abandoned = tmp_path / "000000000098-0a1b2c3d", tmp_path / "000000000099-0a1b2c3d"
    for half in (young, abandoned):
        half.mkdir()
        (half / "clips.faiss").write_bytes(b"IxFI\0\0")
    long_ago = time.time() - 2 * storage.ABANDONED_AFTER_S
    os.utime(abandoned, (long_ago, long_ago))
    save(tmp_path, index_of(5, seq=13))
    assert young.exists()
    assert not abandoned.exists()


def test_files_beside_the_versions_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "profiles.npz").write_text("kept")
    (tmp_path / "notes").mkdir()
    save(tmp_path, index_of(9, seq=12))
    save(tmp_path, index_of(5, seq=13))
    assert (tmp_path / "profiles.npz").read_text() == "kept"
    assert (tmp_path / "notes").is_dir()


def test_programs_that_save_at_once_and_one_that_loads_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Each save is of an index whose number of clips is its place in the log."""
    save(tmp_path, index_of(1, seq=1))
    saving = Event()

    def save_some(first: int) -> None:
        for seq in range(first, 40, 2):
            save(tmp_path, index_of(seq, seq=seq))

    def load_on() -> int:
        loads = 0
        while not saving.is_set():
            index, stamp = loaded(tmp_path)
            assert index.clips == stamp.clips == stamp.seq == index.seq
            assert index.nearest(np.ones(DIM, np.float32), 100)[0].size == index.clips
            loads += 1
        return loads

    with ThreadPoolExecutor(3) as pool:
        loading = pool.submit(load_on)
        writers = [pool.submit(save_some, first) for first in (2, 3)]
        try:
            for writer in writers:
                writer.result()
        finally:
            saving.set()
        assert loading.result() > 0
    assert loaded(tmp_path)[1].seq in (38, 39)


def test_a_place_that_cannot_be_written_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IndexUnusableError, match=r"cannot be written to .*: Not a directory") as refusal:
        save(tmp_path / "file" / "index", index_of(1, seq=1))
    assert "give another SPKSEARCH_HOME, then run `spksearch index build`" in refusal.value.mend
    assert_refused(tmp_path / "file" / "index")


def test_the_stamp_says_what_the_folder_holds(tmp_path: Path) -> None:
    stamp = save(tmp_path, index_of(9, seq=12))
    assert asdict(stamp) | {"crc32": {}} == {
        "version": storage.STAMP_VERSION,
        "catalog": "uuid",
        "space": "stand-in@1",
        "clips": 9,
        "seq": 12,
        "built_for": 9,
        "plan": asdict(plan(9)),
        "crc32": {},
    }
