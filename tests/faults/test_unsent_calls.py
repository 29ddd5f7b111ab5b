"""Calls that end before anything of them was written cost nothing, and what may have gone out is charged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway_core import judge
from gateway_core.model import JsonObject, RequestRow
from gateway_core.provider_checks import ProviderChecks
from gateway_core.providers import connections
from tests.faults.upstream import KEY
from tests.http.inside import Client, client

TEXT = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."
MESSAGES = [{"role": "user", "content": TEXT}]
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "groq": ("chat/completions", {"model": "groq/openai/gpt-oss-120b", "messages": MESSAGES, "stream": True}),
    "anthropic": ("messages", {"model": "anthropic/claude-sonnet-5-5", "messages": MESSAGES, "max_tokens": 50}),
    "openai": ("responses", {"model": "openai/gpt-5.4-nano", "input": TEXT, "stream": True}),
    "embeddings": ("embeddings", {"model": "openai/text-embedding-3-small", "input": TEXT * 100}),
    "judge": ("chat/completions", {"model": "gateway-auto", "messages": MESSAGES}),
}


class Mute:
    """Takes connections and never says a word. ``heard`` is the beginning of what each of them brought."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._news = asyncio.Condition()
        self._end = asyncio.Event()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.read(100))
        async with self._news:
            self._news.notify_all()
        await self._end.wait()
        writer.transport.abort()

    async def has_heard(self, connections: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: len(self.heard) >= connections)

    def end(self) -> None:
        self._end.set()


@asynccontextmanager
async def before_a_mute_upstream(folder: Path, scheme: str, **more: Any) -> AsyncIterator[tuple[Client, Mute]]:
    """A gateway whose providers are all mute; with ``https`` none of them gets as far as a request."""
    mute = Mute()
    async with await asyncio.start_server(mute.take, "127.0.0.1", 0) as server:
        root = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings: dict[str, Any] = {"anthropic_api_key": SecretStr(KEY), "anthropic_base_url": root}
        for name in ("groq", "openai"):
            settings |= {f"{name}_api_key": SecretStr(KEY), f"{name}_base_url": f"{root}/v1"}
        try:
            async with client(folder, **settings, **more) as llmgw:
                yield llmgw, mute
        finally:
            mute.end()


def ask(llmgw: Client, kind: str, **more: Any) -> asyncio.Task[Any]:
    path, body = CALLS[kind]

    async def answer() -> Any:
        async with llmgw.http.post(f"/v1/{path}", json={**body, **more}) as got:
            return await got.read()

    return asyncio.create_task(answer())


async def stop(llmgw: Client, asking: asyncio.Task[Any], how: str) -> None:
    """Ends a request, and returns once nothing of it is under way."""
    if how == "client leaves":
        asking.cancel()
    else:
        await llmgw.gateway.commands.run("kill", {})
    await asyncio.gather(asking, return_exceptions=True)
    while any(row.status == "running" for row in await llmgw.gateway.requests(10)):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await llmgw.gateway.pipeline.judge.close()


@pytest.fixture(autouse=True)
def nothing_but_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks at the providers meanwhile, and the judge may take its time."""

    async def no_looks(_: ProviderChecks) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(ProviderChecks, "run", no_looks)
    monkeypatch.setattr(judge, "TIMEOUT_S", 60.0)


async def cut_off(folder: Path, scheme: str, kind: str, how: str) -> tuple[list[bytes], float, JsonObject, RequestRow]:
    """What the upstream had heard of a call that was ended then, the dollars set aside for it, and budget and row after
    it."""
    provider = "groq" if kind == "judge" else ""
    async with before_a_mute_upstream(folder, scheme, router_provider=provider) as (llmgw, mute):
        asking = ask(llmgw, kind)
        await mute.has_heard(1)
        reserved = (await llmgw.get("/api/budget"))["reserved_usd"]
        await stop(llmgw, asking, how)
        budget = await llmgw.get("/api/budget")
        (row,) = await llmgw.gateway.requests(10)
    return mute.heard, reserved, budget, row


@pytest.mark.parametrize("how", ["client leaves", "kill switch"])
@pytest.mark.parametrize("kind", CALLS)
async def test_a_call_cut_off_while_it_connects_costs_nothing(tmp_path: Path, kind: str, how: str) -> None:
    heard, reserved, budget, row = await cut_off(tmp_path, "https", kind, how)
    assert all(begins.startswith(b"\x16\x03") for begins in heard), "no more than a greeting of TLS"
    assert reserved > 0
    assert (budget["spent_usd"], budget["reserved_usd"], row.cost_microusd) == (0, 0, 0)


@pytest.mark.parametrize("how", ["client leaves", "kill switch"])
@pytest.mark.parametrize("kind", CALLS)
async def test_a_call_cut_off_once_it_is_written_is_charged(tmp_path: Path, kind: str, how: str) -> None:
    heard, reserved, budget, row = await cut_off(tmp_path, "http", kind, how)
    assert heard[0].startswith(b"POST ")
    assert 0 < budget["spent_usd"] <= reserved and budget["reserved_usd"] == 0
    assert row.cost_microusd == round(budget["spent_usd"] * 1e6)


async def test_a_call_cut_off_while_it_waits_for_a_connection_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_MOST_AT_ONCE", 1)
    async with before_a_mute_upstream(tmp_path, "http") as (llmgw, mute):
        first = ask(llmgw, "groq")
        await mute.has_heard(1)
        alone = (await llmgw.get("/api/budget"))["reserved_usd"]
        second = ask(llmgw, "groq", temperature=0.5)
        while (await llmgw.get("/api/budget"))["reserved_usd"] == alone:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        second.cancel()
        while (budget := await llmgw.get("/api/budget"))["reserved_usd"] != alone:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert budget["spent_usd"] == 0
        await stop(llmgw, first, "client leaves")
        assert (await llmgw.get("/api/budget"))["spent_usd"] > 0
    assert len(mute.heard) == 1
