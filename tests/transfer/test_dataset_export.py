"""Data sets that are exported: what is in them, what is not, and that they are whole or not there."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sqlite3
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
import soundfile
from end_to_end.gates import gated
from end_to_end.running import quickly
from standin import RATE, StandInEncoder, write_voice
from test_layers import KnownEncoder
from transfer.gated_transfers import TRANSFERRING, dataset, on_a_small_disk

from speaker_search.documents.models.datasets import DatasetOptions, Format
from speaker_search.errors import NotFoundError, UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings

FORMATS: tuple[Format, ...] = ("webdataset", "parquet", "sbv2")
NAMES = {"Kumo_空": ("葵/茜", "B|side"), "Hare_海": ("葵/茜", "Cora\u3000")}
TEXTS = ("はい、\n行きます|よ", "「えっ」", "Hello, 世界", "そう…")


def write_voices(folder: Path) -> Path:
    """Two dumps of two characters with four lines each, whose names and texts are of the odd kind."""
    for number, (game, names) in enumerate(NAMES.items()):
        rows = []
        for place, name in enumerate(names):
            for take, text in enumerate(TEXTS):
                stem = f"{place}{take}"
                write_voice(folder / game / "voice" / f"{stem}.wav", 3 * number + place, take, 0.5 + 0.1 * take)
                rows.append({"Speaker": name, "Voice": stem, "Text": text})
        write_voice(folder / game / "voice" / "q.wav", 9, number)
        rows.append({"Speaker": "？？？", "Voice": "q", "Text": "だれ"})
        (folder / game / "index.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the voices and a home that they were taken into."""
    folder = tmp_path_factory.mktemp("taken_in")
    with Library(Settings(home=folder / "home", encoder=StandInEncoder.name), encoder=StandInEncoder()) as opened:
        opened.ingest([write_voices(folder / "voices")])
    return folder


