"""Voices travel without audio: what an export says, and what becomes of it in another catalog."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from ingest.taking import CAST, CLIPS, embedded
from search.filling import fill, some_voices
from sqlalchemy import update
from standin import DIM, StandInEncoder, write_dump
from transfer.travelling import answers, contents, mixed, write_voices
from views.made_up import unit

from speaker_search.catalog import tables
from speaker_search.errors import NotFoundError, UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings


def opened(home: Path) -> Library:
    return Library(Settings(home=home, encoder="stand-in"), encoder=StandInEncoder())


@pytest.fixture
def taken_in(settings: Settings, tmp_path: Path) -> Path:
    """An export of a few voices whose sound files exist, those of `settings`."""
    write_dump(tmp_path / "voices", CAST)
    with Library(settings, encoder=StandInEncoder()) as library:
        library.ingest([tmp_path / "voices"], processes=1)
        library.export(tmp_path / "voices.parquet")
    return tmp_path / "voices.parquet"


def test_an_export_has_every_embedded_clip_with_its_names_and_vector(settings: Settings, tmp_path: Path) -> None:
    with Library(settings, encoder=StandInEncoder()) as library:
        mixed(library)
        made = library.export(tmp_path / "voices.parquet")
        held = embedded(library)
        spoken = {clip.id: clip for clip in library.clips(range(1, 400)).values()}
    frame = pd.read_parquet(tmp_path / "voices.parquet")
    assert len(frame) == made.clips == len(held)
    assert made.bytes == (tmp_path / "voices.parquet").stat().st_size
    vectors = np.stack(list(frame["embedding"]))
    assert vectors.dtype == np.float32
    for row, vector in zip(frame.itertuples(), vectors, strict=True):
        assert held[Path(row.root) / row.path] == vector.tobytes()
        assert spoken[row.clip].path == Path(row.root) / row.path
        assert spoken[row.clip].text == row.text
        assert spoken[row.clip].seconds == row.seconds
    assert set(frame["maker"]) == {"maker0", "maker1", "maker9"}
    assert frame["character"].isna().sum() == 12
    assert frame["fingerprint"].str.len().eq(32).all()
    file = pq.read_schema(tmp_path / "voices.parquet")
    assert file.metadata[b"spksearch.space"] == StandInEncoder.space.encode()
    assert str(file.field("embedding").type) == f"fixed_size_list<element: float>[{DIM}]"


def test_a_damaged_vector_is_left_out_of_an_export_and_counted(settings: Settings, tmp_path: Path) -> None:
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=1))
        with library.catalog.write() as connection:
            connection.execute(update(tables.embeddings).where(tables.embeddings.c.clip_id == 3).values(vector=b"x"))
        made = library.export(tmp_path / "voices.parquet")
    assert (made.left_out, made.clips) == (1, pq.read_metadata(tmp_path / "voices.parquet").num_rows)
    assert 3 not in pq.read_table(tmp_path / "voices.parquet")["clip"].to_pylist()


def test_an_export_may_be_of_some_makers_and_games(settings: Settings, tmp_path: Path) -> None:
    def games(name: str, **which: list[str]) -> set[str]:
        made = library.export(tmp_path / name, **which)
        table = pq.read_table(tmp_path / name)
        assert (table.num_rows, 0) == (made.clips, made.left_out)
        return set(table["game"].to_pylist())

    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices())
        assert games("1", makers=["MAKER1"]) == {"game1", "game3", "game5"}
        assert games("2", games=["game1", "game2"]) == {"game1", "game2"}
        assert games("3", makers=["maker1"], games=["game1", "game2"]) == {"game1"}
        with pytest.raises(NotFoundError, match=r"There is no game game\. Did you mean"):
            games("4", games=["game"])
    assert not (tmp_path / "4").exists()


def test_several_programs_may_import_at_once(settings: Settings, tmp_path: Path) -> None:
    with opened(tmp_path / "here") as library:
        fill(library, some_voices(), heard=True)
        clips = library.export(tmp_path / "voices.parquet").clips

    def import_once(_: int) -> int:
        with Library(settings, encoder=StandInEncoder()) as library:
            return library.import_voices(tmp_path / "voices.parquet").new

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(import_once, range(3))) == clips
    with Library(settings, encoder=StandInEncoder()) as library:
        assert (library.counts().embedded, library.counts().pending) == (clips, 0)
        assert library.verify().ok


def test_imported_voices_are_found_as_in_their_own_catalog(settings: Settings, tmp_path: Path) -> None:
    there = Settings(home=tmp_path / "there", encoder="stand-in")
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(), heard=True)
        made = library.export(tmp_path / "voices.parquet")
    with Library(there, encoder=StandInEncoder()) as library:
        done = library.import_voices(tmp_path / "voices.parquet")
        assert (done.rows, done.new, done.known, done.merged) == (made.clips, made.clips, 0, 0)
        assert (done.malformed, done.problems) == (0, [])
        assert library.counts().pending == 0

    def in_words(found: list[str]) -> list[str]:
        return [line.replace("/nowhere", "") for line in found]

    assert in_words(answers(there, tmp_path / "1")) == in_words(answers(settings, tmp_path / "2"))


def test_importing_again_and_into_the_same_catalog_doubles_nothing(taken_in: Path, settings: Settings) -> None:
    before = contents(settings.url)
    with Library(settings, encoder=StandInEncoder()) as library:
        done = library.import_voices(taken_in)
        assert (done.new, done.merged, done.known, done.malformed) == (0, 0, CLIPS, 0)
    assert contents(settings.url) == before
    with opened(taken_in.parent / "there") as library:
        library.import_voices(taken_in)
        again = library.import_voices(taken_in)
        assert (again.new, again.known) == (0, CLIPS)
        assert library.counts().embedded == CLIPS


def test_clips_without_a_fingerprint_are_known_by_their_place(tmp_path: Path) -> None:
    file = write_voices(tmp_path / "voices.parquet", path=["a.ogg", "b.ogg", "a.ogg"], embedding=list(unit(3, 0, 4)))
    with Library(Settings(home=tmp_path / "home")) as library:
        assert (done := library.import_voices(file)).new == 2
        assert done.known == 1
        assert (library.import_voices(file).new, library.space.name) == (0, "other@1")


def test_the_same_audio_in_one_game_is_one_clip_and_in_two_games_two(tmp_path: Path) -> None:
    prints = ["0a" * 16, "0a" * 16, "0a" * 16, None]
    file = write_voices(
        tmp_path / "voices.parquet",
        game=["G", "G", "H", "H"],
        path=["1", "2", "3", "4"],
        character=[None, "A", "A", "A"],
        fingerprint=prints,
        embedding=list(unit(4, 0, 4)),
    )
    with Library(Settings(home=tmp_path / "home")) as library:
        done = library.import_voices(file)
        assert (done.new, done.merged) == (3, 1)
        assert [(one.game.title, one.clips) for one in library.characters().characters] == [("G", 1), ("H", 2)]
        assert library.verify().ok


def test_a_clip_that_waits_to_be_embedded_gets_its_imported_vector(taken_in: Path, tmp_path: Path) -> None:
    """It is recognised by its audio once a worker has decoded it, or by its place in the catalog it comes from."""
    with opened(tmp_path / "home") as library:
        library.ingest([tmp_path / "voices"], enqueue=True)
        library.import_voices(taken_in)
        library.work(drain=True, processes=1)
        assert library.counts().embedded == CLIPS
        assert library.counts().pending == 0
        assert library.verify().ok


def test_imported_clips_say_that_their_audio_is_not_here_until_it_is_ingested(taken_in: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "there") as library:
        library.import_voices(taken_in)
        with pytest.raises(NotFoundError, match=r"Clip 1 was imported without its audio\. Ingest the folder"):
            library.sound(1)
        assert str(library.clips([1])[1].path).startswith("imported:")
        report = library.ingest([tmp_path / "voices"], processes=1)
        assert (report.merged, report.catalog and report.catalog.embedded) == (CLIPS, CLIPS)
        assert library.sound(1).media_type == "audio/wav"
        assert library.verify().ok


def test_scans_and_forgetting_keep_imported_clips(taken_in: Path, tmp_path: Path) -> None:
    """Also where the sound files were here for a while."""
    with opened(tmp_path / "there") as library:
        library.import_voices(taken_in)
        library.ingest([tmp_path / "voices"], processes=1)
        shutil.rmtree(tmp_path / "voices" / "maker" / "one" / "Ann")
        library.ingest([tmp_path / "voices"], processes=1)
        assert library.forget_gone().clips == 0
        shutil.rmtree(tmp_path / "voices")
        assert library.forget_gone(tmp_path / "voices").clips == 0
        assert library.counts().embedded == CLIPS
        with pytest.raises(NotFoundError, match="without its audio"):
            library.sound(1)
        assert library.verify().ok


def test_voices_of_another_space_are_not_imported(taken_in: Path, tmp_path: Path) -> None:
    file = write_voices(tmp_path / "other.parquet", path=["a"], embedding=list(unit(1, 0, 4)))
    with opened(tmp_path / "there") as library:
        library.import_voices(taken_in)
        with pytest.raises(UsageError, match="holds voices in other@1, and the catalog in stand-in@000000000000: they"):
            library.import_voices(file)
        lying = write_voices(
            tmp_path / "l.parquet", space=StandInEncoder.space, path=["a"], embedding=list(unit(1, 0, 4))
        )
        with pytest.raises(UsageError, match="have 4 numbers, and those of stand-in@000000000000 32"):
            library.import_voices(lying)
        assert library.counts().embedded == CLIPS
