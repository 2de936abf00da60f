"""Voices in object storage: the same catalog as from a disk, few requests, and a sentence for all that goes wrong."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from buckets import BUCKET, Bucket, credentials_wrong, served
from ingest.taking import embedded
from standin import StandInEncoder, write_dump, write_voice

from speaker_search.entities import ObjectPath
from speaker_search.errors import NotFoundError, SourceError
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.sources.objects.store import store

CAST = {"琴子": 1, "Ann": 2, "Bob": 3}
CLIPS = 9


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with served() as bucket:
        yield bucket


@pytest.fixture
def bucket(server: Bucket) -> Iterator[Bucket]:
    server.asked.clear()
    store.cache_clear()  # as in another process
    yield server
    server.denied.clear()
    server.busy.clear()
    if any(one["Name"] == BUCKET for one in server.client.list_buckets()["Buckets"]):
        server.empty()
    else:
        server.client.create_bucket(Bucket=BUCKET)


@pytest.fixture
def library(tmp_path: Path, sqlite_catalog_url: str, encoder: StandInEncoder) -> Iterator[Library]:
    settings = Settings(home=tmp_path / "home", database_url=sqlite_catalog_url, encoder="stand-in")
    with Library(settings, encoder=encoder) as opened:
        yield opened


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`<Maker>_<Title>` with an index.json, nine sounds and one row without a file."""
    folder = tmp_path_factory.mktemp("dumps") / "Key_空"
    rows = [{"Speaker": "Ann", "Voice": "nowhere", "Text": "…"}]
    for who, number in CAST.items():
        for take in range(3):
            write_voice(folder / who / f"{who}{take}.wav", number, take)
            rows.append({"Speaker": who, "Voice": f"{who}{take}", "Text": f"line {take}"})
    (folder / "index.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder


def as_dump(folder: Path, game: Path) -> None:
    for path in (path for path in game.rglob("*") if path.is_file()):
        place = folder / game.name / path.relative_to(game)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())


def as_folders(folder: Path, game: Path) -> None:
    for path in game.rglob("*.wav"):
        place = folder / "Key" / game.name[4:] / path.relative_to(game)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())


def as_list(folder: Path, game: Path) -> None:
    lines = ["path,character,text,maker,game"]
    for path in sorted(game.rglob("*.wav")):
        (folder / "sounds").mkdir(parents=True, exist_ok=True)
        (folder / "sounds" / path.name).write_bytes(path.read_bytes())
        lines.append(f"sounds/{path.name},{path.parent.name},a line,Key,{game.name[4:]}")
    (folder / "list.csv").write_text("\n".join(lines), encoding="utf-8")


