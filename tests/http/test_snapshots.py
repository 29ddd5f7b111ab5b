"""The control surface over a slow link: changes, not wholes; and what is not read is not sent."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway_core.snapshot_changes import Follower
from tests.fakes.anthropic import FakeAnthropic
from tests.http.inside import client, with_claude


async def test_a_screen_follows_by_changes(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        follower = Follower()

        async def follow() -> int:
            async with llmgw.http.get(f"/api/snapshot?since={follower.token}") as answer:
                body = await answer.read()
            follower.follow(body)
            return len(body)

        for number in range(30):
            await llmgw.chat(f"Question {number}, which is another one each time?")
        whole = await follow()
        assert await follow() < whole / 20
        await llmgw.chat("One more?")
        await llmgw.gateway.commands.run("force_tier", {"tier": "premium"})
        assert await follow() < whole / 3
        here = llmgw.gateway.snapshot()
        assert follower.snapshot is not None
        assert follower.snapshot.requests == here.requests and follower.snapshot.forced_tier == here.forced_tier
        follower.token = "of-another-run"
        assert await follow() > whole / 2


async def test_large_answers_are_packed_for_those_who_can_read_it(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        for number in range(5):
            await llmgw.chat(f"Question {number}?")
        async with llmgw.http.get("/api/snapshot") as answer:
            assert answer.headers.get("Content-Encoding") in ("deflate", "gzip")
            packed = int(answer.headers["Content-Length"])
            assert len(await answer.read()) > 3 * packed
        async with llmgw.http.get("/api/snapshot", headers={"Accept-Encoding": "identity"}) as answer:
            assert "Content-Encoding" not in answer.headers
        async with llmgw.http.get("/health") as answer:
            assert "Content-Encoding" not in answer.headers


async def test_events_that_are_not_wanted_are_only_hinted_at(tmp_path: Path) -> None:
    async with (
        FakeAnthropic() as fake,
        client(tmp_path, **with_claude(fake)) as llmgw,
        llmgw.http.get("/api/events?without=request.started,request.routed,request.finished,budget.changed") as stream,
    ):
        assert await stream.content.readline() == b": llmgw events\n"
        for number in range(6):
            await llmgw.chat(f"Question {number}?")
        llmgw.gateway.notice("warning", "look here")
        heard: list[bytes] = []
        async with asyncio.timeout(20):
            while b"event: notice\n" not in heard or heard.count(b"event: changed\n") < 1:
                heard.append(await stream.content.readline())
        assert not any(b"request." in line for line in heard)
        assert heard.count(b"event: changed\n") <= 3


async def test_stop_is_a_command_that_read_only_refuses(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        llmgw.gateway.commands.read_only = True
        status, said = await llmgw.post("/api/commands/stop")
        assert status == 400 and not llmgw.gateway.stopping.asked.is_set()
        llmgw.gateway.commands.read_only = False
        status, said = await llmgw.post("/api/commands/stop")
        assert (status, said) == (200, {"ok": True, "message": "The gateway is stopping.", "value": ""})
        assert llmgw.gateway.stopping.asked.is_set()
