"""Identical requests at the same time share one upstream call, whoever leaves, fails or is stopped meanwhile."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import openai
import pytest

from gateway_core.events import RequestFinished
from gateway_core.model import Refusal, RequestRow, Status
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply
from tests.http.inside import KEY, Client, chat_body, client, said, with_claude, with_groq
from tests.providers.calls import make_call

QUESTION = "Who wrote Faust?"
TEXT = "Johann Wolfgang von Goethe wrote it, over sixty years."


@asynccontextmanager
async def setting(
    tmp_path: Path, default: Reply | None = None, **more: Any
) -> AsyncIterator[tuple[FakeAnthropic, Client]]:
    default = default or Reply(text=TEXT, stall_after=4)
    async with FakeAnthropic(default=default) as fake, client(tmp_path, **with_claude(fake), **more) as llmgw:
        yield fake, llmgw


async def boarded(llmgw: Client, number: int) -> None:
    """Returns when so many requests are in flight and listen to what they share."""
    flights = llmgw.gateway.pipeline._flights._flights
    while sum(flight.aboard for flight in flights.values()) < number:  # noqa: ASYNC110 - boarding has no event
        await asyncio.sleep(0.005)


async def boarded_only(llmgw: Client, number: int) -> None:
    """Returns when so many are left of them."""
    flights = llmgw.gateway.pipeline._flights._flights
    while sum(flight.aboard for flight in flights.values()) > number:  # noqa: ASYNC110 - leaving has no event
        await asyncio.sleep(0.005)


async def together(fake: FakeAnthropic | FakeOpenAI, llmgw: Client, *asked: Coroutine[Any, Any, Any]) -> list[Any]:
    """What each gets, all asked before the upstream answers any."""
    tasks = [asyncio.create_task(one) for one in asked]
    await boarded(llmgw, len(tasks))
    fake.resume()
    return await asyncio.gather(*tasks)


async def ended(llmgw: Client, number: int) -> list[RequestRow]:
    """The rows, oldest first, when so many have ended."""
    with llmgw.gateway.bus.subscribe() as events:
        heard = aiter(events)
        while True:
            rows = [row for row in llmgw.gateway.snapshot().requests if row.status is not Status.RUNNING]
            if len(rows) >= number:
                return rows[::-1]
            await anext(heard)


def spent(llmgw: Client) -> int:
    return llmgw.gateway.snapshot().budget.spent_microusd


class Listener:
    """A streaming client, read event by event."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.chunks: list[Any] = []

    @property
    def cache(self) -> str:
        return self.answer.headers["x-llmgw-cache"]

    async def hears(self, text: str) -> None:
        """Returns when ``text`` has arrived."""
        while text not in said(self.chunks):
            await self._next()

    async def rest(self) -> None:
        while await self._next():
            pass

    async def _next(self) -> bool:
        while line := await self.answer.content.readline():
            if line.startswith(b"data: {"):
                self.chunks.append(json.loads(line[6:]))
                return True
            if line.startswith(b"data: [DONE]"):
                return False
        assert self.error, "a stream without an end"
        return False

    @property
    def error(self) -> str:
        return next((chunk["error"]["code"] for chunk in self.chunks if "error" in chunk), "")

    def leave(self) -> None:
        self.answer.close()


async def listen(llmgw: Client, headers: Mapping[str, str] | None = None, **body: Any) -> Listener:
    body = chat_body(QUESTION, stream=True, **body)
    answer = await llmgw.http.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.status == 200, await answer.text()
    return Listener(answer)


# --- one call for all ------------------------------------------------------------------------------------------


async def test_streams_share_one_call_and_pay_once(tmp_path: Path) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        first = await listen(llmgw)
        await first.hears("Johann")
        late = [await listen(llmgw, stream_options={"include_usage": True}) for _ in range(3)]
        for listener in late:
            await listener.hears("Johann")
        fake.resume()
        await asyncio.gather(*(listener.rest() for listener in (first, *late)))
        rows = await ended(llmgw, 4)
        details = [await llmgw.get(f"/api/requests/{row.id}") for row in rows]
        paid = spent(llmgw)

    assert fake.calls == 1
    assert [listener.cache for listener in (first, *late)] == ["miss", "exact", "exact", "exact"]
    assert [said(listener.chunks) for listener in (first, *late)] == [TEXT] * 4
    assert [row.status for row in rows] == [Status.OK] * 4
    assert paid == rows[0].cost_microusd > 0 == sum(row.cost_microusd for row in rows[1:])
    assert all(row.otherwise.saved(0)[0] == paid for row in rows[1:]), "saved like an exact hit"
    assert [row.served_by for row in rows] == ["premium", "cache", "cache", "cache"]
    assert [(detail["reuse"] or {}).get("verdict") for detail in details] == [None, "shared", "shared", "shared"]
    assert first.chunks[-1]["usage"]["cost"] == paid / 1e6
    assert late[0].chunks[-1]["usage"]["cost"] == 0 and late[0].chunks[-1]["choices"] == []
    assert late[0].answer.headers["x-llmgw-tier"] == "cache"
    assert late[0].answer.headers["x-llmgw-cost-usd"] == "0.000000"


