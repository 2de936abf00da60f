"""`spksearch mcp` as assistants use it: by the own client of the package, over the standard streams of a process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from end_to_end.bundled import VOICES, Ingested, cast, recurring
from end_to_end.running import PROGRAM, environment
from mcp import Client, StdioServerParameters
from search.filling import fill, some_voices
from standin import StandInEncoder, write_voice

from speaker_search.assistants import create_server
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings

ASKED = next(role for role in cast() if role.clips() and any(role.address in group for group in recurring()))
ELSEWHERE = next(group for group in recurring() if ASKED.address in group) - {ASKED.address}
READING = {"search", "similar", "character", "cast", "voices"}


def address(character: dict[str, Any]) -> str:
    return f"{character['game']['maker']['name']}/{character['game']['title']}/{character['name']}"


def test_an_assistant_finds_a_voice_by_a_file_and_by_a_character_and_may_not_judge(ingested: Ingested) -> None:
    """One process, asked one thing after another."""
    program = StdioServerParameters(
        command=sys.executable,
        args=[*PROGRAM[1:], "mcp", "--folder", str(VOICES)],
        env=environment(ingested.home),
    )
    line = ASKED.clips()[0].relative_to(VOICES)

    async def session() -> None:
        async with Client(program) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert tools.keys() == READING
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.values())
            asked = {"files": [str(line)], "exclude_game": [ASKED.game], "limit": len(ELSEWHERE)}
            found = (await client.call_tool("search", asked)).structured_content
            assert found
            assert {address(match["character"]) for match in found["matches"]} == ELSEWHERE
            more = (await client.call_tool("search", {"cursor": found["next"], "limit": 1})).structured_content
            assert more
            assert address(more["matches"][0]["character"]) not in ELSEWHERE
            similar = (await client.call_tool("similar", {"character": ASKED.address})).structured_content
            assert similar
            assert {address(match["character"]) for match in similar["matches"][: len(ELSEWHERE)]} == ELSEWHERE
            shown = (await client.call_tool("character", {"name": ASKED.address, "clips": 2})).structured_content
            assert shown
            assert [len(shown["clips"]), shown["clips"][0].keys()] == [2, {"id", "text", "seconds", "audio"}]
            of_game = (await client.call_tool("cast", {"game": ASKED.game})).structured_content
            every = (await client.call_tool("voices", {"limit": 50})).structured_content
            assert of_game
            assert every
            assert {voice["id"] for voice in of_game["voices"]} <= {voice["id"] for voice in every["voices"]}
            assert ASKED.character in {one["name"] for voice in of_game["voices"] for one in voice["characters"]}
            wrong = await client.call_tool("similar", {"character": "nobody"})
            assert wrong.is_error
            assert "There is no character nobody" in wrong.content[0].text  # type: ignore[union-attr]

    asyncio.run(session())


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
