"""What the server says of its library: sizes and refusals; and of its folders, nothing to those who may only read."""

from __future__ import annotations

from pathlib import Path

import httpx
from end_to_end.bundled import VOICES
from fastapi.testclient import TestClient

from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web.app import create_app


def test_the_state_counts_what_the_lists_hold(http: httpx.Client) -> None:
    state = http.get("/v1/state").json()
    for noun in ("makers", "games", "characters"):
        assert state[noun] == len(http.get(f"/v1/{noun}", params={"limit": 1000}).json()[noun])
    assert state["clips"]["embedded"] == state["index"]["clips"] > 0
    assert state["clips"]["refused"] == sum(state["refused"].values())
    assert state["refused"] == {"missing": 1, "not_audio": 1}


def test_refusals_are_listed_by_reason_and_paged_with_files_but_not_their_folders(http: httpx.Client) -> None:
    first = http.get("/v1/refusals", params={"limit": 1})
    last = http.get("/v1/refusals", params={"cursor": first.json()["next"]})
    (one,), (other,) = first.json()["clips"], last.json()["clips"]
    assert {one["reason"], other["reason"]} == {"missing", "not_audio"}
    assert http.get("/v1/refusals", params={"reason": other["reason"]}).json() == {"clips": [other], "next": None}
    for refused in (one, other):
        assert not Path(refused["file"]).is_absolute()
        assert str(VOICES) not in str(refused)
    assert "silent" in http.get("/v1/refusals", params={"reason": "odd"}).json()["detail"]


def test_an_empty_library_has_a_state_too_and_only_who_may_edit_is_told_folders(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", api_keys="ann:edit:one,bea:read:two", ingest_roots=str(tmp_path))
    with Library(settings) as library, TestClient(create_app(library), base_url="http://localhost") as client:
        editor = client.get("/v1/state", headers={"X-API-Key": "one"}).json()
        reader = client.get("/v1/state", headers={"X-API-Key": "two"})
    assert editor["encoder"] is None
    assert editor["clips"] == {"embedded": 0, "pending": 0, "refused": 0}
    assert editor["folders"] == [str(tmp_path)]
    assert reader.json() == {**editor, "may_edit": False, "folders": []}
    assert str(tmp_path) not in reader.text
