"""Clients that leave in the middle: their upstream is cancelled at once, and what it has cost is counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.harness import SECRET, GatewayProcess, anthropic_env, gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.faults.asked import PATHS, PROTOCOLS, asked
from tests.faults.sockets import Wire, post, wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRIES = 3
"""The fastest of so many counts: what the others took longer is the machine's doing."""
CANCELLED_S = 0.2
WORDS = "once upon a time there was a client that left"


class Stage:
    """A gateway with an upstream, shared by the tests of this module."""

    def __init__(self, llmgw: GatewayProcess, fake: FakeAnthropic) -> None:
        self.llmgw = llmgw
        self.fake = fake
        self._asked = 0

    async def ask(self, client: Wire, protocol: str, **more: Any) -> None:
        """Sends a request that nobody has sent before; returns once it is at the upstream."""
        self._asked += 1
        before = len(self.fake.requests)
        body = asked(protocol, f"Question {self._asked}?", **more)
        await client.send(post(SECRET, body, PATHS[protocol]))
        await self.fake.wait_for_requests(before + 1)

    async def spent_microusd(self) -> int:
        """What is spent once nothing is reserved any more."""
        while True:
            budget = await self.llmgw.get("/api/budget")
            if not budget["reserved_usd"]:
                return int(round(budget["spent_usd"] * 1e6))
            await asyncio.sleep(0.01)

    async def newest(self) -> Any:
        """The newest request once it has ended: its money is settled a moment before."""
        while (row := (await self.llmgw.get("/api/requests?limit=1"))["requests"][0])["status"] == "running":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return row


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("left")
    async with FakeAnthropic() as fake, gateway(folder, **anthropic_env(fake)) as llmgw:
        await llmgw.chat("Are you awake?")
        yield Stage(llmgw, fake)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_disconnect_mid_stream_cancels_the_upstream_within_200_ms_and_is_paid(
    stage: Stage, protocol: str
) -> None:
    took = []
    for _ in range(TRIES):
        before, left = await stage.spent_microusd(), stage.fake.disconnects
        stage.fake.script(Reply(text=WORDS, stall_after=6))
        async with wire(stage.llmgw.address) as client:
            await stage.ask(client, protocol, stream=True)
            await client.until(b"once")
            start = time.monotonic()
            client.leave()
            await stage.fake.wait_for_disconnects(left + 1)
            took.append(time.monotonic() - start)
        assert await stage.spent_microusd() > before
        row = await stage.newest()
        assert row["status"] == "cancelled" and row["cost_microusd"] > 0
    assert min(took) < CANCELLED_S


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
async def test_a_disconnect_before_the_first_token_cancels_the_upstream_and_is_paid(
    stage: Stage, protocol: str, streamed: bool
) -> None:
    before, left = await stage.spent_microusd(), stage.fake.disconnects
    stage.fake.script(Reply(held=True))
    async with wire(stage.llmgw.address) as client:
        await stage.ask(client, protocol, stream=streamed)
        client.leave()
        await stage.fake.wait_for_disconnects(left + 1)
    assert await stage.spent_microusd() > before
    assert (await stage.newest())["status"] == "cancelled"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_half_close_mid_stream_is_a_client_that_left_its_stream_ends_cleanly_and_is_paid(
    stage: Stage, protocol: str
) -> None:
    """A FIN is all that most clients send when they leave, so that it cannot mean "go on"."""
    before, left = await stage.spent_microusd(), stage.fake.disconnects
    stage.fake.script(Reply(text=WORDS, stall_after=6))
    async with wire(stage.llmgw.address) as client:
        await stage.ask(client, protocol, stream=True)
        await client.until(b"once")
        client.shut()
        await stage.fake.wait_for_disconnects(left + 1)
        await client.rest()
    assert await stage.spent_microusd() > before
    assert (await stage.newest())["status"] == "cancelled"


async def test_a_client_that_left_is_no_error_in_the_log(stage: Stage) -> None:
    assert not [line for line in stage.llmgw.lines if "Traceback" in line or "ERROR" in line]
    assert not (await stage.llmgw.get("/api/log?level=error"))["entries"]
