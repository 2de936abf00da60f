"""A server keeps up with changes by others: in the catalog, and in the files that its clips name."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from end_to_end.bundled import VOICES, Ingested, cast
from end_to_end.running import LIMIT_S, PROGRAM, Ran, Server, environment, quickly, serving

NEW = ("Neu", "Ein Spiel", "Niemand")


@dataclass(frozen=True, slots=True)
class Joined:
    """A server, a game taken in by another process while it ran, and what it said before."""

    server: Server
    game: Path
    report: Ran
    before: Any


def listed(client: httpx.Client) -> Any:
    """The characters of the new maker; None before the catalog knows it."""
    return client.get("/v1/characters", params={"maker": NEW[0]}).json().get("characters")


@pytest.fixture(scope="module")
def joined(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Joined]:
    home = ingested.copy(tmp_path_factory.mktemp("joined") / "home")
    game = home.parent / "voices" / NEW[0] / NEW[1]
    role = next(role for role in cast() if role.clips())
    for number, clip in enumerate(role.clips()[:5]):
        (game / NEW[2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, game / NEW[2] / f"{number}.ogg")
    with serving(home) as server:
        before = (listed(server.client), server.client.get("/v1/characters/1/matches", params={"limit": 50}).json())
        report = quickly("ingest", home.parent / "voices", "--json", home=home)
        yield Joined(server, game, report, before)


def matched(joined: Joined) -> Any:
    """The new character among the matches of the one whose clips it has."""
    parameters = {"limit": 50, "maker": NEW[0]}
    response = joined.server.client.get("/v1/characters/1/matches", params=parameters)
    return response.json().get("matches")


def test_clips_taken_in_by_another_process_are_found_without_a_restart(joined: Joined) -> None:
    assert (joined.report.code, joined.report.document["embedded"]) == (0, 5)
    assert joined.before[0] is None
    assert NEW[2] not in {match["character"]["name"] for match in joined.before[1]["matches"]}
    deadline = time.monotonic() + LIMIT_S  # following a change may take longer than a request
    while not (found := matched(joined)):
        assert time.monotonic() < deadline
    (match,) = found
    assert (match["character"]["name"], match["character"]["clips"]) == (NEW[2], 5)
    (character,) = listed(joined.server.client)
    assert character == match["character"]


def sounds(joined: Joined) -> dict[str, str]:
    """The addresses of the new clips on the server, by file name."""
    (character,) = listed(joined.server.client)
    hits = joined.server.client.post(
        "/v1/search", json={"like": [{"character": character["id"]}], "by": "clip", "maker": [NEW[0]]}
    ).json()["matches"]
    by_content = {path.read_bytes(): path.name for path in (joined.game / NEW[2]).iterdir() if path.is_file()}
    found = {}
    for match in hits:
        path = match["hits"][0]["clip"]["audio"]
        content = joined.server.client.get(path).content
        if content in by_content:
            found[by_content[content]] = path
    return found


@pytest.fixture(scope="module")
def paths(joined: Joined) -> dict[str, str]:
    found = sounds(joined)
    assert sorted(found) == [f"{number}.ogg" for number in range(5)]
    return found


def not_found(joined: Joined, path: str) -> bool:
    response = joined.server.client.get(path)
    kind = response.headers["content-type"]
    return (response.status_code, kind, response.json()["type"]) == (
        404,
        "application/problem+json",
        "urn:spksearch:problem:not-found",
    )


def test_a_clip_whose_file_was_deleted_is_not_found(joined: Joined, paths: dict[str, str]) -> None:
    (joined.game / NEW[2] / "0.ogg").unlink()
    assert not_found(joined, paths["0.ogg"])


@pytest.mark.parametrize("target", ["secret.ogg", "../../../../etc/passwd", "1.ogg"])
def test_a_clip_whose_path_leads_out_of_its_game_is_not_found(
    joined: Joined, paths: dict[str, str], target: str, tmp_path: Path
) -> None:
    """A link in place of the file: out of the game, to no sound at all, or in a circle."""
    (tmp_path / "secret.ogg").write_bytes(b"not for you")
    file = joined.game / NEW[2] / "1.ogg"
    file.unlink(missing_ok=True)
    file.symlink_to(tmp_path / target if target == "secret.ogg" else target)
    assert not_found(joined, paths["1.ogg"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_clip_replaced_by_a_pipe_or_a_folder_is_not_found(joined: Joined, paths: dict[str, str]) -> None:
    file = joined.game / NEW[2] / "2.ogg"
    file.unlink()
    os.mkfifo(file)
    assert not_found(joined, paths["2.ogg"])
    file.unlink()
    file.mkdir()
    assert not_found(joined, paths["2.ogg"])


def test_a_link_within_its_game_is_followed(joined: Joined, paths: dict[str, str]) -> None:
    file = joined.game / NEW[2] / "3.ogg"
    content = file.read_bytes()
    (joined.game / "elsewhere.ogg").write_bytes(content)
    file.unlink()
    file.symlink_to(joined.game / "elsewhere.ogg")
    assert joined.server.client.get(paths["3.ogg"]).content == content


def test_answers_are_provisional_everywhere_while_clips_are_pending(joined: Joined) -> None:
    folder = joined.game.parents[1].with_name("more")
    for number in range(20):
        sound = folder / NEW[0] / "Noch eins" / NEW[2] / f"{number}.ogg"
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.touch()
    home = joined.game.parents[2] / "home"
    assert quickly("ingest", folder, "--enqueue", home=home).code == 0
    says = "Provisional, because clips are still to be embedded (20 of 218): matches and probabilities may change."
    assert says in quickly("similar", "1", "--json", home=home).document["query"]["warnings"]
    assert says in quickly("cast", "--json", home=home).document["warnings"]
    assert f"Note: {says}" in quickly("similar", "1", home=home).err
    deadline = time.monotonic() + LIMIT_S
    while says not in joined.server.client.get("/v1/characters/1/matches").json()["query"]["warnings"]:
        assert time.monotonic() < deadline


def test_a_server_begins_with_an_empty_catalog_and_finds_what_another_program_ingests(tmp_path: Path) -> None:
    """It only started where it was allowed to ingest itself."""
    home, clip = tmp_path / "home", next(role for role in cast() if role.clips()).clips()[0]
    with serving(home) as server:
        assert "Serving an empty catalog on" in server.log[-1]

        def asked() -> list[httpx.Response]:
            return [
                server.client.post("/v1/search", files={"audio": clip.read_bytes()}),
                server.client.post("/v1/search", json={"like": [{"character": 1}]}),
                server.client.get("/v1/characters"),
            ]

        for answer in asked():
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:spksearch:problem:catalog")
            assert answer.json()["detail"] == ("The catalog holds no voices yet. Ingest some first: `POST /v1/ingest`.")
        quickly("ingest", VOICES, "--encoder", "resemblyzer", home=home)
        answers = asked()
        assert [answer.status_code for answer in answers] == [200] * 3
        assert [len(answer.json()["matches"]) for answer in answers[:2]] == [10, 10]
        assert len(answers[2].json()["characters"]) == 24


def test_a_server_told_to_stop_ends_and_frees_its_port(ingested: Ingested) -> None:
    with serving(ingested.home) as server:  # stopped by Ctrl-C, with a connection still open
        assert server.client.get("/healthz").status_code == 200
        port = server.address[1]
    words = [*PROGRAM, "serve", "--port", str(port)]  # a process of its own from the start
    with subprocess.Popen(words, env=environment(ingested.home), stderr=subprocess.PIPE, encoding="utf-8") as again:
        assert again.stderr is not None
        assert f":{port};" in again.stderr.readline()
        again.terminate()
        assert again.stderr.read() == ""
        assert again.wait(LIMIT_S) == 0
