"""A gateway told to stop ends soon, whatever it is in the middle of, and loses no money."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import GatewayProcess, anthropic_env
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply


@pytest.mark.parametrize("stall_after", [0, 4], ids=["before the first token", "in the middle"])
async def test_sigterm_ends_a_stream_in_flight_within_five_seconds(tmp_path: Path, stall_after: int) -> None:
    async with FakeAnthropic() as fake:
        fake.script(Reply(text="once upon a time", stall_after=stall_after))
        llmgw = GatewayProcess(tmp_path, anthropic_env(fake))
        await llmgw.start()
        watching = asyncio.create_task(_read(llmgw.http.get("/api/events")))
        body = {"model": "gateway-premium", "stream": True, "messages": [{"role": "user", "content": "Tell a story."}]}
        streaming = asyncio.create_task(_read(llmgw.http.post("/v1/chat/completions", json=body)))
        await fake.wait_for_requests(1)
        llmgw.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            code = await llmgw.process.wait()
        _, told = await asyncio.gather(watching, streaming)
        await llmgw.end()

    with closing(sqlite3.connect(tmp_path / "llmgw.db")) as database:
        states = database.execute("SELECT state, cost_microusd > 0 FROM reservations").fetchall()
        rows = database.execute("SELECT status, error_code FROM requests").fetchall()
    assert code == 0
    assert '"code":"gateway_stopped"' in told
    assert states == [("settled", 1)]
    assert rows == [("failed", "gateway_stopped")]


async def _read(request: Any) -> str:
    async with request as answer:
        return str(await answer.text())
