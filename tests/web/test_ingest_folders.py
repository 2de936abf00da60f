"""Folders to choose from for an ingest: those allowed and what is in them, nothing else of the server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from speaker_search.documents import Ingest, IngestReport
from speaker_search.errors import UsageError
from speaker_search.web.ingest_folders import listed, without_places


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "voices"
    for name in ("b/inner", "A", ".hidden", "工房"):
        (root / name).mkdir(parents=True)
    (root / "line.wav").write_bytes(b"")
    (tmp_path / "secret").mkdir()
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "within").symlink_to(root / "b")
    return root


def names(path: Path | None, *roots: Path) -> list[str]:
    return [one.name for one in listed(None if path is None else str(path), roots).folders]


def test_only_visible_folders_within_the_roots_are_listed(root: Path) -> None:
    assert names(None, root, root.parent / "secret") == ["voices", "secret"]
    assert names(root, root) == ["A", "b", "within", "工房"]
    found = listed(str(root / "b"), [root])
    assert (found.path, found.parent, found.complete) == (str(root / "b"), str(root), True)
    assert [one.path for one in found.folders] == [str(root / "b/inner")]
    assert listed(str(root), [root]).parent is None
    assert listed(str(root / "within"), [root]).path == str(root / "b")


@pytest.mark.parametrize("path", ["..", "out", "../secret", "nowhere\0"])
def test_no_path_leads_out_of_the_roots(root: Path, path: str) -> None:
    with pytest.raises(UsageError, match="is not in a folder of SPKSEARCH_INGEST_ROOTS"):
        listed(f"{root}/{path}", [root])


@pytest.mark.parametrize(
    ("path", "says"), [("line.wav", "line.wav is not a folder"), ("nowhere", "nowhere cannot be read: No such file")]
)
def test_what_cannot_be_listed_is_said(root: Path, path: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        listed(str(root / path), [root])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not stop this user")
def test_a_folder_without_permission_is_said(root: Path) -> None:
    (root / "b").chmod(0)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        listed(str(root / "b"), [root])


def test_a_list_ends_somewhere_and_says_so(root: Path) -> None:
    found = listed(str(root), [root], most=2)
    assert ([one.name for one in found.folders], found.complete) == (["A", "b"], False)


def test_an_ingest_without_places_names_folders_alone(root: Path) -> None:
    told = f'{root}/b/"x" holds no audio files, see {root}.'
    ingest = Ingest(
        id="1",
        requested="",
        paths=[str(root / "b"), "/old/root/c"],
        state="failed",
        progress=IngestReport(),
        error=told,
    )
    shown = without_places(ingest, [root])
    assert shown.paths == ["b", "c"]
    assert shown.error == 'b/"x" holds no audio files, see voices.'
