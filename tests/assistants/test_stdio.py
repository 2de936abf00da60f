"""`spksearch mcp` as assistants use it: by the client of the package mcp, over the standard streams of a process."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from end_to_end.bundled import VOICES, Ingested, cast, recurring
from end_to_end.running import PROGRAM, environment
from mcp import Client, StdioServerParameters

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
