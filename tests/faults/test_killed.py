"""SIGKILL at every step of a request: no committed micro-dollar is lost and none is charged twice."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway_core.model import Usage
from gateway_core.providers.pricing import Pricing
from gateway_core.store.days import day_of
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Failure, Reply
from tests.faults.mortal import HARD_MICROUSD, Entry, Mortals, charged, ledger_of, mortal_env, spent_microusd
from tests.http.inside import Client, client, with_claude

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = "claude-sonnet-5-5"
TEXT = "one two three four five six seven eight"
TOKENS = 300
WORDS = [{"role": "user", "content": "Count to eight."}]
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("chat/completions", {"messages": WORDS, "stream": True, "max_tokens": TOKENS}),
    "whole": ("chat/completions", {"messages": WORDS, "max_tokens": TOKENS}),
    "messages": ("messages", {"messages": WORDS, "stream": True, "max_tokens": TOKENS}),
    "responses": ("responses", {"input": "Count to eight.", "stream": True, "max_output_tokens": TOKENS}),
}
UNUSED, ORPHANED, SETTLED, RELEASED = "unused", "orphaned", "settled", "released"


@dataclass(frozen=True, slots=True)
class Case:
    """What a death leaves: how often the upstream had been called, and in which state the money is. ``replays`` says
    that the answer was kept: the same request with the same key is not asked again."""

    point: str
    asked: str
    calls: int
    state: str
    replays: bool = False

    @property
    def is_billed(self) -> bool:
        """Whether the upstream takes money for it."""
        return self.calls > 0 and "failed try" not in self.point


CASES = (
    Case("before the reservation is written", "chat", 0, UNUSED),
    Case("before the reservation is committed", "whole", 0, UNUSED),
    Case("after the reservation is durable", "messages", 0, ORPHANED),
    Case("before the upstream is called", "responses", 0, ORPHANED),
    Case("at the first byte", "chat", 1, ORPHANED),
    Case("in the middle of the stream", "messages", 1, ORPHANED),
    Case("before the settlement", "whole", 1, ORPHANED),
    Case("between the settlement and its key", "chat", 1, ORPHANED),
    Case("before the settlement and its key are committed", "responses", 1, ORPHANED),
    Case("after the settlement and its key are durable", "whole", 1, SETTLED, replays=True),
    Case("after the settlement and its key are durable", "responses", 1, SETTLED, replays=True),
    Case("before the answer is cached", "chat", 1, SETTLED, replays=True),
    Case("after the answer is cached", "whole", 1, SETTLED, replays=True),
    Case("before the end of the request is logged", "messages", 1, SETTLED, replays=True),
    Case("after the end of the request is logged", "whole", 1, SETTLED, replays=True),
    Case("before the settlement, on the next day", "chat", 1, ORPHANED),
    Case("after the settlement, on the next day", "messages", 1, SETTLED, replays=True),
    Case("before a failed try is released", "chat", 1, ORPHANED),
    Case("after a failed try is released", "whole", 1, RELEASED),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def claude() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic(default=Reply(text=TEXT)) as fake:
        yield fake


def survivor(folder: Path, fake: FakeAnthropic) -> AbstractAsyncContextManager[Client]:
    """The next gateway on the same folder, with the same secret and limit."""
    return client(folder, daily_budget_hard=HARD_MICROUSD / 1e6, **with_claude(fake))


async def ask(http: aiohttp.ClientSession, asked: str, key: str = "order-1") -> tuple[int, str]:
    """Status and body, whatever came of it; status 0 where the gateway died before it had one."""
    path, body = ASKED[asked]
    status, said = 0, b""
    with suppress(aiohttp.ClientError):
        headers = {"Idempotency-Key": key}
        async with http.post(f"/v1/{path}", json={"model": "gateway-premium", **body}, headers=headers) as answer:
            status = answer.status
            async for part in answer.content.iter_any():
                said += part
    return status, said.decode()


def bill_microusd(fake: FakeAnthropic) -> int:
    """What the upstream takes for its newest answer."""
    usage = fake.usages[-1]
    return Pricing().cost_microusd("anthropic", MODEL, Usage(usage["input_tokens"], usage["output_tokens"]))


async def costs_by_request(llmgw: Client) -> dict[str, int]:
    return {row["id"]: row["cost_microusd"] for row in (await llmgw.get("/api/requests"))["requests"]}


def assert_is_charged_once(entries: list[Entry], case: Case, bill: int) -> None:
    """The one call in the ledger: at its bill where that is known, at its reservation where it is not."""
    assert [entry.state for entry in entries] == ([] if case.state == UNUSED else [case.state])
    expected = {UNUSED: 0, RELEASED: 0, SETTLED: bill, ORPHANED: sum(entry.reserved_microusd for entry in entries)}
    assert charged(entries) == expected[case.state]
    assert bill <= charged(entries)


async def assert_the_limit_holds(llmgw: Client) -> None:
    """What would fit into an empty day, and not beside what this one has cost, is refused."""
    spent = await spent_microusd(llmgw)
    assert 0 < spent <= HARD_MICROUSD
    micro_each = Pricing().cost_microusd("anthropic", MODEL, Usage(0, 1_000)) / 1_000
    left = int((HARD_MICROUSD - spent) / micro_each) + 1
    status, _, body = await llmgw.chat("Count as far as you can.", max_tokens=left)
    assert (status, body["error"]["code"]) == (429, "budget_exceeded")
    assert await spent_microusd(llmgw) == spent


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.point} ({case.asked})")
async def test_a_kill_9_loses_no_money_and_charges_none_twice(
    tmp_path: Path, mortals: Mortals, claude: FakeAnthropic, case: Case
) -> None:
    calls = claude.calls
    if "failed try" in case.point:
        claude.script(Failure(529, type="overloaded_error"))
    async with mortals.gateway(case.point, tmp_path, mortal_env(claude)) as http:
        _, said = await ask(http, case.asked)
    assert claude.calls - calls == case.calls
    bill = bill_microusd(claude) if case.is_billed else 0
    assert (bill > 0) is case.is_billed
    if not case.replays:
        assert "[DONE]" not in said and "message_stop" not in said and "response.completed" not in said

    async with survivor(tmp_path, claude) as llmgw:
        first = ledger_of(tmp_path)
        assert_is_charged_once(first, case, bill)
        assert await spent_microusd(llmgw) == charged(first)
        costs = await costs_by_request(llmgw)
        assert sum(costs.values()) == charged(first), "the request is logged, at what the ledger charged"
        assert {entry.request_id for entry in first} <= set(costs) and len(costs) <= 1
        ended = case.point == "after the end of the request is logged"
        for row in (await llmgw.get("/api/requests"))["requests"]:
            assert (row["status"], row["error_code"]) == (("ok", None) if ended else ("failed", "interrupted"))

        status, again = await ask(llmgw.http, case.asked)
        assert status == 200 and "eight" in again
        assert claude.calls - calls == case.calls + (0 if case.replays else 1)
        both = ledger_of(tmp_path)
        assert both[: len(first)] == first, "what was charged stays as it is"
        assert charged(both) == charged(first) + (0 if case.replays else bill_microusd(claude))
        assert await spent_microusd(llmgw) == charged(both) == sum((await costs_by_request(llmgw)).values())
        await assert_the_limit_holds(llmgw)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_kill_9_while_orphans_are_charged_charges_them_once(
    tmp_path: Path, mortals: Mortals, claude: FakeAnthropic, when: str
) -> None:
    async with mortals.gateway("at the first byte", tmp_path, mortal_env(claude)) as http:
        await ask(http, "chat")
    await mortals.dies(f"at the start, {when} orphans are charged", tmp_path, mortal_env(claude))
    (cut_off,) = ledger_of(tmp_path)
    async with survivor(tmp_path, claude) as llmgw:
        (entry,) = ledger_of(tmp_path)
        assert await spent_microusd(llmgw) == entry.cost_microusd == cut_off.reserved_microusd
        assert await costs_by_request(llmgw) == {entry.request_id: entry.cost_microusd}
    assert cut_off.state == ("reserved" if when == "before" else "orphaned")
    assert entry.state == "orphaned"


async def test_a_request_over_midnight_is_charged_to_the_day_that_reserved_it(
    tmp_path: Path, mortals: Mortals, claude: FakeAnthropic
) -> None:
    """The clock of the gateway goes on by a day while the upstream answers, in a time zone that is not UTC."""
    today = day_of(time.time())
    point = "never, and midnight is between the call and its settlement"
    async with mortals.gateway(point, tmp_path, {"TZ": "America/New_York", **mortal_env(claude)}) as http:
        status, _ = await ask(http, "chat")
        async with http.get("/api/budget") as answer:
            budget = await answer.json()
        async with http.get("/api/requests") as answer:
            (row,) = (await answer.json())["requests"]
        mortals.kill()
    (entry,) = ledger_of(tmp_path)
    assert (status, entry.day, entry.state) == (200, today, "settled")
    assert row["cost_microusd"] == entry.cost_microusd == bill_microusd(claude)
    assert budget["day"] > today and budget["spent_usd"] == budget["reserved_usd"] == 0