async def test_whole_answers_share_one_call(tmp_path: Path) -> None:
    async with setting(tmp_path, Reply(text=TEXT, held=True)) as (fake, llmgw):
        answers = await together(fake, llmgw, *(llmgw.chat(QUESTION) for _ in range(5)))
        paid, rows = spent(llmgw), await ended(llmgw, 5)

    assert fake.calls == 1
    assert sorted(headers["x-llmgw-cache"] for _, headers, _ in answers) == ["exact"] * 4 + ["miss"]
    assert {body["choices"][0]["message"]["content"] for _, _, body in answers} == {TEXT}
    assert sorted(body["usage"]["cost"] for _, _, body in answers) == [0, 0, 0, 0, paid / 1e6]
    assert sum(row.cost_microusd for row in rows) == paid


async def test_a_stream_and_a_whole_answer_are_two_calls(tmp_path: Path) -> None:
    async with setting(tmp_path, Reply(text=TEXT, held=True)) as (fake, llmgw):
        (_, headers, whole), (stream_headers, chunks) = await together(
            fake, llmgw, llmgw.chat(QUESTION), llmgw.stream(QUESTION)
        )
    assert fake.calls == 2
    assert headers["x-llmgw-cache"] == stream_headers["x-llmgw-cache"] == "miss"
    assert whole["choices"][0]["message"]["content"] == said(chunks) == TEXT


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-llmgw-cache": "no-store"}, {}),
        ({"x-llmgw-cache": "bypass"}, {}),
        ({"x-llmgw-cache": "refresh"}, {}),
        ({}, {"temperature": 1}),
        ({}, {"context": "cron"}),
        ({}, {"model": "anthropic/claude-haiku-4-5"}),
    ],
)
async def test_who_wants_an_answer_of_their_own_gets_one(
    tmp_path: Path, headers: dict[str, str], body: dict[str, Any]
) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        first = await listen(llmgw)
        alone = [await listen(llmgw, headers, **body) for _ in range(2 if "model" not in body else 1)]
        fake.resume()
        await asyncio.gather(*(listener.rest() for listener in (first, *alone)))
    assert fake.calls == 1 + len(alone)
    assert [said(listener.chunks) for listener in (first, *alone)] == [TEXT] * fake.calls
    assert "exact" not in [listener.cache for listener in alone]


async def test_the_sdks_share_in_every_protocol(tmp_path: Path) -> None:
    async with setting(tmp_path, Reply(text=TEXT, held=True)) as (fake, llmgw):
        address = llmgw.gateway.address

        async def chat(sdk: openai.AsyncOpenAI) -> str:
            made = await sdk.chat.completions.create(
                model="gateway-premium", messages=[{"role": "user", "content": QUESTION}], stream=True
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in made if chunk.choices])

        async def respond(sdk: openai.AsyncOpenAI) -> str:
            made = await sdk.responses.create(model="gateway-premium", input=QUESTION, stream=True)
            texts = [event.response.output_text async for event in made if event.type == "response.completed"]
            return "".join(texts)

        async def message(sdk: anthropic.AsyncAnthropic) -> str:
            asked: Any = [{"role": "user", "content": QUESTION}]
            async with sdk.messages.stream(model="gateway-premium", max_tokens=100, messages=asked) as made:
                return await made.get_final_text()

        async with (
            openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0) as of_openai,
            anthropic.AsyncAnthropic(base_url=address, api_key=KEY, max_retries=0) as of_anthropic,
        ):
            asked = [[chat(of_openai), respond(of_openai), message(of_anthropic)] for _ in range(3)]
            texts = await together(fake, llmgw, *(one for some in asked for one in some))
        rows = await ended(llmgw, 9)

    assert texts == [TEXT] * 9
    assert fake.calls == 3, "one a protocol"
    assert sum(row.cost_microusd > 0 for row in rows) == 3
    assert {row.status for row in rows} == {Status.OK}


