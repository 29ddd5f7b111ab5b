"""``Idempotency-Key`` under every fault: one call and one bill for a key, in every protocol, streamed and whole.

What a kill leaves of a key is in ``test_killed.py``: "between the settlement and its key", and the points around it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from pydantic import SecretStr

from gateway_core.delivery.flights import Flight
from gateway_core.events import RequestFinished
from gateway_core.http.completions import Completions
from gateway_core.model import ChatRequest
from gateway_core.running import running_gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply
from tests.http.inside import Client, client, make_settings, with_claude

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "one two three four five six seven eight"
SMALL, FREE = "text-embedding-3-small", "free-model"
PROTOCOLS = ("chat/completions", "messages", "responses")
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class World:
    """A gateway with a premium and an embedding provider. Its caches are passed by: what is repeated is a key's."""

    llmgw: Client
    claude: FakeAnthropic
    openai: FakeOpenAI

    async def ask(self, path: str, key: str, body: dict[str, Any]) -> tuple[int, str]:
        """Status and text of the whole answer."""
        headers = {"Idempotency-Key": key, "x-llmgw-cache": "bypass"}
        async with self.llmgw.http.post(f"/v1/{path}", json=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def spent_microusd(self) -> int:
        budget = await self.llmgw.get("/api/budget")
        assert budget["reserved_usd"] == 0
        spent: int = round(budget["spent_usd"] * 1e6)
        return spent


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with (
        FakeAnthropic(default=Reply(text=TEXT)) as claude,
        FakeOpenAI(key="sk-paid", models=(SMALL, FREE)) as openai,
        client(
            tmp_path_factory.mktemp("idempotency"),
            openai_api_key=SecretStr("sk-paid"),
            openai_base_url=openai.base_url,
            providers=[{"name": "lan", "base_url": openai.base_url, "api_key": "sk-paid", "model": FREE, "free": True}],
            **with_claude(claude),
        ) as llmgw,
    ):
        yield World(llmgw, claude, openai)


@pytest.fixture
def key() -> str:
    """A new one for each test; prompts made of it are new too."""
    return f"order-{next(_NUMBERS)}"


def body_of(path: str, words: str, *, stream: bool = False, **more: Any) -> dict[str, Any]:
    """A request for an answer, in the words of its protocol."""
    asked: dict[str, Any] = {"model": "gateway-premium", "stream": stream, **more}
    if path == "responses":
        return {"input": words, "max_output_tokens": 100, **asked}
    return {"messages": [{"role": "user", "content": words}], "max_tokens": 100, **asked}


def embed_body(words: str, **more: Any) -> dict[str, Any]:
    return {"model": f"openai/{SMALL}", "input": [words, f"{words}!"], **more}


# --- the answer is given again ------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [False, True], ids=["again whole", "again streamed"])
@pytest.mark.parametrize("first", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", PROTOCOLS)
async def test_a_repeated_key_replays_its_answer_and_calls_nobody(
    world: World, key: str, path: str, first: bool, again: bool
) -> None:
    calls = world.claude.calls
    status, said = await world.ask(path, key, body_of(path, f"Count, {key}.", stream=first))
    spent = await world.spent_microusd()
    repeated, said_again = await world.ask(path, key, body_of(path, f"Count, {key}.", stream=again))
    (row, *_) = (await world.llmgw.get("/api/requests"))["requests"]

    assert (status, repeated, world.claude.calls - calls) == (200, 200, 1)
    assert "eight" in said and "eight" in said_again
    assert ("data: " in said_again) is again
    assert await world.spent_microusd() == spent
    assert (row["cache"], row["cost_microusd"]) == ("exact", 0)


async def test_a_repeated_key_replays_its_vectors_and_calls_nobody(world: World, key: str) -> None:
    calls = world.openai.calls
    body = embed_body(f"Some notes of {key}.")
    _, first = await world.ask("embeddings", key, body)
    spent = await world.spent_microusd()
    headers = {"Idempotency-Key": key}
    async with world.llmgw.http.post("/v1/embeddings", json=body, headers=headers) as answer:
        again, told = await answer.json(), answer.headers.copy()
    _, in_base64 = await world.ask("embeddings", key, {**body, "encoding_format": "base64"})
    (row, *_) = (await world.llmgw.get("/api/requests"))["requests"]

    assert f'"embedding":{again["data"][1]["embedding"]}'.replace(" ", "") in first
    assert again["usage"]["cost"] == 0 and len(again["data"]) == 2 and '"embedding":"' in in_base64
    assert (told["x-llmgw-tier"], told["x-llmgw-cache"], told["x-llmgw-cost-usd"]) == ("cache", "exact", "0.000000")
    assert world.openai.calls - calls == 1
    assert await world.spent_microusd() == spent
    assert (row["cache"], row["cost_microusd"], row["status"]) == ("exact", 0, "ok")


async def test_a_repeated_key_replays_an_answer_that_was_free(world: World, key: str) -> None:
    calls, body = world.openai.calls, body_of("chat/completions", f"Count, {key}.", model=f"lan/{FREE}")
    answers = [await world.ask("chat/completions", key, body) for _ in range(2)]
    assert [status for status, _ in answers] == [200, 200] and world.openai.calls - calls == 1


async def test_a_key_in_the_body_of_embeddings_stays_here(world: World, key: str) -> None:
    body = embed_body("Notes.", idempotency_key=key)
    async with world.llmgw.http.post("/v1/embeddings", json=body) as answer:
        assert answer.status == 200
    status, _ = await world.ask("embeddings", key, embed_body("Notes."))
    assert status == 200 and "idempotency_key" not in world.openai.requests[-1]


async def test_a_key_outlives_a_restart_and_is_its_callers_alone(tmp_path: Path) -> None:
    """Another secret is another caller: the same key and body is a request of its own."""
    body = body_of("chat/completions", "Buy one.", idempotency_key="order-1")
    async with FakeAnthropic(default=Reply(text=TEXT)) as fake:
        for secret in ("first-caller", "first-caller", "second-caller"):
            settings = make_settings(tmp_path, **with_claude(fake), gateway_secret=SecretStr(secret))
            headers = {"Authorization": f"Bearer {secret}", "x-llmgw-cache": "bypass"}
            async with (
                running_gateway(settings) as gateway,
                aiohttp.ClientSession(gateway.address, headers=headers) as http,
                http.post("/v1/chat/completions", json=body) as answer,
            ):
                assert answer.status == 200 and "eight" in await answer.text()
            assert fake.calls == (2 if secret == "second-caller" else 1)


# --- a conflict ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": "Buy two."}]}),
        ("chat/completions", {"model": "gateway-auto"}),
        ("chat/completions", {"max_tokens": 99}),
        ("chat/completions", {"unheard_of": 1}),
        ("messages", {"metadata": {"user_id": "ada"}}),
        ("messages", {"system": "Be brief."}),
        ("responses", {"metadata": {"order": "2"}}),
        ("responses", {"max_tool_calls": 3}),
        ("responses", {"input": "Buy two."}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
async def test_the_same_key_with_another_body_is_a_conflict(
    world: World, key: str, path: str, other: dict[str, Any]
) -> None:
    """What only one protocol knows counts too."""
    body = body_of(path, "Buy one.")
    status, _ = await world.ask(path, key, body)
    calls = world.claude.calls
    refused, said = await world.ask(path, key, {**body, **other})
    assert (status, refused, world.claude.calls) == (200, 409, calls)
    assert "used with another request" in said


async def test_the_same_key_in_another_protocol_is_a_conflict(world: World, key: str) -> None:
    statuses = [(await world.ask(path, key, body_of(path, "Buy one.")))[0] for path in PROTOCOLS]
    statuses += [(await world.ask("embeddings", key, embed_body("Buy one.")))[0]]
    assert statuses == [200, 409, 409, 409]


async def test_the_same_key_with_other_texts_to_embed_is_a_conflict(world: World, key: str) -> None:
    statuses = [(await world.ask("embeddings", key, embed_body(text)))[0] for text in ("One.", "Two.")]
    assert statuses == [200, 409]


async def test_another_body_is_told_so_while_the_first_still_runs(world: World, key: str) -> None:
    """It does not wait for an answer that is not for it."""
    requests = len(world.claude.requests)
    world.claude.script(Reply(text=TEXT, held=True))
    first = asyncio.create_task(world.ask("messages", key, body_of("messages", "Buy one.")))
    await world.claude.wait_for_requests(requests + 1)
    refused, _ = await world.ask("messages", key, body_of("messages", "Buy two."))
    world.claude.resume()
    status, _ = await first
    world.claude.stall()
    assert (refused, status) == (409, 200)


async def test_two_different_keys_in_one_request_are_refused(world: World, key: str) -> None:
    status, said = await world.ask("chat/completions", key, body_of("chat/completions", "Hi.", idempotency_key="no"))
    assert status == 400 and "differ" in said


# --- at the same time ---------------------------------------------------------------------------------------------


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what nothing tells outside: who shares a call."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def the_flight(world: World, aboard: int) -> Flight[Any]:
    """The one call that is made, once so many share it."""
    led = world.llmgw.gateway.pipeline._led
    await until(lambda: [flight.aboard for flight in led.values()] == [aboard])
    return next(iter(led.values()))


async def held_together(world: World, asked: list[tuple[str, str, dict[str, Any]]], step: Reply | Failure) -> list[Any]:
    """What came of requests that all shared the one call before the upstream answered it."""
    world.claude.script(step)
    tasks = [asyncio.create_task(world.ask(*one)) for one in asked]
    await the_flight(world, len(tasks))
    world.claude.resume()
    try:
        return await asyncio.gather(*tasks)
    finally:
        world.claude.stall()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", PROTOCOLS)
async def test_twenty_duplicates_at_once_share_one_call(world: World, key: str, path: str, stream: bool) -> None:
    calls, spent = world.claude.calls, await world.spent_microusd()
    asked = [(path, key, body_of(path, f"Buy one, {key}.", stream=stream))] * 20
    answers = await held_together(world, asked, Reply(text=TEXT, held=True))
    rows = (await world.llmgw.get("/api/requests?limit=20"))["requests"]

    assert {status for status, _ in answers} == {200} and all("eight" in said for _, said in answers)
    assert world.claude.calls - calls == 1
    assert sorted(row["cost_microusd"] for row in rows) == [0] * 19 + [await world.spent_microusd() - spent]


async def test_duplicates_at_once_of_which_half_are_streamed_share_one_call(world: World, key: str) -> None:
    calls = world.claude.calls
    body = body_of("messages", f"Buy one, {key}.")
    asked = [world.ask("messages", key, {**body, "stream": number % 2 == 0}) for number in range(20)]
    answers = await asyncio.gather(*asked)
    assert {status for status, _ in answers} == {200} and world.claude.calls - calls == 1


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_another_kind_gets_the_answer_while_the_first_one_has_not_read_it(
    world: World, key: str, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, spent, body = world.claude.calls, await world.spent_microusd(), body_of("messages", f"Buy one, {key}.")
    held, through, read = asyncio.Event(), Completions.before_the_end, asyncio.Event()

    async def before_the_end(self: Completions, request: ChatRequest) -> None:
        if request.stream is stream:
            held.set()
            await read.wait()
        await through(self, request)

    monkeypatch.setattr(Completions, "before_the_end", before_the_end)
    world.claude.script(Reply(text=TEXT, held=True))
    first = asyncio.create_task(world.ask("messages", key, {**body, "stream": stream}))
    await until(lambda: world.claude.calls > calls)
    early = asyncio.create_task(world.ask("messages", key, {**body, "stream": not stream}))
    await until(lambda: world.llmgw.gateway.snapshot().in_flight == 2)
    world.claude.resume()
    await held.wait()
    world.claude.stall()
    async with asyncio.timeout(30.0):
        again = [await early, await world.ask("messages", key, {**body, "stream": not stream})]
    assert not first.done()
    read.set()
    answers = [await first, *again]
    rows = (await world.llmgw.get("/api/requests?limit=3"))["requests"]

    assert {status for status, _ in answers} == {200} and all("eight" in said for _, said in answers)
    assert world.claude.calls - calls == 1
    assert sorted(row["cost_microusd"] for row in rows) == [0, 0, await world.spent_microusd() - spent]


async def test_another_kind_asks_anew_where_the_first_caller_has_left(world: World, key: str) -> None:
    """It has waited for an answer that does not come: both calls are charged and shown."""
    calls, spent = world.claude.calls, await world.spent_microusd()
    body, headers = body_of("chat/completions", f"Count, {key}."), {"Idempotency-Key": key}
    world.claude.script(Reply(text=TEXT, stall_after=4))
    async with world.llmgw.http.post("/v1/chat/completions", json={**body, "stream": True}, headers=headers) as first:
        await first.content.readline()
        second = asyncio.create_task(world.ask("chat/completions", key, body))
        await until(lambda: world.llmgw.gateway.snapshot().in_flight == 2)
        first.close()
        status, said = await second
    rows = (await world.llmgw.get("/api/requests?limit=2"))["requests"]

    assert (status, world.claude.calls - calls) == (200, 2) and "eight" in said
    assert sorted(row["status"] for row in rows) == ["cancelled", "ok"]
    assert sum(row["cost_microusd"] for row in rows) == await world.spent_microusd() - spent
    assert all(row["cost_microusd"] > 0 for row in rows)


async def test_twenty_embeddings_at_once_share_one_call(world: World, key: str) -> None:
    calls = world.openai.calls
    answers = await asyncio.gather(*(world.ask("embeddings", key, embed_body("Buy one.")) for _ in range(20)))
    assert {status for status, _ in answers} == {200} and world.openai.calls - calls == 1


async def test_a_failure_is_shared_by_the_duplicates_of_its_time_and_poisons_no_key(world: World, key: str) -> None:
    calls = world.claude.calls
    asked = [("chat/completions", key, body_of("chat/completions", f"Buy one, {key}."))] * 20
    failure = Failure(400, type="invalid_request_error", held=True)
    answers = await held_together(world, asked, failure)
    assert {status for status, _ in answers} == {400} and world.claude.calls - calls == 1
    status, said = await world.ask(*asked[0])
    assert status == 200 and "eight" in said and world.claude.calls - calls == 2


async def test_embeddings_that_failed_poison_no_key(world: World, key: str) -> None:
    world.openai.script(Failure(400))
    statuses = [(await world.ask("embeddings", key, embed_body(f"{key}.")))[0] for _ in range(2)]
    assert statuses == [400, 200]


# --- callers that leave -------------------------------------------------------------------------------------------


async def test_a_duplicate_gets_the_answer_of_a_call_whose_first_caller_has_left(world: World, key: str) -> None:
    calls = world.claude.calls
    body, headers = body_of("chat/completions", f"Count, {key}.", stream=True), {"Idempotency-Key": key}
    world.claude.script(Reply(text=TEXT, stall_after=4))
    async with world.llmgw.http.post("/v1/chat/completions", json=body, headers=headers) as first:
        await first.content.readline()
        async with world.llmgw.http.post("/v1/chat/completions", json=body, headers=headers) as second:
            await second.content.readline()
            flight = await the_flight(world, 2)
            first.close()
            await until(lambda: flight.aboard == 1)
            world.claude.resume()
            said = await second.text()
    world.claude.stall()
    assert "eight" in said and "[DONE]" in said and world.claude.calls - calls == 1


async def test_a_caller_who_left_and_asks_again_pays_for_both_calls(world: World, key: str) -> None:
    """The first call was stopped with its caller, and its answer is lost: it is dead, and it is charged."""
    calls, spent = world.claude.calls, await world.spent_microusd()
    body, headers = body_of("chat/completions", f"Count, {key}.", stream=True), {"Idempotency-Key": key}
    world.claude.script(Reply(text=TEXT, stall_after=4))
    with world.llmgw.gateway.bus.subscribe() as events:
        async with world.llmgw.http.post("/v1/chat/completions", json=body, headers=headers) as first:
            await first.content.readline()
            first.close()
        async for event in events:
            if isinstance(event, RequestFinished):
                break
    cut_off = await world.spent_microusd() - spent
    status, said = await world.ask("chat/completions", key, body)
    rows = (await world.llmgw.get("/api/requests?limit=2"))["requests"]

    assert (status, world.claude.calls - calls) == (200, 2) and "eight" in said
    assert [row["status"] for row in rows] == ["ok", "cancelled"]
    assert [row["cost_microusd"] for row in rows] == [await world.spent_microusd() - spent - cut_off, cut_off]
    assert cut_off > 0
