"""A folder in object storage gives the games and candidates that the same folder on a disk gives."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources.objects.memory import google

from speaker_search.entities import ObjectPath
from speaker_search.errors import SourceError
from speaker_search.sources import Scan, scan

NAMES = st.sampled_from(["Key_空", "a", "ab", "a!", "b", "Ann", "琴子", "wav"])
FILES = st.sampled_from(["1.ogg", "2.wav", "2.m4a", "op.mp4", "index.json", "notes.txt", "list.csv", "3.OGG", "x.zip"])
PATHS = st.builds(lambda folders, name: "/".join([*folders, name]), st.lists(NAMES, max_size=4), FILES)
CONTENTS = {
    "index.json": b'[{"Speaker": "Ann", "Voice": "1", "Text": "a"}, {"Speaker": "Bob", "Voice": "nowhere"}]',
    "list.csv": b"path,character\n1.ogg,Ann\na/1.ogg,Bob\nnowhere.ogg,Ann\n",
}


def told(found: Scan, top: str) -> list[object]:
    """All that a scan finds, with places below the top."""
    said: list[object] = [found.why]
    for game in found:
        root = str(game.root).removeprefix(top)
        try:
            ones = sorted((replace(one, mtime_ns=0) for one in game.candidates()), key=str)
        except SourceError as error:
            ones = [str(error).replace(top, "")]  # type: ignore[list-item]
        said.append((root, game.maker, game.title, game.layout, game.index, game.loose, ones))
    return said


def outcome(place: Path | ObjectPath) -> object:
    try:
        return told(scan(place, maker=None), str(place))
    except SourceError as error:
        return str(error).replace(str(place), "")


@settings(max_examples=80, deadline=None)
@given(st.sets(PATHS, min_size=1, max_size=12))
def test_a_bucket_is_read_as_a_disk_is(paths: set[str]) -> None:
    # Stores hold keys, and no key is both a file and a folder here, as on a disk.
    files = {path: CONTENTS.get(path.rpartition("/")[2], b"x" * len(path)) for path in paths}
    with tempfile.TemporaryDirectory() as name:
        top = Path(name).resolve() / "maker" / "voices"
        for path, content in files.items():
            place = top / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        on_disk = outcome(top)
    with google({f"maker/voices/{path}": content for path, content in files.items()}):
        assert outcome(ObjectPath("gs", "maker/voices")) == on_disk


def test_what_is_not_there_is_a_sentence() -> None:
    with google({"b/voices/a.ogg": b"x"}), pytest.raises(SourceError, match=r"gs://b/none"):
        scan(ObjectPath("gs", "b/none"))
