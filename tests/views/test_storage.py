"""A view's folder: what is read is what was written, or it is refused, whoever is killed or writes at once."""

from __future__ import annotations

import errno
import os
import sys
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from threading import Event

import pytest

from speaker_search.errors import IndexUnusableError
from speaker_search.views import storage
from speaker_search.views.storage import MEND, Stamp, Version

PATIENCE_S = 300.0  # before a test that waits for something fails
FILES = {"large": b"0123456789" * 20, "small": b"x"}


def save(
    folder: Path,
    position: int = 12,
    files: dict[str, bytes] = FILES,
    *,
    same: Callable[[Stamp], set[str]] = lambda _: set(),
    **facts: object,
) -> Version:
    writers = {name: writer(content) for name, content in files.items()}
    return storage.save(
        folder, writers, catalog="uuid", space="stand-in@1", position=position, facts=dict(facts), same=same
    )


def writer(content: bytes) -> storage.Writer:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def contents(version: Version) -> tuple[int, dict[str, bytes]]:
    return version.stamp.position, {name: version.path(name).read_bytes() for name in version.stamp.crc32}


def loaded(folder: Path) -> tuple[int, dict[str, bytes]] | None:
    return storage.load(folder, catalog="uuid", space="stand-in@1", read=contents)


def assert_refused(folder: Path) -> None:
    with pytest.raises(IndexUnusableError) as refusal:
        loaded(folder)
    assert refusal.value.mend == MEND


