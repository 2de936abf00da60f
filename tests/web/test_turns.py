"""Work that takes turns: a few at a time, short before long, and too much of it is refused."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from typing import Any

import anyio
import httpx
import pytest
from end_to_end import running

from speaker_search.errors import OverloadedError
from speaker_search.web.serving.side_by_side import Turns

CROWD = 200


def long_work() -> None:
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 200_000)


def test_short_work_passes_long_work_that_came_before_it() -> None:
    turns, order = Turns("test", at_once=1), list[str]()

    async def one(work: Any, name: str) -> None:
        await turns.run(work, name)
        order.append(name)

    async def asked() -> None:
        gate = threading.Event()
        await turns.run(long_work, "long")
        await turns.run(int, "short")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one, gate.wait, "gate")
            await anyio.lowlevel.checkpoint()
            for name in ("long", "long", "short", "short"):
                tasks.start_soon(one, int, name)
            while turns.waiting < 4:
                await anyio.lowlevel.checkpoint()
            gate.set()

    anyio.run(asked)
    assert order == ["gate", "short", "short", "long", "long"]


def test_too_much_work_is_refused_and_room_is_made_by_those_who_leave() -> None:
    turns = Turns("test", at_once=1, waiting=2)

    async def asked() -> None:
        gate = threading.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(turns.run, gate.wait)
            leaver = anyio.CancelScope()

            async def leaving() -> None:
                with leaver:
                    await turns.run(int)

            await anyio.lowlevel.checkpoint()
            tasks.start_soon(leaving)
            tasks.start_soon(turns.run, int)
            while turns.waiting < 2:
                await anyio.lowlevel.checkpoint()
            with pytest.raises(OverloadedError) as refused:
                await turns.run(int)
            assert refused.value.retry_after_s >= 1
            leaver.cancel()
            while turns.waiting == 2:
                await anyio.lowlevel.checkpoint()
            gate.set()
            assert await turns.run(lambda: 7) == 7
        assert turns.waiting == 0

    anyio.run(asked)


def test_work_that_fails_gives_its_place_back() -> None:
    turns = Turns("test", at_once=1)

    async def asked() -> None:
        for _ in range(3):
            with pytest.raises(ValueError, match="x"):
                await turns.run(lambda: int("x"))
        assert await turns.run(lambda: 7) == 7

    anyio.run(asked)


def test_work_that_raises_stop_iteration_gives_its_place_back() -> None:
    turns = Turns("test", at_once=1)

    async def asked() -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.wait_for(turns.run(lambda: next(iter(()))), 10)
        assert await asyncio.wait_for(turns.run(lambda: 7), 10) == 7

    anyio.run(asked)


def test_a_crowd_that_asks_for_cast_sheets_keeps_nobody_else_waiting(server: running.Server) -> None:
    """Of 40 threads for all lists, such a crowd took all, and a list was answered after most of the sheets."""

    async def asked() -> tuple[list[httpx.Response], list[tuple[int, httpx.Response]]]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=300, trust_env=False) as client:
            done = 0

            async def sheet() -> httpx.Response:
                nonlocal done
                answer = await client.get("/v1/games/1/cast")
                done += 1
                return answer

            crowd = [asyncio.create_task(sheet()) for _ in range(CROWD)]
            await asyncio.wait(crowd, return_when=asyncio.FIRST_COMPLETED)
            others = []
            for path in ("/v1/characters", "/v1/clips/1/audio", "/v1/characters/1/matches", "/healthz"):
                answer = await client.get(path)
                others.append((done, answer))
            return await asyncio.gather(*crowd), others

    sheets, others = asyncio.run(asked())
    assert {answer.status_code for answer in sheets} <= {200, 503}
    assert all("retry-after" in answer.headers for answer in sheets if answer.status_code == 503)
    assert len({answer.content for answer in sheets if answer.status_code == 200}) == 1
    assert all(answer.status_code == 200 for _, answer in others)
    assert others[-1][0] < CROWD / 2
