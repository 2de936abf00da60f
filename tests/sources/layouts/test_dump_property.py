"""In a dump nothing is lost and nothing counted twice, whatever the index and the files are."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.sources import Candidate, GameSource, Layout, Route

SPEAKERS = ["琴子", "Ａ", "a", "？？？", "Mr.N", "A／B", ".."]
FOLDERS = ["", "voice/", "Voice/", "琴子/", "a/", "Ａ/", "x/y/", "data/", "data/琴子/", "A／B/"]
STEMS = ["1", "Mr.N", "2.5", "ep1", "EP1", "ｅｐ１"]
SUFFIXES = [".ogg", ".OGG", ".flac", ".wav"]
WRITTEN = st.one_of(
    st.builds(
        "{}{}{}".format, st.sampled_from([*FOLDERS, "../"]), st.sampled_from(STEMS), st.sampled_from(["", *SUFFIXES])
    ),
    st.sampled_from(["", "..", "/1.ogg", "C:\\1.ogg", "琴子\\ep1.ogg"]),
)
ROWS = st.one_of(
    st.fixed_dictionaries({"Speaker": st.sampled_from(SPEAKERS), "Voice": WRITTEN}),
    st.fixed_dictionaries(
        {"Speaker": st.sampled_from(SPEAKERS), "FilePath": WRITTEN.map(lambda path: path.replace("/", "\\"))}
    ),
    st.sampled_from([None, [], {"Speaker": 1}]),
)
FILES = st.sets(
    st.builds("{}{}{}".format, st.sampled_from(FOLDERS), st.sampled_from(STEMS), st.sampled_from([*SUFFIXES, ".txt"])),
    max_size=12,
)
FROM_ROWS = {Route.EXACT, Route.SIBLING, Route.STEM, Route.MISSING, Route.REPEATED, Route.MALFORMED}
WITH_FILE = {Route.EXACT, Route.SIBLING, Route.STEM, Route.UNLISTED}


@settings(deadline=None, derandomize=True, max_examples=120)
@given(rows=st.lists(ROWS, max_size=14), files=FILES, index=st.sampled_from(["index.json", "data/index.json"]))
def test_every_row_is_one_candidate_and_every_file_one_that_is_not_repeated(
    tmp_path_factory: pytest.TempPathFactory, rows: list[object], files: set[str], index: str
) -> None:
    root = tmp_path_factory.mktemp("game").resolve()
    (root / index).parent.mkdir(exist_ok=True)
    (root / index).write_text(json.dumps(rows), encoding="utf-8")
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    on_disk = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.suffix.lower() in {".ogg", ".flac", ".wav"}
    }

    clips = list(GameSource(root, "maker", "title", Layout.DUMP, index).candidates())

    assert clips == list(GameSource(root, "maker", "title", Layout.DUMP, index).candidates())
    assert [clip.route in FROM_ROWS for clip in clips] == [True] * len(rows) + [False] * (len(clips) - len(rows))
    assert Counter(clip.path for clip in clips if clip.route in WITH_FILE) == Counter(on_disk)
    for clip, row in zip(clips, rows, strict=False):
        check(clip, row, on_disk)


def check(clip: Candidate, row: object, on_disk: set[str]) -> None:
    assert (clip.size == -1) == (clip.route in {Route.MISSING, Route.MALFORMED})
    assert (clip.route is Route.MALFORMED) == clip.why.endswith(".")
    if clip.route is not Route.MALFORMED:
        assert isinstance(row, dict)
        assert clip.character == (None if row["Speaker"] == "？？？" else row["Speaker"])
        assert (clip.path in on_disk) == (clip.route is not Route.MISSING)