def as_zip(folder: Path, game: Path) -> None:
    folder.mkdir()
    with zipfile.ZipFile(folder / f"{game.name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in game.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(game).as_posix())


def as_tar(folder: Path, game: Path) -> None:
    folder.mkdir()
    with tarfile.open(folder / f"{game.name}.tar", "w") as archive:
        for path in sorted(path for path in game.rglob("*") if path.is_file()):
            archive.add(path, path.relative_to(game).as_posix())


def as_7z(folder: Path, game: Path) -> None:
    import py7zr

    folder.mkdir()
    with py7zr.SevenZipFile(folder / f"{game.name}.7z", "w") as archive:
        for path in sorted(path for path in game.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(game).as_posix())


def as_parquet(folder: Path, game: Path) -> None:
    folder.mkdir()
    rows: list[dict[str, Any]] = [
        {"audio": {"bytes": path.read_bytes(), "path": path.name}, "character": path.parent.name, "text": "a line"}
        for path in sorted(game.rglob("*.wav"))
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{game.name}.parquet")


LAYOUTS: dict[str, Callable[[Path, Path], None]] = {
    "dump": as_dump,
    "folders": as_folders,
    "list": as_list,
    "zip": as_zip,
    "tar": as_tar,
    "7z": as_7z,
    "parquet": as_parquet,
}


def held(library: Library, top: str) -> dict[str, tuple[object, ...]]:
    """All that the catalog has of each embedded clip, by its place below a folder."""
    found: dict[str, tuple[object, ...]] = {}
    vectors = {str(path).removeprefix(top).lstrip("/"): vector for path, vector in embedded(library).items()}
    for one in library.characters().characters:
        for clip in library.show(one.id).clips:
            place = str(clip.path).removeprefix(top).lstrip("/")
            if place in vectors:
                found[place] = (one.address, clip.text, clip.seconds, vectors[place])
    return found


def test_a_catalog_from_a_bucket_is_that_from_a_disk(
    game: Path, bucket: Bucket, library: Library, tmp_path: Path, encoder: StandInEncoder
) -> None:
    folder, total = tmp_path / "voices", CLIPS * len(LAYOUTS)
    for layout, write in LAYOUTS.items():
        write(folder / layout, shutil.copytree(game, tmp_path / "games" / f"Key_{layout}"))
    top = bucket.fill(folder, "a/b c/")
    addresses = [f"{top}/{layout}/" for layout in LAYOUTS]  # a trailing slash says nothing
    preview = Library.preview(library.settings, addresses)
    report = library.ingest(addresses, processes=1)
    assert (report.embedded, report.problems, library.verify().ok) == (total, [], True)
    assert preview.routes == report.routes
    with Library(Settings(home=tmp_path / "disk", encoder="stand-in"), encoder=encoder) as disk:
        assert disk.ingest([folder / layout for layout in LAYOUTS], processes=1).routes == report.routes
        ours = held(library, top)
        assert ours == held(disk, str(folder))
    assert len(ours) == total
    known = library.ingest(addresses, processes=1)
    assert (known.known, known.new, known.changed, known.gone, known.opened) == (report.new, 0, 0, 0, 0)

    content = (game / "琴子" / "琴子0.wav").read_bytes()
    for layout in LAYOUTS:
        clip = library.show(f"{layout}/琴子").clips[0]
        assert isinstance(clip.path, ObjectPath)
        assert json.loads(clip.model_dump_json())["path"] == str(clip.path)
        assert library.sound(clip.id).source == content
        assert library.sound(clip.id, read=False).source in (b"", content)
    assert library.similar("dump/琴子").matches[0].character.name == "琴子"


def test_sounds_are_fetched_once_each_after_one_listing(game: Path, bucket: Bucket, library: Library) -> None:
    library.ingest([bucket.fill(game, "Key_空/")], processes=1)
    assert len(bucket.lists()) == 1
    assert sorted(one.path.rpartition("/")[2] for one in bucket.gets(".wav")) == sorted(
        f"{who}{take}.wav" for who in CAST for take in range(3)
    )
    assert not [one for one in bucket.asked if one.method == "HEAD" and one.path.endswith(".wav")]


def test_one_member_of_a_zip_costs_one_range_and_not_the_zip(bucket: Bucket, library: Library, tmp_path: Path) -> None:
    line = write_voice(tmp_path / "line.wav", 1, seconds=5.0).read_bytes()  # 160 kB
    members = io.BytesIO()
    with zipfile.ZipFile(members, "w") as archive:
        for number in range(40):
            archive.writestr(f"Ann/{number:03d}.wav", line + bytes(number))
    size = len(members.getvalue())
    bucket.put("Kumo_Ame.zip", members.getvalue())
    library.ingest([f"s3://{BUCKET}/Kumo_Ame.zip"], enqueue=True)
    assert all(one.range for one in bucket.gets())
    assert sum(one.sent for one in bucket.gets()) < size / 10  # the directory at its end
    library.work(drain=True, processes=1)
    library.archives.close()
    bucket.asked.clear()
    clip = library.show("Ann").clips[0]
    assert library.sound(clip.id).size == len(line)
    assert all(one.range for one in bucket.gets())
    assert sum(one.sent for one in bucket.gets()) < size / 10


def test_a_file_that_was_replaced_is_embedded_again(bucket: Bucket, library: Library, tmp_path: Path) -> None:
    address = bucket.fill(write_dump(tmp_path / "voices", {"Kumo/Ame": {"Ann": 1}}), "v/")
    library.ingest([address], processes=1)
    bucket.put("v/Kumo/Ame/Ann/000.wav", write_voice(tmp_path / "new.wav", 5).read_bytes())  # the same size
    bucket.client.delete_object(Bucket=BUCKET, Key="v/Kumo/Ame/Ann/001.wav")
    report = library.ingest([address], processes=1)
    assert (report.changed, report.gone, report.known, report.embedded) == (1, 1, 1, 1)
    assert library.forget_gone().clips == 1
    bucket.client.delete_object(Bucket=BUCKET, Key="v/Kumo/Ame/Ann/002.wav")
    assert library.forget_gone(f"{address}/Kumo/Ame").clips == 1
    assert library.verify().ok


def test_voices_that_were_moved_into_a_bucket_and_within_it_stay_the_same_clips(
    bucket: Bucket, library: Library, tmp_path: Path
) -> None:
    folder = write_dump(tmp_path / "voices", {"Kumo/Ame": {"Ann": 1}}, clips=12)
    library.ingest([folder], processes=1)
    ids = [clip.id for clip in library.show("Ann").clips]
    address = bucket.fill(folder, "v/")
    folder.rename(tmp_path / "put away")
    moved = library.ingest([address], processes=1)
    assert moved.moved == [f"{folder}/Kumo/Ame is now {address}/Kumo/Ame; its clips were kept."]
    assert (moved.new, moved.changed) == (0, 12)  # a store gives a file its own time
    bucket.empty()
    again = bucket.fill(tmp_path / "put away", "w/")
    assert len(library.ingest([again], processes=1).moved) == 1
    assert [clip.id for clip in library.show("Ann").clips] == ids


def test_odd_keys_are_read_or_told_of(bucket: Bucket, library: Library, tmp_path: Path) -> None:
    sound = [write_voice(tmp_path / f"{number}.wav", 1, number).read_bytes() for number in range(9)]
    bucket.put("v/", b"")
    bucket.put("v/Kumo/Ame/", b"")
    bucket.put("v/Kumo/Ame/ア イ#?%41&+/一.wav", sound[0])
    bucket.put("v/Kumo/Ame/Ann/zero.wav", b"")
    bucket.put("v/Kumo/Ame/Ann/two.wav", sound[1])
    bucket.put("v/Kumo/Ame/Ann//double.wav", sound[2])
    bucket.put("v/Kumo/Ame/Ann/../dots.wav", sound[3])
    bucket.put("v//outside.wav", sound[4])
    report = library.ingest([f"s3://{BUCKET}/v"], processes=1)
    assert (report.embedded, report.refused) == (2, {"empty": 1})
    assert report.routes == {"folder": 3, "malformed": 2}
    assert any("outside.wav" in problem and "key" in problem for problem in report.problems)
    assert library.sound(library.show("ア イ#?%41&+").clips[0].id).source == sound[0]


def test_wrong_credentials_are_a_sentence_and_never_shown(
    bucket: Bucket, library: Library, game: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = bucket.fill(game, "Key_空/")
    with credentials_wrong(), pytest.raises(SourceError) as raised:
        library.ingest([address])
    assert "cannot be read: the credentials are refused (InvalidAccessKeyId). Set AWS_ACCESS_KEY_ID" in str(
        raised.value
    )
    assert "very+secret" not in f"{raised.value}{caplog.text}"


def test_clips_stay_pending_while_credentials_are_refused(bucket: Bucket, library: Library, game: Path) -> None:
    address = bucket.fill(game, "Key_空/")
    library.ingest([address], enqueue=True)
    with credentials_wrong():
        report = library.work(drain=True, processes=1)
    assert (report.embedded, report.pending, report.refused) == (0, CLIPS, {})
    assert [problem.partition(", since ")[0] for problem in report.problems] == [f"{address} cannot be reached"]
    store.cache_clear()  # as in another process
    assert library.work(drain=True, processes=1).embedded == CLIPS


@pytest.mark.parametrize("layout", ["dump", "zip"])
def test_clips_of_a_bucket_that_vanished_stay_pending(
    layout: str, bucket: Bucket, library: Library, game: Path, tmp_path: Path
) -> None:
    LAYOUTS[layout](tmp_path / "voices", game)
    address = bucket.fill(tmp_path / "voices", "v/")
    library.ingest([address], enqueue=True)
    bucket.vanish()
    library.archives.close()
    report = library.work(drain=True, processes=1)
    assert (report.embedded, report.pending, report.refused) == (0, CLIPS, {})
    assert "stay pending" in report.problems[0]
    with pytest.raises(NotFoundError, match=r"cannot be fetched: .*does not exist"):
        library.sound(1)
    with pytest.raises(SourceError, match=f"s3://{BUCKET}/v cannot be read: its bucket does not exist"):
        library.ingest([address])


def test_one_object_that_is_denied_is_refused_with_its_reason(bucket: Bucket, library: Library, game: Path) -> None:
    address = bucket.fill(game, "Key_空/")
    bucket.denied.add("Ann1.wav")
    report = library.ingest([address], processes=1)
    assert (report.embedded, report.refused) == (CLIPS - 1, {"missing": 1, "unreadable": 1})
    (one,) = library.refused("unreadable").clips
    assert one.detail == "Ann1.wav cannot be read: access is denied (AccessDenied)."
    with pytest.raises(NotFoundError, match=r"cannot be fetched: access is denied"):
        library.sound(one.id)
    bucket.denied.clear()
    assert library.ingest([address], processes=1).embedded == 1


def test_clips_for_which_a_store_was_too_busy_stay_pending_though_it_has_since_answered(
    bucket: Bucket, library: Library, game: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clips are fetched minutes before their portion is stored."""
    monkeypatch.setattr("speaker_search.sources.objects.store.AWAY_S", 0.0)
    LAYOUTS["dump"](tmp_path / "voices", game)
    library.ingest([bucket.fill(tmp_path / "voices", "v/")], enqueue=True)
    bucket.busy.add("Ann1.wav")
    report = library.work(drain=True, processes=1)
    assert (report.refused, report.pending) == ({}, 1)
    assert "the store answers SlowDown: its clips stay pending" in report.problems[0]
    bucket.busy.clear()
    assert library.work(drain=True, processes=1).pending == 0


def test_an_endpoint_that_does_not_answer_is_a_sentence(
    bucket: Bucket, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store.cache_clear()
    with pytest.raises(
        SourceError, match=r"the store does not answer \(\w+\)\. Check the network, and AWS_ENDPOINT_URL"
    ):
        library.ingest([f"s3://{BUCKET}/v"])
    store.cache_clear()


def test_no_credentials_are_a_sentence(bucket: Bucket, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store.cache_clear()
    with pytest.raises(SourceError, match=r"no credentials were found\. Set AWS_ACCESS_KEY_ID"):
        library.ingest([f"s3://{BUCKET}/v"])
    store.cache_clear()