@pytest.fixture
def library(taken_in: Path, tmp_path: Path) -> Iterator[Library]:
    """A copy of both for each test, which may change them."""
    for name in ("home", "voices"):
        shutil.copytree(taken_in / name, tmp_path / name)
    with closing(sqlite3.connect(tmp_path / "home" / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE roots SET path = replace(path, ?, ?)", (str(taken_in), str(tmp_path)))
    settings = Settings(home=tmp_path / "home", encoder=StandInEncoder.name)
    with Library(settings, encoder=StandInEncoder()) as opened:
        yield opened


def whole(form: Format = "webdataset", **more: Any) -> DatasetOptions:
    """Options that hold nobody out."""
    return DatasetOptions(form=form, **{"validation": 0.0, "test": 0.0, **more})


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def members(tar: Path) -> dict[str, bytes]:
    with tarfile.open(tar) as opened:
        return {one.name: opened.extractfile(one).read() for one in opened}  # type: ignore[union-attr]


def held(library: Library) -> Counter[tuple[str, str]]:
    """Game and character of every embedded clip whose character is known."""
    return Counter({(one.game.title, one.name): one.clips for one in library.characters().characters})


# -- the three forms -------------------------------------------------------------------------------------------


def test_a_webdataset_has_each_sound_as_it_is_stored_beside_its_json_and_text(library: Library, tmp_path: Path) -> None:
    made = library.export_dataset(tmp_path / "out", whole())
    assert (made.clips, made.files, made.missing) == (16, 2, [])
    assert made.left_out == {"without a known speaker": 2}
    found = members(tmp_path / "out" / "train-000000.tar")
    assert len(found) == 3 * 16
    stored = {path.read_bytes() for path in (tmp_path / "voices").rglob("voice/??.wav")}
    assert {content for name, content in found.items() if name.endswith(".wav")} == stored
    said = [json.loads(content) for name, content in found.items() if name.endswith(".json")]
    assert {one["speaker"] for one in said} == {"葵/茜 (空)", "葵/茜 (海)", "B|side", "Cora"}
    assert {one["text"] for one in said} == {*TEXTS}
    assert all(found[f"{one['clip']:09d}.txt"].decode() == one["text"] for one in said)


def test_parquet_is_as_hugging_face_reads_it(library: Library, tmp_path: Path) -> None:
    library.export_dataset(tmp_path / "out", whole("parquet"))
    table = pq.read_table(tmp_path / "out" / "data" / "train-00000-of-00001.parquet")
    assert table.num_rows == 16
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["audio"] == {"_type": "Audio"}
    assert features["text"] == {"dtype": "string", "_type": "Value"}
    assert features["seconds"] == {"dtype": "float64", "_type": "Value"}
    assert list(features) == table.column_names
    row = table.to_pylist()[0]
    assert soundfile.read(io.BytesIO(row["audio"]["bytes"]))[1] == RATE
    assert row["audio"]["path"] == f"{row['clip']:09d}.wav"
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert '  - split: train\n    path: "data/train-*.parquet"' in card


def test_style_bert_lists_are_lines_of_four_fields_and_sounds_are_wav_at_44100_hz(
    library: Library, tmp_path: Path
) -> None:
    library.export_dataset(tmp_path / "out", DatasetOptions(form="sbv2", validation=0.3, test=0.3, may_be=1))
    rows = [line.split("|") for line in (tmp_path / "out" / "esd.list").read_text(encoding="utf-8").splitlines()]
    assert {len(row) for row in rows} == {4}
    assert {language for _, _, language, _ in rows} == {"JP"}
    assert {text for *_, text in rows} == {"はい、 行きます｜よ", "「えっ」", "Hello, 世界", "そう…"}
    by_split = {
        name: (tmp_path / "out" / f"{name}.list").read_text(encoding="utf-8").splitlines()
        for name in ("train", "val", "test")
    }
    assert [len(lines) for lines in by_split.values()] == [8, 4, 4]
    assert len(rows) == 12
    for path in (tmp_path / "out" / "raw").iterdir():
        about = soundfile.info(path)
        assert (about.samplerate, about.channels, about.subtype) == (44_100, 1, "PCM_16")
    first = soundfile.read(tmp_path / "out" / "raw" / rows[0][0])[0]
    assert len(first) == pytest.approx(44_100 * 0.5, abs=2)


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_exported_can_be_ingested_again(library: Library, tmp_path: Path, form: Format) -> None:
    library.export_dataset(tmp_path / "out", whole(form))
    again = Settings(home=tmp_path / "again", encoder=StandInEncoder.name)
    with Library(again, encoder=StandInEncoder()) as other:
        # A list of Style-Bert-VITS2 names no games, and train.list says the same as esd.list.
        report = other.ingest([tmp_path / "out"], **({"maker": "M", "title": "G"} if form == "sbv2" else {}))
        assert report.embedded == 16
        if form == "sbv2":
            assert {name for _, name in held(other)} == {"葵/茜 (空)", "葵/茜 (海)", "B｜side", "Cora"}
        else:
            assert held(other) == held(library)


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_catalog_and_seed_give_the_same_bytes(library: Library, tmp_path: Path, form: Format) -> None:
    options = DatasetOptions(form=form, validation=0.3, test=0.3, may_be=1, seed=5)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        library.export_dataset(tmp_path / name / "out", options)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "other")


def test_shards_are_of_the_size_asked_for(tmp_path: Path) -> None:
    for take in range(40):
        write_voice(tmp_path / "voices" / "M_G" / "a" / f"{take}.wav", 1, take, 2.0)  # 64 KB each
    with Library(Settings(home=tmp_path / "home", encoder="stand-in"), encoder=StandInEncoder()) as library:
        library.ingest([tmp_path / "voices"])
        library.export_dataset(tmp_path / "tars", whole(shard_mib=1))
        library.export_dataset(tmp_path / "tables", whole("parquet", shard_mib=1))
    tars = sorted((tmp_path / "tars").glob("*.tar"))
    assert [tar.name for tar in tars] == ["train-000000.tar", "train-000001.tar", "train-000002.tar"]
    assert all(tar.stat().st_size <= 2**20 + 10_240 for tar in tars)
    assert sum(len(members(tar)) for tar in tars) == 3 * 40
    names = sorted(path.name for path in (tmp_path / "tables" / "data").iterdir())
    assert names == [f"train-{number:05d}-of-00003.parquet" for number in range(3)]


# -- what is left out ------------------------------------------------------------------------------------------


def test_filters_count_what_they_leave_out(library: Library, tmp_path: Path) -> None:
    made = library.export_dataset(tmp_path / "out", whole(min_seconds=0.55, max_seconds=0.75, games=("空",)))
    assert made.clips == 4
    assert made.left_out == {
        "without a known speaker": 1,
        "shorter than wanted": 2,
        "longer than wanted": 2,
    }
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "- 2 clips shorter than wanted" in card
    assert "## Licence" in card
    with pytest.raises(NotFoundError, match="川"):
        library.export_dataset(tmp_path / "none", whole(games=("川",)))
    with pytest.raises(UsageError, match=r"No clip is left to export: .*16 clips of a character with too few clips"):
        library.export_dataset(tmp_path / "none", whole(min_clips=5))
    assert not (tmp_path / "none").exists()


def test_clipped_sounds_are_left_out_where_that_is_asked_for(library: Library, tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, RATE))
    folder = tmp_path / "more" / "M_G" / "a"
    folder.mkdir(parents=True)
    for name, samples in (("good", noise[0]), ("clipped", np.clip(noise[1], -0.1, 0.1))):
        soundfile.write(folder / f"{name}.wav", samples, RATE)
    library.ingest([tmp_path / "more"])
    made = library.export_dataset(tmp_path / "out", whole(no_clipping=True, games=("M_G",)))
    assert (made.clips, made.left_out["whose sound is clipped"]) == (1, 1)


