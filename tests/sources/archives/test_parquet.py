"""Parquet with the audio in it: what each row says, and its clip by row group and row."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sources.packing import found, parqueted, refusal

from speaker_search.entities import Refusal
from speaker_search.errors import SourceError
from speaker_search.sources import Archives, Route, scan


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
    clips = [clip for game in scanned for clip in game.candidates()]
    assert [clip.text for clip in clips] == ["x", "y", "z"]
    assert {clip.mtime_ns for clip in clips} == {shard.stat().st_mtime_ns}


def test_clips_are_read_in_any_order(tmp_path: Path) -> None:
    rows = [clip(f"{number}.ogg", bytes([number]) * 9, speaker="a") for number in range(100)]
    shard = parqueted(tmp_path / "Key_AIR.parquet", rows, group=40)
    addresses = [f"{number // 40}/{number % 40}/{number}.ogg" for number in range(100)]
    with Archives() as archives:
        for path in [*addresses, *reversed(addresses), addresses[85], addresses[3]]:
            assert archives.read(shard, path) == bytes([int(path.split("/")[2][:-4])]) * 9
        assert archives.read(shard, "1/0") == bytes([40]) * 9  # the name is for people


@pytest.mark.parametrize("path", ["", "0", "0/3", "2/0", "-1/0", "0/x", "a/b/c", "0/99999999999", "0/０", "../0/0"])
def test_an_address_that_no_row_has_is_missing(tmp_path: Path, path: str) -> None:
    shard = parqueted(tmp_path / "Key_AIR.parquet", ROWS)
    assert refusal(Archives(), shard, path) is Refusal.MISSING


def test_rows_without_audio_or_with_too_much_of_it_are_refused_one_by_one(tmp_path: Path) -> None:
    clips = [b"x" * 11, None, b""]
    rows = [*(clip("a", data, speaker="a") for data in clips), {"speaker": "a"}, clip("e", b"x" * 10, speaker="a")]
    shard = parqueted(tmp_path / "Key_AIR.parquet", rows)
    archives = Archives(max_member_bytes=10)
    reasons = [refusal(archives, shard, f"0/{number}") for number in range(4)]
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


def test_audio_may_be_bytes_alone_and_speakers_may_be_numbers(tmp_path: Path) -> None:
    shard = tmp_path / "Key_AIR.parquet"
    pq.write_table(pa.table({"audio": pa.array([b"1", b"2"]), "speaker": pa.array([7, None])}), shard)
    assert found(shard) == [("Key", "AIR", "0/0", Route.EXACT, "7"), ("Key", "AIR", "0/1", Route.EXACT, None)]
    assert Archives().read(shard, "0/1") == b"2"


def test_a_parquet_without_a_speaker_column_is_told(tmp_path: Path) -> None:
    shard = parqueted(tmp_path / "Key_AIR.parquet", [clip("a", b"1", who="a")])
    complaint = r"no column for the character\. Its columns are: who\. .* character or speaker"
    with pytest.raises(SourceError, match=complaint):
        scan(shard)


def test_a_truncated_parquet_is_told(tmp_path: Path) -> None:
    shard = parqueted(tmp_path / "Key_AIR.parquet", ROWS)
    shard.write_bytes(shard.read_bytes()[:-30])
    with pytest.raises(SourceError, match="is damaged or truncated"):
        scan(shard)


def test_damage_in_a_row_group_refuses_its_clips_and_no_others(tmp_path: Path) -> None:
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
        assert refusal(archives, shard, "0/0") is Refusal.UNREADABLE
        assert archives.read(shard, "1/1") == b"D" * 4000
        assert archives.read(shard, "1/0") == b"C" * 4000
