"""Names mended over HTTP and on the command line, while a server runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from end_to_end.bundled import VOICES, Ingested, cast
from end_to_end.running import LIMIT_S, quickly, serving

ONE, OTHER = cast()[:2]


@pytest.fixture(scope="module")
def home(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ingested.copy(tmp_path_factory.mktemp("mended") / "home")


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[httpx.Client]:
    with serving(home) as server:
        yield server.client


def test_a_merge_reaches_a_running_server_and_can_be_undone_there(client: httpx.Client, home: Path) -> None:
    wanted = {"noun": "character", "what": OTHER.address, "to": ONE.address, "author": "ann"}
    made = client.post("/v1/edits", json={"kind": "merge", **wanted})
    assert made.status_code == 201, made.text
    edit = made.json()["edit"]
    assert (edit["before"], edit["after"], edit["undone_at"]) == (OTHER.address, ONE.address, None)
    together = clips_of(client, edit["row_id"])
    assert together == made.json()["clips"] + len(ONE.clips())
    give_up = time.monotonic() + LIMIT_S
    like = {"like": [{"character": edit["row_id"]}]}
    while client.post("/v1/search", json=like).json()["query"]["clips"] != 8 and time.monotonic() < give_up:
        pass
    assert client.get("/v1/edits").json()["edits"] == [edit]
    undone = client.delete(f"/v1/edits/{edit['id']}", params={"author": "bob"}).json()
    assert (undone["edit"]["undone_by"], undone["clips"]) == ("bob", made.json()["clips"])
    again = client.delete(f"/v1/edits/{edit['id']}", params={"author": "eve"})
    assert (again.status_code, again.json()) == (200, {**undone, "clips": 0, "new": False})
    assert client.delete("/v1/edits/99").status_code == 404
    wrong = client.post("/v1/edits", json={"kind": "merge", **wanted, "to": OTHER.address}).json()
    assert wrong["detail"] == f"{OTHER.address} cannot be merged into itself."
    assert quickly("verify", home=home).code == 0


def clips_of(client: httpx.Client, character: int) -> int:
    listed = client.get("/v1/characters").json()["characters"]
    return int(next(one["clips"] for one in listed if one["id"] == character))


def test_names_are_mended_on_the_command_line(home: Path, client: httpx.Client) -> None:
    name = "白瀬 光"
    done = quickly("catalog", "rename", "character", ONE.address, name, "--author", "ann", home=home)
    assert (done.code, done.out) == (0, f"{ONE.character} is now called {name}.\n")
    edit = int(done.err.split()[-1])
    assert done.err == f"To undo this: spksearch catalog undo {edit}\n"
    assert quickly("similar", ONE.character, "--json", home=home).code == 0
    assert client.get("/v1/characters", params={"name": ONE.character}).json()["characters"][0]["name"] == name
    again = quickly("ingest", VOICES, "--json", home=home).document
    assert (again["new"], again["relabelled"]) == (0, 0)
    merged = quickly("catalog", "merge", "game", ONE.game, OTHER.game, home=home)
    assert (merged.code, merged.err.count("cannot be merged into itself")) == (2, 1)
    listed = quickly("catalog", "edits", "--json", "--limit", "1", home=home).document
    assert (listed["edits"][0]["id"], listed["edits"][0]["author"]) == (edit, "ann")
    assert quickly("catalog", "undo", str(edit), "--json", home=home).document["edit"]["undone_at"]
    table = quickly("catalog", "edits", home=home).out.splitlines()
    assert table[0].split() == ["id", "at", "author", "kind", "noun", "before", "after", "undone"]
    assert name in table[1]
    assert quickly("catalog", "rename", "actor", "x", "y", home=home).code == 2