async def test_shared_responses_have_ids_of_their_own(tmp_path: Path) -> None:
    async with setting(tmp_path, Reply(text=TEXT, held=True)) as (fake, llmgw):

        async def respond() -> Any:
            asked = {"model": "gateway-premium", "input": QUESTION}
            async with llmgw.http.post("/v1/responses", json=asked) as answer:
                return await answer.json()

        first, second = await together(fake, llmgw, respond(), respond())
    assert fake.calls == 1 and first["id"] != second["id"]
    assert first["output"][0]["content"] == second["output"][0]["content"]


async def test_an_idempotency_key_is_answered_again_though_its_answer_was_shared(tmp_path: Path) -> None:
    key = {"Idempotency-Key": "order-1"}
    call = Reply(text="", tools=(("weather", {"city": "Rome"}),), held=True)
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    async with setting(tmp_path, call) as (fake, llmgw):
        _, (_, headers, shared) = await together(
            fake, llmgw, llmgw.chat(QUESTION, tools=[tool]), llmgw.chat(QUESTION, tools=[tool], headers=key)
        )
        _, again_headers, again = await llmgw.chat(QUESTION, tools=[tool], headers=key)
        await llmgw.chat(QUESTION, tools=[tool])
    assert fake.calls == 2, "a tool call is shared while it is made, and kept for nobody but its key"
    assert {headers["x-llmgw-cache"], again_headers["x-llmgw-cache"]} <= {"exact", "miss"}
    assert again_headers["x-llmgw-cache"] == "exact" and again["choices"] == shared["choices"]


async def test_a_shared_answer_can_be_marked_wrong(tmp_path: Path) -> None:
    async with setting(tmp_path, Reply(text=TEXT, held=True)) as (fake, llmgw):
        answers = await together(fake, llmgw, *(llmgw.chat(QUESTION) for _ in range(2)))
        (shared,) = [headers for _, headers, _ in answers if headers["x-llmgw-cache"] == "exact"]
        _, result = await llmgw.post("/api/commands/mark_wrong", request_id=shared["x-llmgw-request-id"])
        _, headers, _ = await llmgw.chat(QUESTION)
    assert result["ok"] and headers["x-llmgw-cache"] == "miss"


# --- faults ----------------------------------------------------------------------------------------------------


async def test_the_call_goes_on_when_its_leader_leaves_and_stops_with_the_last_listener(tmp_path: Path) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        leader, follower, last = [await listen(llmgw) for _ in range(3)]
        await last.hears("Johann")
        leader.leave()
        follower.leave()
        (gone,) = [row for row in await ended(llmgw, 1)]
        assert fake.disconnects == 0
        began = asyncio.get_running_loop().time()
        last.leave()
        await fake.wait_for_disconnects(1)
        took_s = asyncio.get_running_loop().time() - began
        rows = await ended(llmgw, 3)
        paid = spent(llmgw)

    assert took_s < 0.2
    assert gone.cache.is_hit, "the leader's row ends with what it pays for"
    assert [row.status for row in rows] == [Status.CANCELLED] * 3
    assert [row.cost_microusd for row in rows] == [paid, 0, 0] and paid > 0


async def test_who_leaves_when_the_upstream_is_done_has_not_had_the_answer(tmp_path: Path) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        request = replace(make_call(model="gateway-premium").request, model="gateway-premium")
        async with llmgw.gateway.pipeline.answer(request) as answer:
            assert not isinstance(answer, Refusal) and answer.batches
            await anext(answer.batches)
            fake.resume()
            while len(llmgw.gateway.pipeline._flights):  # noqa: ASYNC110 - landing has no event
                await asyncio.sleep(0.005)
        (row,) = await ended(llmgw, 1)
        paid = spent(llmgw)
    assert (row.status, row.finish_reason) == (Status.CANCELLED, None)
    assert row.cost_microusd == paid > 0


async def test_who_comes_after_a_kill_boards_nothing_that_it_stopped(tmp_path: Path) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        first = await listen(llmgw)
        await first.hears("Johann")
        await llmgw.gateway.commands.run("kill", {})
        await llmgw.gateway.commands.run("release", {})
        second = await listen(llmgw)
        await fake.wait_for_disconnects(1)
        fake.resume()
        await asyncio.gather(first.rest(), second.rest())
    assert (first.error, second.cache, said(second.chunks), fake.calls) == ("kill_switch", "miss", TEXT, 2)


