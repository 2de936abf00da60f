"""WebDataset tars: what each sample's own JSON says about it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources.packing import found, sample, tarred

from speaker_search.sources import Archives, Layout, Route, scan


def test_a_sample_says_who_speaks_in_its_json(tmp_path: Path) -> None:
    files = {
        **sample("000", "観鈴", maker="Key", game="AIR", text="「にはは」"),
        **sample("Mr.N/2.5", "千鶴", brand="Leaf", title="痕"),
        "Mr.N/2.5.txt": "「おはよう」\n".encode(),
        **sample("002", "？？？", maker="Key", game="AIR"),
    }
    shard = tarred(tmp_path / "data-000000.tar", files)
    scanned = scan(shard)
    assert found(scanned) == [
        ("Key", "AIR", "000.ogg", Route.EXACT, "観鈴"),
        ("Key", "AIR", "002.ogg", Route.EXACT, None),
        ("Leaf", "痕", "Mr.N/2.5.ogg", Route.EXACT, "千鶴"),
    ]
    assert [clip.text for game in scanned for clip in game.candidates()] == ["「にはは」", "", "「おはよう」"]
    assert {game.layout for game in scanned} == {Layout.SHARDS}
    assert Archives().read(shard, "Mr.N/2.5.ogg") == b"Mr.N/2.5"


def test_what_is_wrong_with_a_sample_is_counted(tmp_path: Path) -> None:
    files = {
        **sample("1", "観鈴"),
        "2.ogg": b"without a json",
        "3.json": b'{"speaker": "a json without audio"}',
        "4.ogg": b"",
        "4.json": b"{",
        "5.ogg": b"",
        "5.json": b'{"text": "no speaker"}',
        "../6.ogg": b"",
    }
    clips = found(tarred(tmp_path / "Key_AIR.tar", files))
    assert Counter(route for _, _, _, route, _ in clips) == {
        Route.EXACT: 1,
        Route.UNLISTED: 3,
        Route.MISSING: 1,
        Route.MALFORMED: 3,
    }
    assert {(maker, title) for maker, title, *_ in clips} == {("Key", "AIR")}


SAID = st.dictionaries(
    st.sampled_from(["speaker", "Character", "maker", "game", "text", "x"]),
    st.none() | st.text(max_size=5) | st.integers() | st.lists(st.integers(), max_size=2),
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(said=st.lists(st.none() | SAID, min_size=1, max_size=8))
def test_every_sample_comes_out_once_whatever_its_json_says(
    tmp_path_factory: pytest.TempPathFactory, said: list[dict[str, object] | None]
) -> None:
    shard = tmp_path_factory.mktemp("wds") / "Key_AIR.tar"
    files = {"first.ogg": b"", "first.json": b'{"speaker": "a"}'}
    for number, values in enumerate(said):
        files[f"{number}.ogg"] = b""
        if values is not None:
            files[f"{number}.json"] = json.dumps(values).encode()
    tarred(shard, files)
    clips = [one for game in scan(shard) for one in game.candidates()]
    taken = Counter(one.path for one in clips if one.route in (Route.EXACT, Route.UNLISTED))
    assert taken == Counter(name for name in files if name.endswith(".ogg"))
    rows = sum(one.route in (Route.EXACT, Route.MALFORMED) for one in clips)
    assert rows == sum(name.endswith(".json") for name in files)
    for one in clips:
        f"{one.path}{one.text}{one.character}".encode()