def versions(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def path_of(folder: Path, file: str) -> Path:
    return folder / file if file == "current" else versions(folder)[0] / file


def test_files_come_back_as_they_were_saved(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    version = save(folder, 12, about=[1, "x"])
    assert loaded(folder) == (12, FILES)
    assert storage.in_use(folder) == version
    assert asdict(version.stamp) | {"crc32": {}} == {
        "format": storage.FORMAT,
        "catalog": "uuid",
        "space": "stand-in@1",
        "position": 12,
        "facts": {"about": [1, "x"]},
        "crc32": {},
    }


def test_a_folder_without_versions_holds_none(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert loaded(folder) is None
        assert storage.in_use(folder) is None


@pytest.mark.parametrize(("catalog", "space"), [("other", "stand-in@1"), ("uuid", "stand-in@2")])
def test_a_version_of_another_catalog_or_space_is_as_good_as_none(tmp_path: Path, catalog: str, space: str) -> None:
    save(tmp_path)
    assert storage.load(tmp_path, catalog=catalog, space=space, read=contents) is None


def test_a_version_in_another_format_is_as_good_as_none_and_is_replaced(tmp_path: Path) -> None:
    """As another program's would be: with sums that are right."""
    version = save(tmp_path)
    stamp = version.path("stamp.json")
    text = stamp.read_bytes()
    other = text.replace(b'"format": %d' % storage.FORMAT, b'"format": %d' % (storage.FORMAT + 1))
    assert other != text
    stamp.write_bytes(other)
    (tmp_path / "current").write_text(f"{version.folder.name} {zlib.crc32(other):08x}")
    assert loaded(tmp_path) is None
    assert storage.in_use(tmp_path) is None
    save(tmp_path, 13, same=lambda _: set(FILES))
    assert loaded(tmp_path) == (13, FILES)
    assert not version.folder.exists()


@pytest.mark.parametrize("file", ["large", "small", "stamp.json", "current"])
def test_one_flipped_bit_anywhere_is_refused(tmp_path: Path, file: str) -> None:
    """In every byte; of the shorter files in all its bits."""
    save(tmp_path)
    path = path_of(tmp_path, file)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in range(8) if len(whole) < 50 else [place % 8]:
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            assert_refused(tmp_path)
    path.write_bytes(whole)
    assert loaded(tmp_path) == (12, FILES)


@pytest.mark.parametrize("file", ["large", "stamp.json", "current"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, file: str, share: float) -> None:
    save(tmp_path)
    path = path_of(tmp_path, file)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert_refused(tmp_path)


@pytest.mark.parametrize("file", ["large", "stamp.json"])
@pytest.mark.parametrize("instead", ["nothing", "a folder", "a file too long"])
def test_a_file_replaced_is_refused(tmp_path: Path, file: str, instead: str) -> None:
    save(tmp_path)
    path = path_of(tmp_path, file)
    whole = path.read_bytes()
    path.unlink()
    if instead == "a folder":
        path.mkdir()
    elif instead == "a file too long":
        path.write_bytes(whole + b"\n")
    assert_refused(tmp_path)


@pytest.mark.parametrize("name", ["", "..", "../../elsewhere", "000000000012-deadbeef", "x" * 10_000, "\udcff"])
def test_a_version_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    save(tmp_path)
    (tmp_path / "current").write_bytes(name.encode("utf-8", "surrogateescape"))
    assert_refused(tmp_path)


def test_whole_files_that_nothing_can_be_made_of_are_refused_with_what_to_do(tmp_path: Path) -> None:
    save(tmp_path)

    def cannot(_: Version) -> None:
        raise ValueError("the shape is wrong")

    with pytest.raises(IndexUnusableError, match="cannot be read: the shape is wrong") as refusal:
        storage.load(tmp_path, catalog="uuid", space="stand-in@1", read=cannot)
    assert refusal.value.mend == MEND


def test_saving_over_a_damaged_version_mends_it(tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / "current").write_bytes(b"\xff\xfe")
    assert_refused(tmp_path)
    save(tmp_path, 13, same=lambda _: set(FILES))
    assert loaded(tmp_path) == (13, FILES)


# -- files that stay ---------------------------------------------------------------------------------------------


def test_files_that_stay_are_linked_and_outlive_the_version_they_came_from(tmp_path: Path) -> None:
    before = save(tmp_path, 12, piece="a")
    inode = before.path("large").stat().st_ino
    after = save(
        tmp_path,
        13,
        {"large": b"would be written", "small": b"y"},
        same=lambda stamp: {"large"} if stamp.facts["piece"] == "a" else set(),
        piece="a",
    )
    assert not before.folder.exists()
    assert after.path("large").stat().st_ino == inode
    assert loaded(tmp_path) == (13, FILES | {"small": b"y"})


def test_only_files_that_are_wanted_are_linked(tmp_path: Path) -> None:
    save(tmp_path, 12)
    save(tmp_path, 13, {"small": b"y"}, same=lambda _: {"large", "none"})
    assert loaded(tmp_path) == (13, {"small": b"y"})


def test_a_file_that_cannot_be_linked_is_written(tmp_path: Path) -> None:
    before = save(tmp_path, 12)
    before.path("large").unlink()
    save(tmp_path, 13, same=lambda _: {"large"})
    assert loaded(tmp_path) == (13, FILES)


# -- kills, full disks, other programs --------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the killed program is a fork")
def test_a_kill_between_any_two_steps_leaves_the_old_or_the_new_version(tmp_path: Path) -> None:
    """A child saves and ends itself before its n-th call to the file system, for every n that it gets to."""
    old, new = (12, FILES), (13, {"large": FILES["large"], "small": b"new", "more": b"z"})
    seen = []
    for step in range(1, 200):
        folder = tmp_path / str(step)
        save(folder, *old)
        if killed_at(step, lambda folder=folder: save(folder, *new, same=lambda _: {"large"})):  # type: ignore[misc]
            seen.append(loaded(folder))
            assert seen[-1] in (old, new), f"step {step}"
            save(folder, 14)
            assert loaded(folder) == (14, FILES)
        else:
            break
    assert seen == [old] * seen.count(old) + [new] * seen.count(new)
    assert seen.count(old) > 12
    assert seen.count(new) > 3  # while the old version is being cleared


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Whether a child process that works was killed at its n-th call to the file system, or came through before."""
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, _: object) -> None:
            nonlocal left
            left -= event == "open" or event.startswith(("os.", "shutil."))
            if left == 0:
                os._exit(1)

        try:
            sys.addaudithook(count)
            work()
            os._exit(0)
        finally:
            os._exit(2)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1)
    return code == 1


def test_what_a_kill_left_behind_is_cleared_once_no_program_can_be_writing_it(tmp_path: Path) -> None:
    save(tmp_path)
    young, abandoned = tmp_path / "000000000098-0a1b2c3d", tmp_path / "000000000099-0a1b2c3d"
    for half in (young, abandoned):
        half.mkdir()
        (half / "large").write_bytes(b"01")
        (tmp_path / f"current.{half.name}").write_text(half.name)
    long_ago = time.time() - 2 * storage.ABANDONED_AFTER_S
    os.utime(abandoned, (long_ago, long_ago))
    assert loaded(tmp_path) == (12, FILES)
    save(tmp_path, 13)
    assert {path.name for path in tmp_path.iterdir()} >= {young.name, f"current.{young.name}"}
    assert not abandoned.exists()
    assert not (tmp_path / f"current.{abandoned.name}").exists()


def test_files_beside_the_versions_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("kept")
    (tmp_path / "scores").mkdir()
    save(tmp_path)
    save(tmp_path, 13)
    assert (tmp_path / "notes.txt").read_text() == "kept"
    assert [path.name for path in versions(tmp_path)][1:] == ["scores"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("No space left\n x")])
def test_a_full_disk_leaves_the_version_in_use_and_nothing_of_the_new_one(tmp_path: Path, error: Exception) -> None:
    save(tmp_path)

    def disk_full(path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    with pytest.raises(IndexUnusableError, match=r"cannot be written to .*: No space left") as refusal:
        storage.save(tmp_path, {"large": disk_full}, catalog="uuid", space="s", position=13, facts={})
    assert "then run `spksearch index build`" in refusal.value.mend
    assert loaded(tmp_path) == (12, FILES)
    assert sorted(path.name for path in tmp_path.iterdir()) == [versions(tmp_path)[0].name, "current"]


def test_a_place_that_cannot_be_written_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IndexUnusableError, match=r"cannot be written to .*: Not a directory") as refusal:
        save(tmp_path / "file" / "index")
    assert "set another SPKSEARCH_HOME, then run `spksearch index build`" in refusal.value.mend
    assert_refused(tmp_path / "file" / "index")


def test_a_version_swapped_in_while_the_one_before_is_read_is_read_instead(tmp_path: Path) -> None:
    save(tmp_path, 12)
    read: list[int] = []

    def read_slowly(version: Version) -> tuple[int, dict[str, bytes]]:
        read.append(version.stamp.position)
        if len(read) < 3:
            save(tmp_path, 12 + len(read))
        return contents(version)

    assert storage.load(tmp_path, catalog="uuid", space="stand-in@1", read=read_slowly) == (14, FILES)
    assert read == [12, 13, 14]


def test_programs_that_save_at_once_and_one_that_loads_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Each version's file is as many bytes as its position says."""
    save(tmp_path, 1, {"large": b"x"})
    has_loaded, saved = Event(), Event()

    def save_some(first: int) -> None:
        for position in range(first, 40, 2):
            save(tmp_path, position, {"large": b"x" * position})
            assert has_loaded.wait(PATIENCE_S)  # at least one load comes in between

    def load_on() -> None:
        while not saved.is_set():
            try:
                found = loaded(tmp_path)
            finally:
                has_loaded.set()
            assert found is not None
            assert found == (found[0], {"large": b"x" * found[0]})

    with ThreadPoolExecutor(3) as pool:
        loader = pool.submit(load_on)
        writers = [pool.submit(save_some, first) for first in (2, 3)]
        try:
            for each in writers:
                each.result()
        finally:
            saved.set()
        loader.result()
    found = loaded(tmp_path)
    assert found is not None
    assert found[0] in (38, 39)
