"""Signals at a gateway that has requests in flight: what ends it, what does not, and in what order."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.harness import GatewayProcess, anthropic_env, gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply

STORY = Reply(text="once upon a time there was an end", stall_after=4)
FOREVER = "from gateway_core.gates import kill_switch; kill_switch.GRACE_S = 600.0"
NO_GRACE = "from gateway_core.gates import kill_switch; kill_switch.GRACE_S = 0.0"
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Tell."}]},
    "/v1/messages": {"messages": [{"role": "user", "content": "Tell me."}], "max_tokens": 100},
    "/v1/responses": {"input": "Tell me more."},
}
ENDS = {
    "/v1/chat/completions": b'"code":"gateway_stopped"}}\n\n',
    "/v1/messages": b"event: error\n",
    "/v1/responses": b"event: response.failed\n",
}


@asynccontextmanager
async def ending(folder: Path, fake: FakeAnthropic, before: str) -> AsyncIterator[GatewayProcess]:
    llmgw = GatewayProcess(folder, anthropic_env(fake), before=before)
    await llmgw.start()
    try:
        yield llmgw
    finally:
        if llmgw.process.returncode is None:
            llmgw.process.kill()
        await llmgw.end()


async def begun(llmgw: GatewayProcess, path: str = "/v1/chat/completions") -> aiohttp.ClientResponse:
    """A stream whose first words are there."""
    answer = await llmgw.http.post(path, json={"model": "gateway-premium", "stream": True, **BODIES[path]})
    assert answer.status == 200
    while b"once" not in await answer.content.readline():
        pass
    return answer


async def closed(llmgw: GatewayProcess) -> None:
    """Until nobody can connect any more. A connection that was not yet accepted is reset when the socket closes."""
    host, port = llmgw.address.removeprefix("http://").split(":")
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                continue
            writer.close()
            await asyncio.sleep(0.02)


async def exit_code(llmgw: GatewayProcess) -> int:
    async with asyncio.timeout(60):
        return await llmgw.process.wait()


async def test_sigterm_lets_a_request_in_flight_finish_and_refuses_a_new_one(tmp_path: Path) -> None:
    async with FakeAnthropic(default=STORY) as fake, ending(tmp_path, fake, FOREVER) as llmgw:
        answer = await begun(llmgw)
        llmgw.process.send_signal(signal.SIGTERM)
        await closed(llmgw)
        with pytest.raises(aiohttp.ClientConnectorError):
            await llmgw.chat("And now?")
        fake.resume()
        rest = await answer.text()
        assert await exit_code(llmgw) == 0
    assert "end" in rest and "[DONE]" in rest and "error" not in rest


async def test_sigterm_ends_what_outlasts_the_grace_with_an_error_of_its_protocol(tmp_path: Path) -> None:
    async with FakeAnthropic(default=STORY) as fake, ending(tmp_path, fake, NO_GRACE) as llmgw:
        fake.script(Reply(held=True))
        waiting = asyncio.create_task(llmgw.chat("Not streamed."))
        await fake.wait_for_requests(1)
        answers = [await begun(llmgw, path) for path in BODIES]
        llmgw.process.send_signal(signal.SIGTERM)
        refused = await waiting
        told = dict(zip(BODIES, await asyncio.gather(*(answer.read() for answer in answers)), strict=True))
        assert await exit_code(llmgw) == 0
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "gateway_stopped", "2")
    for path, rest in told.items():
        assert ENDS[path] in rest and b"llmgw was stopped" in rest and b"[DONE]" not in rest, path
    assert settled(tmp_path) == [("settled", 1)] * 4


@pytest.mark.parametrize(("first", "second"), [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)])
async def test_a_second_signal_ends_at_once_and_what_was_used_is_charged(
    tmp_path: Path, first: signal.Signals, second: signal.Signals
) -> None:
    async with FakeAnthropic(default=STORY) as fake, ending(tmp_path, fake, FOREVER) as llmgw:
        answer = await begun(llmgw)
        llmgw.process.send_signal(first)
        await closed(llmgw)
        assert llmgw.process.returncode is None
        llmgw.process.send_signal(second)
        assert await exit_code(llmgw) == 0
        assert b"llmgw was stopped" in await answer.read()
    assert settled(tmp_path) == [("settled", 1)]


def settled(folder: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "llmgw.db")) as database:
        return database.execute("SELECT state, cost_microusd > 0 FROM reservations").fetchall()


async def stopped_and_continued(llmgw: GatewayProcess) -> None:
    llmgw.process.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(30):
        while _state(llmgw) != "T":  # noqa: ASYNC110 - the kernel stops it
            await asyncio.sleep(0.01)
    llmgw.process.send_signal(signal.SIGCONT)


def _state(llmgw: GatewayProcess) -> str:
    return Path(f"/proc/{llmgw.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_sighup_sigpipe_and_a_stopped_process_lose_no_request_in_flight(tmp_path: Path) -> None:
    async with FakeAnthropic(default=STORY) as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGSTOP):
            fake.stall()
            answer = await begun(llmgw)
            if number == signal.SIGSTOP:
                await stopped_and_continued(llmgw)
            else:
                os.kill(llmgw.process.pid, number)
            if number == signal.SIGHUP:
                while not any("SIGHUP: " in line for line in llmgw.lines):  # noqa: ASYNC110 - another process says it
                    await asyncio.sleep(0.02)
            fake.resume()
            rest = await answer.text()
            assert "[DONE]" in rest and "error" not in rest, number
            await llmgw.command("clear_cache", which="all")
