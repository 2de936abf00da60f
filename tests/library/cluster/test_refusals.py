"""A cluster that cannot be used is one sentence with its mend."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest
from end_to_end.running import quickly
from standin import StandInEncoder, write_dump

from speaker_search.documents import IngestReport
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings

WITHOUT_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
WITH_RAY = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: scripts/test --engines installs it"
)


def refused(settings: Settings, address: str = "auto", *, drain: bool = True) -> str:
    def waits(_: IngestReport) -> None:
        raise AssertionError("it waits")

    with Library(settings, encoder=StandInEncoder()) as library, pytest.raises(UsageError) as refusal:
        library.work_on_cluster(address, drain=drain, on_progress=waits)
    return str(refusal.value)


@pytest.fixture
def pending(postgres_catalog_url: str, tmp_path: Path) -> Settings:
    """Settings of a catalog on PostgreSQL with a pending clip."""
    settings = Settings(home=tmp_path / "home", database_url=postgres_catalog_url, encoder="stand-in")
    with Library(settings, encoder=StandInEncoder()) as library:
        library.ingest([write_dump(tmp_path / "voices", {"Kumo/Hare": {"Aoi": 1}}, clips=1)], enqueue=True)
    return settings


def test_a_catalog_on_sqlite_is_refused(sqlite_catalog_url: str, tmp_path: Path) -> None:
    said = refused(Settings(home=tmp_path, database_url=sqlite_catalog_url, encoder="stand-in"))
    assert said.startswith("The nodes of a Ray cluster cannot share a catalog on SQLite. Put it on PostgreSQL")


@WITHOUT_RAY
def test_the_missing_extra_is_named(pending: Settings) -> None:
    assert "pip install 'speaker-search[cluster]'" in refused(pending)


@WITHOUT_RAY
def test_who_waits_for_clips_is_told_before_there_are_any(postgres_catalog_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=postgres_catalog_url, encoder="stand-in")
    assert "pip install 'speaker-search[cluster]'" in refused(settings, drain=False)


@pytest.mark.engines
@WITH_RAY
@pytest.mark.parametrize("address", ["local", "ray://127.0.0.1:10001", "127.0.0.1", ":6379", "127.0.0.1:x"])
def test_what_is_no_address_of_a_cluster_is_refused(pending: Settings, address: str) -> None:
    assert refused(pending, address).startswith(f"{address!r} is not the address of a Ray cluster.")


@pytest.mark.engines
@WITH_RAY
def test_an_address_where_nothing_answers_is_refused_at_once(pending: Settings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    assert refused(pending, address).startswith(f"No Ray cluster answers at {address}: ")


def test_actors_without_a_cluster_are_wrong_usage(tmp_path: Path) -> None:
    done = quickly("worker", "--actors", "2", home=tmp_path)
    assert (done.code, "--actors is for --ray." in done.err) == (2, True)
