"""A gateway that ends tells those whom it still answers, in their protocol, and its log says why they got no answer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import openai
import pytest

from gateway_core.gates import kill_switch
from gateway_core.model import Refusal
from gateway_core.running import running_gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import KEY, Client, chat_body, make_settings, said, with_claude, with_groq
from tests.http.test_fallbacks import groq_server
from tests.http.test_shared_calls import boarded, listen
from tests.providers.calls import make_call

TEXT = "once upon a time there was a princess"


class Stage:
    """A gateway that a test ends itself."""

    def __init__(self, llmgw: Client, stack: AsyncExitStack, folder: Path) -> None:
        self.llmgw = llmgw
        self._stack = stack
        self._folder = folder

    async def end(self) -> None:
        async with asyncio.timeout(5):
            await self._stack.aclose()

    def logged(self, columns: str = "status, error_code, cost_microusd > 0") -> list[tuple[Any, ...]]:
        return self._all(f"SELECT {columns} FROM requests ORDER BY at")

    def charged(self) -> list[tuple[Any, ...]]:
        return self._all("SELECT state, cost_microusd > 0 AND cost_microusd <= reserved_microusd FROM reservations")

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._folder / "llmgw.db")) as database:
            return database.execute(query).fetchall()


@asynccontextmanager
async def staged(folder: Path, **more: Any) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(running_gateway(make_settings(folder, **more)))
        headers = {"Authorization": f"Bearer {KEY}"}
        async with aiohttp.ClientSession(gateway.address, headers=headers) as http:
            yield Stage(Client(gateway, http), stack, folder)


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kill_switch, "GRACE_S", 0.0)


@pytest.mark.usefixtures("no_grace")
@pytest.mark.parametrize(
    ("path", "body", "last"),
    [
        ("/v1/chat/completions", chat_body("Tell."), b'"type":"api_error","param":null,"code":"gateway_stopped"}}\n\n'),
        ("/v1/messages", {**chat_body("Tell."), "max_tokens": 100}, b'"code":"gateway_stopped"},"request_id":'),
        ("/v1/responses", {"model": "gateway-premium", "input": "Tell."}, b"event: response.failed"),
    ],
)
async def test_a_stream_in_flight_ends_with_an_error_of_its_protocol(
    tmp_path: Path, path: str, body: dict[str, Any], last: bytes
) -> None:
    async with (
        FakeAnthropic(default=Reply(text=TEXT, stall_after=4)) as fake,
        staged(tmp_path, **with_claude(fake)) as stage,
        stage.llmgw.http.post(path, json={**body, "stream": True}) as answer,
    ):
        while b"once" not in await answer.content.readline():
            pass
        ending = asyncio.create_task(stage.end())
        rest = await answer.read()
        await ending
        await fake.wait_for_disconnects(1)
    assert last in rest and b"llmgw was stopped" in rest and b"[DONE]" not in rest
    assert stage.logged() == [("failed", "gateway_stopped", 1)]
    assert stage.charged() == [("settled", 1)]


async def test_an_end_in_a_hurry_waits_for_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kill_switch, "GRACE_S", 600.0)
    async with (
        FakeAnthropic(default=Reply(text=TEXT, stall_after=4)) as fake,
        staged(tmp_path, **with_claude(fake)) as stage,
    ):
        listener = await listen(stage.llmgw)
        await listener.hears("once")
        ending = asyncio.create_task(stage.end())
        while not stage.llmgw.gateway.kill_gate.check():  # noqa: ASYNC110 - the end has no event before it is over
            await asyncio.sleep(0.005)
        stage.llmgw.gateway.stopping.hurry()
        await ending
        await listener.rest()
    assert listener.error == "gateway_stopped"
    assert stage.charged() == [("settled", 1)]


@pytest.mark.usefixtures("no_grace")
async def test_the_official_clients_raise_it(tmp_path: Path) -> None:
    async with (
        FakeAnthropic(default=Reply(text=TEXT, stall_after=4)) as fake,
        staged(tmp_path, **with_claude(fake)) as stage,
        openai.AsyncOpenAI(base_url=f"{stage.llmgw.gateway.address}/v1", api_key=KEY, max_retries=0) as chat,
        anthropic.AsyncAnthropic(base_url=stage.llmgw.gateway.address, api_key=KEY, max_retries=0) as messages,
    ):
        chunks = await chat.chat.completions.create(**chat_body("Tell."), stream=True)
        events = await messages.messages.create(**chat_body("Tell me."), max_tokens=100, stream=True)
        await anext(chunks), await anext(events)
        ending = asyncio.create_task(stage.end())
        with pytest.raises(openai.APIError, match="llmgw was stopped"):
            [chunk async for chunk in chunks]
        with pytest.raises(anthropic.APIStatusError, match="llmgw was stopped"):
            [event async for event in events]
        await ending


@pytest.mark.usefixtures("no_grace")
async def test_an_answer_that_has_not_begun_is_a_refusal_that_may_be_tried_again(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(held=True)) as fake, staged(tmp_path, **with_claude(fake)) as stage:
        asking = asyncio.create_task(stage.llmgw.chat())
        await fake.wait_for_requests(1)
        await stage.end()
        status, headers, body = await asking
    assert (status, body["error"]["code"], headers["Retry-After"]) == (503, "gateway_stopped", "2")
    assert "x-should-retry" not in headers
    assert stage.logged() == [("failed", "gateway_stopped", 1)]
    assert stage.charged() == [("settled", 1)]


@pytest.mark.usefixtures("no_grace")
async def test_those_who_share_a_call_are_all_told_and_it_is_paid_once(tmp_path: Path) -> None:
    async with (
        FakeAnthropic(default=Reply(text=TEXT, stall_after=4)) as fake,
        staged(tmp_path, **with_claude(fake)) as stage,
    ):
        listeners = [await listen(stage.llmgw) for _ in range(3)]
        for listener in listeners:
            await listener.hears("once")
        ending = asyncio.create_task(stage.end())
        await asyncio.gather(*(listener.rest() for listener in listeners))
        await ending
    assert {listener.error for listener in listeners} == {"gateway_stopped"}
    assert sorted(stage.logged()) == [("failed", "gateway_stopped", paid) for paid in (0, 0, 1)]
    assert stage.charged() == [("settled", 1)]


async def test_an_answer_that_ends_soon_is_waited_for_and_nothing_more_is_let_in(tmp_path: Path) -> None:
    async with groq_server() as fake, staged(tmp_path, **with_groq(fake)) as stage:
        fake.script(Reply(text=TEXT, stall_after=3))
        streaming = asyncio.create_task(stage.llmgw.stream(model="gateway-cheap"))
        await boarded(stage.llmgw, 1)
        await fake.wait_for_requests(1)
        gateway = stage.llmgw.gateway
        ending = asyncio.create_task(stage.end())
        while not gateway.kill_gate.check():  # noqa: ASYNC110 - the end has no event before it is over
            await asyncio.sleep(0.005)
        async with gateway.pipeline.answer(make_call().request) as late:
            assert isinstance(late, Refusal) and late.code == "gateway_stopped"
        fake.resume()
        _, chunks = await streaming
        await ending
    assert said(chunks) == TEXT
    assert stage.logged("status, error_code") == [("refused", "gateway_stopped"), ("ok", None)]


@pytest.mark.usefixtures("no_grace")
async def test_a_client_that_reads_nothing_does_not_hold_the_end_up(tmp_path: Path) -> None:
    async with groq_server() as fake, staged(tmp_path, max_output_tokens=10**6, **with_groq(fake)) as stage:
        fake.script(Reply(text=("x" * 20_000 + " ") * 1_000))
        body = chat_body("Tell.", model="gateway-cheap", stream=True)
        async with stage.llmgw.http.post("/v1/chat/completions", json=body):
            await stage.end()
    assert stage.logged() == [("failed", "gateway_stopped", 1)]
    assert [state for state, _ in stage.charged()] == ["settled"]