def test_one_recording_in_two_games_is_exported_once(library: Library, tmp_path: Path) -> None:
    sound = (tmp_path / "voices" / "Kumo_空" / "voice" / "00.wav").read_bytes()
    path = tmp_path / "more" / "M_G" / "a" / "copy.wav"
    path.parent.mkdir(parents=True)
    path.write_bytes(sound)
    library.ingest([tmp_path / "more"])
    made = library.export_dataset(tmp_path / "out", whole())
    assert made.left_out["the same audio as another clip"] == 1
    assert made.clips == 16


@pytest.mark.parametrize("form", FORMATS)
def test_sounds_that_are_gone_are_named(library: Library, tmp_path: Path, form: Format) -> None:
    gone = tmp_path / "voices" / "Kumo_空" / "voice" / "00.wav"
    gone.unlink()
    made = library.export_dataset(tmp_path / "out", whole(form))
    assert made.clips == 15
    assert [one.path for one in made.missing] == [gone]
    assert "no longer where it was" in made.missing[0].why
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "- 1 clip whose sound could not be read" in card


def test_without_a_single_sound_nothing_is_written(library: Library, tmp_path: Path) -> None:
    for path in (tmp_path / "voices").rglob("*.wav"):
        path.unlink()
    with pytest.raises(UsageError, match="None of 16 sounds can be read"):
        library.export_dataset(tmp_path / "out", whole())
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == []


def test_sounds_in_archives_of_either_database_are_exported(
    settings: Settings, encoder: StandInEncoder, tmp_path: Path
) -> None:
    shutil.make_archive(str(tmp_path / "M_G"), "zip", write_voices(tmp_path / "voices") / "Kumo_空")
    with Library(settings, encoder=encoder) as library:
        library.ingest([tmp_path / "M_G.zip"])
        made = library.export_dataset(tmp_path / "out", whole())
    assert (made.clips, made.missing) == (8, [])
    assert {name[-4:] for name in members(tmp_path / "out" / "train-000000.tar")} == {".wav", "json", ".txt"}


