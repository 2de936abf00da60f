"""A damaged catalog: pages, references and vectors; what verify says, what answers hold meanwhile, and the repair."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ingest.taking import CAST, CLIPS
from search.filling import fill, forget, some_voices
from sqlalchemy import Connection, delete, make_url, text, update
from standin import DIM, StandInEncoder, write_dump
from views.made_up import assert_same

from speaker_search.catalog import tables
from speaker_search.catalog.clips import clips_by_id
from speaker_search.errors import CatalogError, NotFoundError
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.views.snapshot import follow

PAGE = 4096  # bytes


@pytest.fixture
def library(settings: Settings, encoder: StandInEncoder) -> Iterator[Library]:
    with Library(settings, encoder=encoder) as opened:
        yield opened


def test_whichever_page_of_the_catalog_is_overwritten_verify_says_so(sqlite_catalog_url: str, tmp_path: Path) -> None:
    """Before, it said "ok" for one page in four."""
    settings = Settings(home=tmp_path / "home", database_url=sqlite_catalog_url)
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices())
        library.build_index()
    file = tmp_path / "catalog.db"
    whole = file.read_bytes()
    pages = len(whole) // PAGE
    assert pages > 40
    rng = random.Random(0)
    for page in range(0, pages, 3):
        file.write_bytes(whole[: page * PAGE] + rng.randbytes(PAGE) + whole[(page + 1) * PAGE :])
        told = r"is not a database\..* restore a backup" if page == 0 else r"is damaged: .* Restore a backup"
        with pytest.raises(CatalogError, match=told), Library(settings) as library:
            library.verify()
    file.write_bytes(whole)
    with Library(settings) as library:
        assert library.verify().ok


def test_a_page_of_postgresql_that_cannot_be_read_is_damage(
    postgres_catalog_url: str, postgres_admin: Connection, tmp_path: Path
) -> None:
    """The server keeps pages in memory, so a copy of the database is made from the damaged files."""
    settings = Settings(home=tmp_path / "home", database_url=postgres_catalog_url)
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=2))
        with library.catalog.read() as connection:
            file = connection.execute(text("SELECT pg_relation_filepath('clips')")).scalar_one()
    postgres_admin.execute(text("CHECKPOINT"))
    path = Path(postgres_admin.execute(text("SHOW data_directory")).scalar_one(), file)
    path.write_bytes(random.Random(0).randbytes(path.stat().st_size))
    name = str(make_url(postgres_catalog_url).database)
    postgres_admin.execute(text(f"CREATE DATABASE {name}_copy TEMPLATE {name} STRATEGY FILE_COPY"))
    copy = settings.model_copy(update={"database_url": postgres_catalog_url.replace(name, f"{name}_copy")})
    try:
        with Library(copy) as library, pytest.raises(CatalogError, match=r"is damaged: .* take an empty database"):
            library.verify()
    finally:
        postgres_admin.execute(text(f"DROP DATABASE {name}_copy WITH (FORCE)"))


def test_a_reference_to_what_is_not_there_is_damage(library: Library) -> None:
    fill(library, some_voices(games=1, characters=1, clips=3))
    assert library.verify().ok
    with library.catalog.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.connection.dbapi_connection.execute("PRAGMA foreign_keys = OFF")  # before a transaction begins
        else:
            connection.execute(text("SET session_replication_role = replica"))
        connection.execute(delete(tables.characters))
        connection.commit()
        connection.invalidate()
    with pytest.raises(CatalogError, match="is damaged: 3 rows of clips refer to characters that are not there"):
        library.verify()


class TestDamagedVectors:
    """Before, each made `verify` say "index build" for ever, or ended every command."""

    BAD = (np.full(DIM, np.nan, "<f4").tobytes(), np.full(DIM, 3, "<f4").tobytes(), bytes(7), bytes(4 * DIM))

    @pytest.fixture
    def damaged(self, library: Library, tmp_path: Path) -> list[int]:
        """The clips whose vectors are damaged, after the views were saved; the last one's file is gone."""
        library.ingest([write_dump(tmp_path / "voices", CAST)], processes=1)
        ids = [1, 4, 6, CLIPS]
        with library.catalog.write() as connection:
            for id_, vector in zip(ids, self.BAD, strict=True):
                held = tables.embeddings.c.clip_id == id_
                connection.execute(update(tables.embeddings).where(held).values(vector=vector))
        with library.catalog.read() as connection:
            clips_by_id(connection, ids)[CLIPS].path.unlink()
        return ids

    def test_they_are_named_and_embedded_anew(self, library: Library, damaged: list[int]) -> None:
        before = library.ready  # follows the log from here on
        found = library.verify()
        assert (found.ok, [one.id for one in found.unusable]) == (False, damaged)
        assert [one.why for one in found.unusable] == [
            "its vector is not finite",
            "the length of its vector is 16.97, not 1",
            "its vector has 7 bytes, not 128",
            "the length of its vector is 0, not 1",
        ]
        assert found.unusable[0].path.is_file()
        repaired = library.verify(repair=True)
        assert (repaired.ok, repaired.requeued, repaired.unusable) == (True, 4, [])
        assert (repaired.clips.embedded, repaired.clips.pending) == (CLIPS - 4, 4)
        assert_same(
            follow(library.catalog, library.space, before.snapshot), follow(library.catalog, library.space, None)
        )
        report = library.work(drain=True, processes=1)
        assert (report.embedded, report.refused) == (3, {"missing": 1})
        assert_same(
            follow(library.catalog, library.space, before.snapshot), follow(library.catalog, library.space, None)
        )
        mended = library.verify()
        assert (mended.ok, mended.clips.embedded, mended.clips.refused) == (True, CLIPS - 1, 1)
        assert library.verify(repair=True).requeued == 0

    def test_answers_leave_them_out_meanwhile(self, library: Library, damaged: list[int]) -> None:
        """One NaN would make a character's sum, and with it every score, NaN."""
        views = follow(library.catalog, library.space, None)
        assert views.clips.clips == CLIPS - 4
        assert np.isfinite(views.characters.sums).all()
        library.build_index()
        answer = library.search_like(clips=[2])
        assert len(answer.matches) == 3
        assert all(np.isfinite(match.score) for match in answer.matches)
        assert not {hit.clip.id for match in answer.matches for hit in match.hits} & set(damaged)
        with pytest.raises(NotFoundError, match="There is no embedded clip 1"):
            library.search_like(clips=[1])

    @pytest.mark.usefixtures("damaged")
    def test_every_answer_says_so_until_they_are_repaired(self, library: Library) -> None:
        """Only a log line did, when the index was built."""
        told = "4 clips are left out, because stored vectors are damaged: run `spksearch verify`."
        library.build_index()
        with Library(library.settings, encoder=StandInEncoder()) as again:  # from the index on disk
            by_clip = again.search_like(clips=[2], by="clip")
            answers = [by_clip, again.similar(1), again.cast()]
            assert [told in one.warnings for one in answers] == [True] * 3
        library.verify(repair=True)
        library.work(drain=True, processes=1)
        library.refresh()
        assert told not in library.similar(1).warnings

    def test_the_count_follows_the_log(self, library: Library, damaged: list[int]) -> None:
        built = follow(library.catalog, library.space, None)
        assert built.unusable.tolist() == damaged
        assert built.folded().unusable.tolist() == damaged
        forget(library, damaged[0])
        assert follow(library.catalog, library.space, built).unusable.tolist() == damaged[1:]

    def test_the_same_audio_elsewhere_does_not_take_a_damaged_vector_over(
        self, library: Library, damaged: list[int], tmp_path: Path
    ) -> None:
        shutil.copytree(tmp_path / "voices/maker/one", tmp_path / "voices/maker/again")
        library.ingest([tmp_path / "voices"], processes=1)
        found = library.verify()
        assert [one.id for one in found.unusable] == damaged
        assert found.clips.embedded == CLIPS + 6
