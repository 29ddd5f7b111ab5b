"""What one caller has said and paid for is nobody else's: a test for each place that keeps it.

Whoever has the gateway's key is its caller. A key that is changed by hand makes another one, of a gateway that runs on
with all that it holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cache.browsed import BrowsedChild
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import chat_body
from tests.http.test_reload import Configured, claude, configured

OTHER = "the-key-of-somebody-else"
ASKED, REWORDED = "What is the capital of Ghana?", "Please tell me what the capital of Ghana is"
Answer = tuple[int, str, dict[str, Any]]


@dataclass(slots=True)
class Callers:
    """Two callers of one gateway, one after the other, and its upstream."""

    llmgw: Configured
    fake: FakeAnthropic
    other: aiohttp.ClientSession

    async def first(self, text: str, path: str = "chat/completions", **more: Any) -> Answer:
        return await _ask(self.llmgw.http, text, path, **more)

    async def second(self, text: str, path: str = "chat/completions", **more: Any) -> Answer:
        return await _ask(self.other, text, path, **more)

    async def change(self) -> None:
        """From now on the second one is let in, and the first one is not."""
        ok, said = await self.llmgw.reload(gateway_secret=OTHER)
        assert ok, said
        assert (await self.first("Who am I?"))[0] == 401


async def _ask(http: aiohttp.ClientSession, text: str, path: str, key: str = "", **more: Any) -> Answer:
    """Status, what the caches said, and the answer."""
    body = {"model": "gateway-premium", "input": text, **more} if path == "responses" else chat_body(text, **more)
    headers = {"Idempotency-Key": key} if key else {}
    async with http.post(f"/v1/{path}", json=body, headers=headers) as answer:
        return answer.status, answer.headers.get("x-llmgw-cache", ""), await answer.json()


@pytest.fixture
async def callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callers]:
    monkeypatch.setattr("gateway_core.composition.open_encoder", lambda settings, note, url: BrowsedChild())
    async with _callers(tmp_path) as made:
        yield made


@asynccontextmanager
async def _callers(folder: Path) -> AsyncIterator[Callers]:
    async with (
        FakeAnthropic(default=Reply(text="Accra.")) as fake,
        configured(folder, semantic_cache="on", **claude(fake)) as llmgw,
        aiohttp.ClientSession(llmgw.gateway.address, headers={"Authorization": f"Bearer {OTHER}"}) as other,
    ):
        yield Callers(llmgw, fake, other)


async def test_the_exact_cache_gives_nobody_the_answer_to_another_caller(callers: Callers) -> None:
    assert [(await callers.first(ASKED))[:2] for _ in range(2)] == [(200, "miss"), (200, "exact")]
    await callers.change()
    assert (await callers.second(ASKED))[:2] == (200, "miss") and callers.fake.calls == 2


async def test_the_semantic_cache_gives_nobody_the_answer_to_another_caller(callers: Callers) -> None:
    assert [(await callers.first(text))[:2] for text in (ASKED, REWORDED)] == [(200, "miss"), (200, "semantic")]
    await callers.change()
    assert (await callers.second(REWORDED))[:2] == (200, "miss") and callers.fake.calls == 2
    assert (await callers.second(ASKED))[:2] == (200, "semantic"), "the second one has a cache of their own"


@pytest.mark.parametrize("key", ["", "order-1"], ids=["without a key", "with the same key"])
async def test_a_call_under_way_is_shared_with_no_other_caller(callers: Callers, key: str) -> None:
    callers.fake.script(Reply(text="For the first.", held=True), Reply(text="For the second."))
    waiting = asyncio.create_task(callers.first(ASKED, key=key))
    await callers.fake.wait_for_requests(1)
    await callers.change()
    status, cache, body = await callers.second(ASKED, key=key)
    callers.fake.resume()
    assert "For the second." in str(body) and (status, cache) == (200, "miss")
    assert "For the first." in str((await waiting)[2]) and callers.fake.calls == 2


async def test_an_idempotency_key_is_no_other_callers_neither_to_replay_nor_to_conflict(callers: Callers) -> None:
    bypass: dict[str, Any] = {"key": "order-1", "temperature": 0.5}
    assert (await callers.first("Buy one.", **bypass))[0] == 200
    assert (await callers.first("Buy two.", **bypass))[0] == 409
    await callers.change()
    assert (await callers.second("Buy two.", **bypass))[0] == 200
    assert (await callers.second("Buy one.", **bypass))[0] == 409
    assert callers.fake.calls == 2


async def test_a_stored_response_is_read_followed_and_deleted_by_no_other_caller(callers: Callers) -> None:
    _, _, kept = await callers.first("Remember the word canary.", "responses")
    await callers.change()
    address = f"/v1/responses/{kept['id']}"
    async with callers.other.get(address) as read, callers.other.get(f"{address}/input_items") as items:
        assert read.status == items.status == 404
    async with callers.other.delete(address) as deleted:
        assert deleted.status == 404
    status, _, said = await callers.second("Which word?", "responses", previous_response_id=kept["id"])
    assert status in (400, 404) and "canary" not in str(said) and callers.fake.calls == 1