# -- whole or not there ----------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="the signals are those of POSIX")
def test_a_killed_export_leaves_nothing_that_looks_whole_and_is_simply_run_again(
    library: Library, tmp_path: Path
) -> None:
    with gated(dataset, tmp_path / "out", home=tmp_path / "home") as running:
        running.arrives(TRANSFERRING)
        with pytest.raises(UsageError, match=r"Another program \(process \d+\) is writing"):
            library.export_dataset(tmp_path / "out", whole())
        running.begun.send(signal.SIGKILL)
        assert running.begun.ended().code == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.part").is_dir()
    made = library.export_dataset(tmp_path / "out", whole())
    assert made.clips == 16
    assert not (tmp_path / "out.part").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(library: Library, tmp_path: Path, form: Format) -> None:
    del library  # its catalog is what is exported
    with gated(on_a_small_disk, tmp_path / "out", form, home=tmp_path / "home") as running:
        ended = running.begun.ended()
    assert "cannot be written: File too large. Name a place with enough free space." in ended.out
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == []


def test_what_is_in_the_way_is_left_alone(library: Library, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        library.export_dataset(tmp_path / "out", whole())
    with pytest.raises(UsageError, match="There is no folder"):
        library.export_dataset(tmp_path / "no" / "out", whole())
    with pytest.raises(UsageError, match=r"File name too long\. Name another place\."):
        library.export_dataset(tmp_path / ("o" * 300), whole())
    (tmp_path / "own.part").mkdir()
    (tmp_path / "own.part" / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="is in the way"):
        library.export_dataset(tmp_path / "own", whole())
    assert (tmp_path / "own.part" / "mine.txt").read_text() == "keep"


def test_a_process_with_the_number_of_one_that_died_is_not_taken_for_it(library: Library, tmp_path: Path) -> None:
    (tmp_path / "out.part").mkdir()
    writer = {"pid": os.getpid(), "began": psutil.Process().create_time() - 1}
    (tmp_path / "out.part" / "writer.json").write_text(json.dumps(writer))
    assert library.export_dataset(tmp_path / "out", whole()).clips == 16


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_seconds": 2.0, "max_seconds": 1.0},
        {"min_seconds": float("nan")},
        {"min_clips": 0},
        {"validation": 0.5, "test": 0.5},
        {"test": -0.1},
        {"may_be": 0.0},
        {"shard_mib": 0},
        {"seed": -1},
        {"language": "FR"},
    ],
)
def test_wishes_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        DatasetOptions(**wrong).check()


# -- as people run it ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of an encoder that the command line knows, with the voices beside it."""
    folder = tmp_path_factory.mktemp("commands")
    with Library(Settings(home=folder / "home", encoder=KnownEncoder.name), encoder=KnownEncoder()) as opened:
        opened.ingest([write_voices(folder / "voices")])
    return folder / "home"


def test_the_command_prints_what_was_written_and_exits_with_1_where_sounds_are_gone(home: Path, tmp_path: Path) -> None:
    done = quickly("export", "dataset", tmp_path / "out", "--test", "0", "--validation", "0", home=home)
    assert (done.code, done.err) == (0, "")
    assert "Left out: 2 clips without a known speaker." in done.out
    assert "Exported 16 clips in 2 files" in done.out
    gone = home.parent / "voices" / "Hare_海" / "voice" / "00.wav"
    content = gone.read_bytes()
    gone.unlink()
    try:
        done = quickly("export", "dataset", tmp_path / "more", "--format", "parquet", "--json", home=home)
    finally:
        gone.write_bytes(content)
    assert done.code == 1
    assert [one["path"] for one in done.document["missing"]] == [str(gone)]
    assert {one["name"] for one in done.document["splits"]} == {"train"}
    assert any("No clip is in test" in warning for warning in done.document["warnings"])


def test_a_file_of_voices_is_exported_as_before(home: Path, tmp_path: Path) -> None:
    done = quickly("export", tmp_path / "dataset.parquet", home=home)
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "dataset.parquet").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("export", "dataset"), "Missing argument 'FOLDER'"),
        (("export", "dataset", "x", "--format", "zip"), "'zip' is not one of"),
        (("export", "dataset", "no/x"), "There is no folder"),
        (("export", "dataset", "x", "--game", "川"), "There is no game 川"),
    ],
)
def test_wrong_words_are_answered_with_a_sentence(home: Path, words: tuple[str, ...], says: str) -> None:
    done = quickly(*words, home=home)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert "Traceback" not in done.err