async def test_followers_get_the_rest_and_the_leader_pays(tmp_path: Path) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        leader = await listen(llmgw)
        follower = await listen(llmgw)
        await leader.hears("Johann")
        leader.leave()
        await follower.hears("Johann")
        fake.resume()
        await follower.rest()
        rows = await ended(llmgw, 2)
        _, headers, _ = await llmgw.chat(QUESTION)
        paid = spent(llmgw)

    assert said(follower.chunks) == TEXT
    assert [row.status for row in rows] == [Status.CANCELLED, Status.OK]
    assert [row.cost_microusd for row in rows] == [paid, 0]
    assert (fake.calls, headers["x-llmgw-cache"]) == (1, "exact"), "what was paid for is kept"


async def test_a_leader_of_a_whole_answer_may_leave_too(tmp_path: Path) -> None:
    async with setting(tmp_path, Reply(text=TEXT, held=True)) as (fake, llmgw):
        leader = asyncio.create_task(llmgw.chat(QUESTION))
        await fake.wait_for_requests(1)
        follower = asyncio.create_task(llmgw.chat(QUESTION))
        await boarded(llmgw, 2)
        leader.cancel()
        await boarded_only(llmgw, 1)
        fake.resume()
        _, headers, body = await follower
    assert (fake.calls, headers["x-llmgw-cache"]) == (1, "exact")
    assert body["choices"][0]["message"]["content"] == TEXT


async def test_the_kill_switch_stops_them_all_and_bills_once(tmp_path: Path) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        listeners = [await listen(llmgw) for _ in range(4)]
        for listener in listeners:
            await listener.hears("Johann")
        await llmgw.gateway.commands.run("kill", {})
        await asyncio.gather(*(listener.rest() for listener in listeners))
        rows = await ended(llmgw, 4)
        await fake.wait_for_disconnects(1)
        paid = spent(llmgw)

    assert fake.calls == 1
    assert [row.status for row in rows] == [Status.KILLED] * 4
    assert {listener.error for listener in listeners} == {"kill_switch"}
    assert sorted(row.cost_microusd for row in rows) == [0, 0, 0, paid] and paid > 0


async def test_a_refusal_before_the_first_word_is_everybodys_and_nobody_asks_again(tmp_path: Path) -> None:
    async with setting(tmp_path, Reply()) as (fake, llmgw):
        fake.script(Failure(400, "the prompt is strange", type="invalid_request_error", held=True))
        answers = await together(fake, llmgw, *(llmgw.chat(QUESTION) for _ in range(5)))
        rows = await ended(llmgw, 5)
        _, headers, _ = await llmgw.chat(QUESTION)
    assert [(status, body["error"]["code"]) for status, _, body in answers] == [(400, "invalid_request")] * 5
    assert not any(row.cache.is_hit or row.cost_microusd for row in rows)
    assert fake.calls == 2 and headers["x-llmgw-cache"] == "miss", "who comes later asks anew"


async def test_a_budget_refuses_them_all(tmp_path: Path) -> None:
    async with setting(tmp_path, daily_budget_hard=0.000001) as (fake, llmgw):
        answers = await asyncio.gather(*(llmgw.chat(QUESTION) for _ in range(3)))
        reserved = llmgw.gateway.snapshot().budget.committed_microusd
    assert {(status, body["error"]["code"]) for status, _, body in answers} == {(429, "budget_exceeded")}
    assert fake.calls == reserved == 0


async def test_an_upstream_that_breaks_off_breaks_off_for_all(tmp_path: Path) -> None:
    async with setting(tmp_path, Reply(text=TEXT, stall_after=4, drop_after=6)) as (fake, llmgw):
        listeners = [await listen(llmgw) for _ in range(3)]
        for listener in listeners:
            await listener.hears("Johann")
        fake.resume()
        await asyncio.gather(*(listener.rest() for listener in listeners))
        rows = await ended(llmgw, 3)
        _, headers, _ = await llmgw.chat(QUESTION)
        paid = spent(llmgw)
    assert {listener.error for listener in listeners} == {"upstream_error"}
    assert [row.status for row in rows] == [Status.FAILED] * 3
    assert headers["x-llmgw-cache"] == "miss" and fake.calls == 2
    assert rows[0].cost_microusd > 0 == rows[1].cost_microusd and paid > rows[0].cost_microusd


async def test_a_truncated_answer_is_shared_and_not_kept(tmp_path: Path) -> None:
    cut = Reply(text="half an", stop="max_tokens", held=True)
    async with setting(tmp_path, cut) as (fake, llmgw):
        answers = await together(fake, llmgw, *(llmgw.chat(QUESTION) for _ in range(3)))
        _, headers, _ = await llmgw.chat(QUESTION)
    assert [body["choices"][0]["finish_reason"] for _, _, body in answers] == ["length"] * 3
    assert fake.calls == 2 and headers["x-llmgw-cache"] == "miss"


