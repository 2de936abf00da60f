"""A Milvus server that is killed, and one that is not there: nothing is lost, and it is said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from search.asking import late, line, nearest, until
from search.filling import fill, some_voices
from standin import StandInEncoder
from views.milvus.milvus_server import MilvusServer

from speaker_search.errors import IndexUnusableError
from speaker_search.library import Library
from speaker_search.search.live import Live
from speaker_search.settings import Settings
from speaker_search.views.milvus import writing
from speaker_search.views.milvus.milvus_server import Server
from speaker_search.views.milvus.milvus_views import MilvusViews
from speaker_search.views.milvus.one_writer import turn
from speaker_search.views.snapshot import follow
from speaker_search.web.app import create_app

pytestmark = pytest.mark.engines


@pytest.fixture
def library(sqlite_catalog_url: str, tmp_path: Path, milvus: MilvusServer) -> Iterator[Library]:
    settings = Settings(
        home=tmp_path, database_url=sqlite_catalog_url, encoder="stand-in", index_url=SecretStr(milvus.url)
    )
    with Library(settings, encoder=StandInEncoder()) as opened:
        fill(opened, some_voices(games=12, characters=12, clips=20))
        yield opened


def test_a_server_killed_in_the_middle_of_a_replay_is_filled_on_from_there(
    library: Library, milvus: MilvusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "PORTION", 1_000)
    views, truth = MilvusViews(library.catalog, Server(milvus.url)), follow(library.catalog, library.space, None)
    collection = views.collection(library.space)
    with library.catalog.read() as connection, turn(connection, collection.alias):
        assert writing.write(connection, library.catalog.uuid, collection, None, truth.clips.clips)
    collection.aim(truth.position)
    collection.upsert(truth.clips.held(truth.clips.ids[1_000:1_400]))  # of the next portion, less than half
    milvus.kill()
    try:
        with pytest.raises(IndexUnusableError, match="does not answer"):
            views.follow(library.catalog, library.space, None)
    finally:
        milvus.start()
    state = collection.state()
    assert state is not None
    assert (state.position, state.whole) == (1_000, False)

    def filled() -> bool:
        with suppress(IndexUnusableError):  # it answers before it writes, and before it has loaded its collections
            views.follow(library.catalog, library.space, None)
            return collection.count() == truth.clips.clips
        return False

    until(filled)
    assert collection.between(0, 10**6).ids.tolist() == truth.clips.ids.tolist()
    assert library.verify(deep=True).ok


def test_a_server_that_goes_away_is_one_sentence_and_is_used_again_when_it_is_back(
    library: Library, milvus: MilvusServer
) -> None:
    engine = MilvusViews(library.catalog, Server(milvus.url))
    live = Live(library.catalog, library.space, library.settings.home / "live", engine=engine)
    live.start()
    milvus.kill()
    try:
        with pytest.raises(IndexUnusableError, match=r"does not answer\. Check that the server runs"):
            nearest(library.catalog, live, 1)
        until(lambda: live.problem is not None)
        fill(library, late())
    finally:
        milvus.start()

    def found() -> bool:
        with suppress(IndexUnusableError):  # it loads its collections after it answers
            return nearest(library.catalog, live, 1) == "late1"
        return False

    until(found)
    until(lambda: live.problem is None)
    live.close()
    assert library.verify(deep=True).ok


def test_without_it_a_server_of_ours_answers_503_to_searches_and_all_else(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    away = library.settings.model_copy(update={"index_url": SecretStr("milvus://me:secret@127.0.0.1:1")})
    with (
        Library(away, encoder=StandInEncoder()) as own,
        TestClient(create_app(own), base_url="http://localhost") as http,
    ):
        found = http.post("/v1/search", json={"embedding": line(1).tolist()})
        assert (found.status_code, found.json()["type"]) == (503, "urn:spksearch:problem:index")
        assert len(http.get("/v1/characters").json()["characters"]) == 100
        assert http.get("/readyz").status_code == 503
    assert "Milvus at milvus://127.0.0.1:1 does not answer" in caplog.text
    assert "secret" not in caplog.text + found.text
