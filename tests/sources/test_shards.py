"""WebDataset tars and Parquet with the audio in it: what each clip's own row says of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources.packing import found, parqueted, sample, tarred, zipped

from speaker_search.entities import Refusal
from speaker_search.errors import AudioError, SourceError
from speaker_search.sources import Archives, Layout, Route, scan
from speaker_search.sources.shards import shard_names


def test_a_webdataset_says_who_speaks_in_its_json(tmp_path: Path) -> None:
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
    shard = tarred(tmp_path / "Key_AIR.tar", files)
    assert Counter(route for _, _, _, route, _ in found(shard)) == {
        Route.EXACT: 1,
        Route.UNLISTED: 3,
        Route.MISSING: 1,
        Route.MALFORMED: 3,
    }
    assert {(maker, title) for maker, title, *_ in found(shard)} == {("Key", "AIR")}


def clip(name: str | None, data: bytes | None, **rest: object) -> dict[str, object]:
    return {"audio": {"bytes": data, "path": name}, **rest}


ROWS = [
    clip("a\\kot0001.ogg", b"one", text="x", speaker="琴子", language="Japanese"),
    clip(None, b"two!", text="y", speaker="？？？", language="Japanese"),
    clip("../kot0003.ogg", b"three", text="z", speaker="アリス", language="Japanese"),
]


def test_a_hugging_face_parquet_is_read_row_by_row(tmp_path: Path) -> None:
    shard = parqueted(tmp_path / "Key_AIR.parquet", ROWS, group=2)
    scanned = scan(shard)
    assert found(scanned) == [
        ("Key", "AIR", "0/0/kot0001.ogg", Route.EXACT, "琴子"),
        ("Key", "AIR", "0/1", Route.EXACT, None),
        ("Key", "AIR", "1/0/kot0003.ogg", Route.EXACT, "アリス"),
    ]
    assert [clip.text for game in scanned for clip in game.candidates()] == ["x", "y", "z"]
    assert {clip.mtime_ns for game in scanned for clip in game.candidates()} == {shard.stat().st_mtime_ns}
    with Archives() as archives:
        for path, data in (
            ("1/0/kot0003.ogg", b"three"),
            ("0/1", b"two!"),
            ("0/0/kot0001.ogg", b"one"),
            ("0/0", b"one"),
        ):
            assert archives.read(shard, path) == data


@pytest.mark.parametrize("path", ["", "0", "0/3", "2/0", "-1/0", "0/x", "a/b/c", "0/99999999999", "0/０", "../0/0"])
def test_an_address_that_no_row_has_is_missing(tmp_path: Path, path: str) -> None:
    shard = parqueted(tmp_path / "Key_AIR.parquet", ROWS)
    with pytest.raises(AudioError) as caught:
        Archives().read(shard, path)
    assert caught.value.reason is Refusal.MISSING


def test_rows_without_audio_or_with_too_much_of_it_are_refused_one_by_one(tmp_path: Path) -> None:
    rows = [
        clip("a", b"x" * 11, speaker="a"),
        clip("b", None, speaker="a"),
        clip("c", b"", speaker="a"),
        {"speaker": "a"},
    ]
    shard = parqueted(tmp_path / "Key_AIR.parquet", [*rows, clip("e", b"x" * 10, speaker="a")])
    archives = Archives(max_member_bytes=10)
    reasons = []
    for number in range(4):
        with pytest.raises(AudioError) as caught:
            archives.read(shard, f"0/{number}")
        reasons.append(caught.value.reason)
    assert reasons == [Refusal.TOO_LONG, Refusal.MISSING, Refusal.MISSING, Refusal.MISSING]
    assert archives.read(shard, "0/4") == b"x" * 10


def test_maker_and_game_may_be_columns(tmp_path: Path) -> None:
    rows = [
        clip("a", b"1", character="a", maker="Key", game="AIR"),
        clip("b", b"2", character="b", maker="", game=None),
    ]
    (tmp_path / "m").mkdir()
    shard = parqueted(tmp_path / "m/t.parquet", rows)
    assert [(maker, title) for maker, title, *_ in found(shard)] == [("Key", "AIR"), ("m", "t")]
    assert {(game.maker, game.title) for game in scan(shard, maker="x", title="y")} == {("Key", "AIR"), ("x", "y")}


def test_bytes_alone_and_speakers_by_number(tmp_path: Path) -> None:
    shard = tmp_path / "Key_AIR.parquet"
    pq.write_table(pa.table({"audio": pa.array([b"1", b"2"]), "speaker": pa.array([7, None])}), shard)
    assert found(shard) == [("Key", "AIR", "0/0", Route.EXACT, "7"), ("Key", "AIR", "0/1", Route.EXACT, None)]
    assert Archives().read(shard, "0/1") == b"2"


def test_a_parquet_without_a_speaker_column_is_told(tmp_path: Path) -> None:
    shard = parqueted(tmp_path / "Key_AIR.parquet", [clip("a", b"1", who="a")])
    with pytest.raises(
        SourceError, match=r"no column for the character: its columns are who\. .* character or speaker"
    ):
        scan(shard)


def test_a_parquet_that_breaks_off_is_told(tmp_path: Path) -> None:
    shard = parqueted(tmp_path / "Key_AIR.parquet", ROWS)
    shard.write_bytes(shard.read_bytes()[:-30])
    with pytest.raises(SourceError, match="is broken or breaks off"):
        scan(shard)


def test_damage_among_the_clips_refuses_them_and_no_more(tmp_path: Path) -> None:
    rows = [clip(None, bytes([65 + n]) * 4000, speaker="a") for n in range(4)]
    shard = tmp_path / "Key_AIR.parquet"
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, shard, row_group_size=2, compression="zstd", use_dictionary=False)
    about = pq.ParquetFile(shard).metadata.row_group(0)
    columns = [about.column(number) for number in range(about.num_columns)]
    (audio,) = [column for column in columns if column.path_in_schema == "audio.bytes"]
    end = audio.data_page_offset + audio.total_compressed_size
    data = bytearray(shard.read_bytes())
    data[end - 20 : end] = b"\xff" * 20
    shard.write_bytes(data)
    assert len(found(shard)) == 4
    with Archives() as archives:
        with pytest.raises(AudioError) as caught:
            archives.read(shard, "0/0")
        assert caught.value.reason is Refusal.UNREADABLE
        assert archives.read(shard, "1/1") == b"D" * 4000


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("Key_AIR.tar", ("Key", "AIR")),
        ("Key_AIR-000012.tar", ("Key", "AIR")),
        ("data/train-00000-of-00010.parquet", ("around", "set")),
        ("shards/shard_0001.tar", ("around", "set")),
        ("000000.tar", ("around", "set")),
        ("genshin.parquet", ("set", "genshin")),
    ],
)
def test_numbered_shards_are_called_after_the_folders_around_them(path: str, names: tuple[str, str]) -> None:
    assert shard_names(Path("/home/around/set") / path) == names


def test_several_shards_of_one_game_are_one_game_in_several_places(tmp_path: Path) -> None:
    for number in range(3):
        tarred(tmp_path / f"data-{number:06}.tar", sample("1", "観鈴", maker="Key", game="AIR"))
    games = scan(tmp_path)
    assert [(game.maker, game.title) for game in games] == [("Key", "AIR")] * 3
    assert len({game.root for game in games}) == 3
    assert len(scan(tmp_path, title="AIR")) == 3


def test_one_title_for_several_archives_of_files_is_wrong_usage(tmp_path: Path) -> None:
    for name in ("a", "b"):
        zipped(tmp_path / f"{name}.zip", {"観鈴/1.ogg": b"1"})
    with pytest.raises(Exception, match="cannot all be called AIR"):
        scan(tmp_path, title="AIR")


SAID = st.dictionaries(
    st.sampled_from(["speaker", "Character", "maker", "game", "text", "x"]),
    st.none() | st.text(max_size=5) | st.integers() | st.lists(st.integers(), max_size=2),
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(said=st.lists(st.none() | SAID, min_size=1, max_size=8))
def test_every_sample_is_taken_once_whatever_its_json_says(
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
