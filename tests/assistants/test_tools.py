"""Tools for assistants, called by the client of the package mcp, within this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from search.filling import fill, some_voices
from standin import StandInEncoder, write_voice

from speaker_search.assistants import create_server
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library(Settings(home=tmp_path_factory.mktemp("home")), encoder=StandInEncoder()) as opened:
        fill(opened, some_voices(games=3, characters=4, clips=2))
        yield opened


def called(library: Library, tool: str, folders: list[Path] | None = None, **given: Any) -> Any:
    """What a tool says, within this process; verdicts are allowed."""

    async def call() -> Any:
        async with Client(create_server(library, folders=folders or [], verdicts=True)) as client:
            return await client.call_tool(tool, given)

    return asyncio.run(call())


def test_sounds_are_read_only_below_the_folders_that_are_allowed(library: Library, tmp_path: Path) -> None:
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    fine, other = write_voice(allowed / "deep" / "a.wav", 1), write_voice(secret / "b.wav", 2)
    (allowed / "link.wav").symlink_to(other)
    (allowed / "inside.wav").symlink_to(fine)
    for name in ("deep/a.wav", "inside.wav", str(fine)):
        assert not called(library, "search", [secret, allowed], files=[name]).is_error, name
    refused = [str(other), "../secret/b.wav", "link.wav", "deep", "", "none.wav", "/etc/passwd", "a\0b", "~/x.wav"]
    said = set()
    for name in refused:
        answer = called(library, "search", [allowed], files=[name])
        assert answer.is_error, name
        said.add(answer.content[0].text.replace(repr(name), "NAME"))
    (sentence,) = said  # the same for files elsewhere and for none
    assert "NAME is not a file below the folders that assistants may read." in sentence
    assert called(library, "search", files=[str(fine)]).is_error  # no folder, no file
    with pytest.raises(UsageError, match=r"none is not a folder"):
        create_server(library, folders=[tmp_path / "none"])


def test_an_assistant_judges_where_it_is_allowed_and_under_a_name_that_says_so(library: Library) -> None:
    verdict = called(library, "verdict", one="1", other="7", same=False, note="listened").structured_content
    assert (verdict["same"], verdict["note"]) == (False, "listened")
    assert verdict["author"].endswith("(by an assistant)")
    assert [one.id for one in library.verdicts().verdicts] == [verdict["id"]]


def test_what_a_tool_cannot_take_is_told_in_a_sentence(library: Library) -> None:
    for tool, given, words in (
        ("search", {}, "A search needs at least one clip"),
        ("search", {"like": [{"clip": 1, "voice": 2}]}, "is one of"),
        ("search", {"cursor": "x"}, "is not a cursor of this catalog"),
        ("similar", {"character": "1", "limit": 1_000}, "less than or equal to 50"),
        ("cast", {"game": "nothing"}, "There is no game nothing"),
    ):
        answer = called(library, tool, **given)
        assert answer.is_error, tool
        assert words in answer.content[0].text
