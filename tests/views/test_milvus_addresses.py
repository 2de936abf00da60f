"""Where a Milvus server is, from one setting that may have a password; and what is said without one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from standin import StandInEncoder, write_dump

from speaker_search.errors import IndexUnusableError, UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.views.milvus.milvus_server import Server, address


@pytest.mark.parametrize(
    ("url", "uri", "database", "user", "password", "shown"),
    [
        ("milvus://localhost", "http://localhost:19530", "", "", "", "milvus://localhost:19530"),
        ("milvus://db:99/voices", "http://db:99", "voices", "", "", "milvus://db:99/voices"),
        ("milvus://a%40b:p%2Fw@db/", "http://db:19530", "", "a@b", "p/w", "milvus://db:19530"),
        ("milvuss://db", "https://db:19530", "", "", "", "milvuss://db:19530"),
        ("milvus://[::1]:7/v", "http://[::1]:7", "v", "", "", "milvus://[::1]:7/v"),
    ],
)
def test_an_address_is_read_and_shown_without_its_password(
    url: str, uri: str, database: str, user: str, password: str, shown: str
) -> None:
    found = address(url)
    assert (found.uri, found.database, found.user, found.password, found.shown) == (
        *(uri, database, user, password),
        shown,
    )
    assert "p/w" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        *("localhost:19530", "http://localhost:19530", "milvus://", "milvus:///voices", "milvus://a/b/c"),
        *("milvus://me:secret@db:port", "milvus://me:secret@db?tls=1", "milvus://me:secret@db#1", "milvus://[::1"),
        "milvus://me:12/secret@db",  # of a password with a slash only the end would be taken as the database
    ],
)
def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UsageError, match="SPKSEARCH_INDEX_URL cannot be read") as refused:
        Server(url)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_setting_is_not_shown_with_the_others() -> None:
    assert "secret" not in repr(Settings(index_url=SecretStr("milvus://me:secret@db")))


def test_without_pymilvus_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)  # as where it is not installed
    with (
        pytest.raises(UsageError, match=r"pip install 'speaker-search\[milvus\]'"),
        Server("milvus://localhost").client(),
    ):
        pass


@pytest.mark.engines
def test_a_server_that_is_not_there_is_one_sentence_with_the_mend() -> None:
    pytest.importorskip("pymilvus", reason="pymilvus is not installed: scripts/test --engines installs it")
    with pytest.raises(IndexUnusableError) as away, Server("milvus://me:secret@127.0.0.1:1").client() as client:
        client.list_collections()
    assert str(away.value) == (
        "Milvus at milvus://127.0.0.1:1 does not answer. Check that the server runs and that SPKSEARCH_INDEX_URL is "
        "its address; nothing is lost."
    )


@pytest.mark.parametrize("url", ["http://localhost:19530", "milvus://localhost"])
def test_an_ingest_is_told_before_it_embeds(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was told after hours, instead of its report."""
    monkeypatch.setitem(sys.modules, "pymilvus", None)  # as where it is not installed
    voices = write_dump(tmp_path / "voices", {"m/g": {"Ann": 1}})
    settings = Settings(home=tmp_path / "home", encoder="stand-in", index_url=SecretStr(url))
    with Library(settings, encoder=StandInEncoder()) as library:
        for begun in (lambda: library.ingest([voices], processes=1), lambda: library.work(drain=True, processes=1)):
            with pytest.raises(UsageError, match="SPKSEARCH_INDEX_URL"):
                begun()
        assert library.empty
        assert library.ingest([voices], enqueue=True).new == 3  # which needs no index
