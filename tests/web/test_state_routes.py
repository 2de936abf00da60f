"""What the server says of its library: sizes and refusals; and of its folders, nothing to those who may only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from web.stocked import stocked

from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web.app import create_app


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stock")


@pytest.fixture(scope="module")
def stock(folder: Path) -> Iterator[tuple[Library, TestClient]]:
    with stocked(folder) as both:
        yield both


@pytest.fixture
def http(stock: tuple[Library, TestClient]) -> TestClient:
    return stock[1]


def test_the_state_counts_what_the_lists_hold(http: TestClient) -> None:
    state = http.get("/v1/state").json()
    for noun in ("makers", "games", "characters"):
        assert state[noun] == len(http.get(f"/v1/{noun}", params={"limit": 1000}).json()[noun])
    assert state["clips"]["embedded"] == state["index"]["clips"] > 0
    assert state["clips"]["refused"] == sum(state["refused"].values()) == 1


def test_refusals_are_listed_by_reason_with_files_but_not_their_folders(http: TestClient, folder: Path) -> None:
    (reason,) = http.get("/v1/state").json()["refused"]
    answer = http.get("/v1/refusals", params={"reason": reason})
    (refused,) = answer.json()["clips"]
    assert refused["file"].endswith("Aoi/broken.wav")
    assert str(folder) not in answer.text
    assert http.get("/v1/refusals", params={"reason": "silent"}).json() == {"clips": [], "next": None}
    assert "silent" in http.get("/v1/refusals", params={"reason": "odd"}).json()["detail"]


def test_refusals_are_paged(stock: tuple[Library, TestClient], folder: Path) -> None:
    library, http = stock
    for number in range(2):
        (folder / f"sounds/Kumo/Hare/Beni/broken{number}.wav").write_text(f"no sound {number}")
    library.ingest([folder / "sounds"])
    page = http.get("/v1/refusals", params={"limit": 2}).json()
    last = http.get("/v1/refusals", params={"limit": 2, "cursor": page["next"]}).json()
    assert len({clip["file"] for clip in page["clips"] + last["clips"]}) == 3
    assert last["next"] is None


def test_an_empty_library_has_a_state_too(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", api_keys="ann:edit:one,bea:read:two", ingest_roots=str(tmp_path))
    with Library(settings) as library, TestClient(create_app(library), base_url="http://localhost") as client:
        editor = client.get("/v1/state", headers={"X-API-Key": "one"}).json()
        reader = client.get("/v1/state", headers={"X-API-Key": "two"})
    assert editor["encoder"] is None
    assert editor["clips"] == {"embedded": 0, "pending": 0, "refused": 0}
    assert editor["folders"] == [str(tmp_path)]
    assert reader.json() == {**editor, "may_edit": False, "folders": []}
    assert str(tmp_path) not in reader.text