async def test_a_local_answer_is_shared_too(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(kind="groq", key="gsk-fake", default=Reply(text=TEXT, held=True)) as groq,
        client(tmp_path, **with_groq(groq), cheap_model="fake-model") as llmgw,
    ):
        asked = (llmgw.stream(QUESTION, model="gateway-cheap") for _ in range(4))
        answers = await together(groq, llmgw, *asked)
    assert groq.calls == 1
    assert [said(chunks) for _, chunks in answers] == [TEXT] * 4


# --- anything at any time --------------------------------------------------------------------------------------


async def test_whatever_happens_each_gets_a_whole_answer_or_one_clear_error_and_each_call_is_paid_once(
    tmp_path: Path,
) -> None:
    """Joins, leaves, kills and broken streams: the order is random, what may come of it is not."""
    chance = random.Random(20261128)
    seen: Counter[str] = Counter()
    async with setting(tmp_path, rate_limit_tpm=0, daily_budget_hard=0) as (fake, llmgw):
        for number in range(30):
            seen += await _random_course(chance, f"What is fact number {number}?", fake, llmgw)
    assert min(seen[outcome] for outcome in (TEXT, "kill_switch", "upstream_error", "left")) > 0
    assert seen["shared"] > 20, "else nothing was tried"


async def _random_course(chance: random.Random, question: str, fake: FakeAnthropic, llmgw: Client) -> Counter[str]:
    fake.stall()
    stream, faulty = chance.random() < 0.7, chance.random() < 0.2
    fake.default = Reply(
        text=TEXT, held=not stream, stall_after=4 if stream else None, drop_after=6 if faulty and stream else None
    )
    calls, paid = fake.calls, spent(llmgw)
    clients: list[asyncio.Task[str]] = []
    with llmgw.gateway.bus.subscribe() as events:
        for _ in range(chance.randint(4, 12)):
            match chance.choice(["join"] * 6 + ["leave", "leave", "kill", "wait", "wait", "resume"]):
                case "join":
                    clients.append(asyncio.create_task(_one(llmgw, question, stream)))
                case "leave" if clients:
                    chance.choice(clients).cancel()
                case "kill":
                    await llmgw.gateway.commands.run("kill", {})
                    await llmgw.gateway.commands.run("release", {})
                case "wait":
                    await asyncio.sleep(chance.choice([0, 0.002, 0.02]))
                case "resume":
                    fake.resume()
        fake.resume()
        outcomes = await asyncio.gather(*clients, return_exceptions=True)
        while not _at_rest(llmgw):  # noqa: ASYNC110 - a client that left twice does not wait for the ledger
            await asyncio.sleep(0.005)
        events.close()
        rows = [event.row async for event in events if isinstance(event, RequestFinished)]
    seen = Counter("left" if isinstance(outcome, asyncio.CancelledError) else str(outcome) for outcome in outcomes)
    assert set(seen) <= {TEXT, "left", "kill_switch", *(["upstream_error"] if faulty and stream else [])}
    assert fake.calls - calls <= len(clients)
    assert spent(llmgw) - paid == sum(row.cost_microusd for row in rows)
    paid_for = [row for row in rows if row.cost_microusd]
    assert sum(row.status is Status.OK for row in paid_for) <= fake.calls - calls
    assert len(paid_for) <= len(clients), "a call that was cut off on its way is paid, and nobody heard of it"
    assert not any(row.cost_microusd for row in rows if row.cache.is_hit)
    return seen + Counter(shared=sum(row.cache.is_hit for row in rows))


def _at_rest(llmgw: Client) -> bool:
    """Nothing is in flight, and every reservation is settled."""
    now = llmgw.gateway.snapshot()
    return not now.in_flight and not now.budget.reserved_microusd and len(llmgw.gateway.pipeline._flights) == 0


async def _one(llmgw: Client, question: str, stream: bool) -> str:
    """The text of the whole answer, or the code of the one error that it ended with."""
    async with llmgw.http.post("/v1/chat/completions", json=chat_body(question, stream=stream)) as answer:
        if not stream or answer.status != 200:
            body = await answer.json()
            return str(body["error"]["code"] if "error" in body else body["choices"][0]["message"]["content"])
        listener = Listener(answer)
        await listener.rest()
        finishes = [choice["finish_reason"] for chunk in listener.chunks for choice in chunk.get("choices", ())]
        assert bool(listener.error) is not ("stop" in finishes)
        assert listener.error or (listener.chunks[-1]["usage"]["cost"] == 0) is (listener.cache == "exact")
        return listener.error or said(listener.chunks)
