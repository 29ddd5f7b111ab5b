"""Upstreams that refuse: error statuses, limits of rate, and a dead one that must be left alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from email.utils import formatdate

import pytest
import pytest_asyncio

from tests.faults.upstream import SOUND, Call
from tests.faults.upstream_routes import BY_PROVIDER, MAX_TRIES, Bench, Route, bench, new_word

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAILURES_TO_OPEN = 5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench(tmp_path_factory.mktemp("gateway")) as made:
        yield made


async def sound(call: Call) -> None:
    await call.answer(call.sound())


@pytest.mark.parametrize("route", BY_PROVIDER, ids=str)
async def test_an_upstream_that_fails_is_tried_three_times_at_most(up: Bench, route: Route) -> None:
    """First in this module, while there is enough in the retry budget."""

    async def fail(call: Call) -> None:
        await call.fail(500)

    _, _, calls = await up.see(route, new_word(), fail)
    assert len(calls) == MAX_TRIES


@pytest.mark.parametrize("how", ["in seconds", "as a date"])
async def test_a_429_with_a_short_retry_after_is_waited_for(up: Bench, how: str) -> None:
    async def one(route: Route) -> None:
        async def limit(call: Call) -> None:
            await call.fail(429, retry_after="1" if how == "in seconds" else formatdate(time.time() + 2, usegmt=True))

        seen, row, calls = await up.see(route, new_word(), limit, sound)
        assert (seen.status, seen.text, row["status"]) == (200, SOUND, "ok"), f"{route}: {seen.body}"
        first, second = calls
        assert second.at - first.at >= 0.9

    await asyncio.gather(*map(one, BY_PROVIDER))
    await up.nothing_is_reserved()


@pytest.mark.parametrize("how", ["in seconds", "as a date"])
async def test_a_429_with_a_long_retry_after_is_handed_on(up: Bench, how: str) -> None:
    async def limit(call: Call) -> None:
        await call.fail(429, retry_after="90" if how == "in seconds" else formatdate(time.time() + 90, usegmt=True))

    began = time.monotonic()
    for seen in await up.all_fail(limit, code="rate_limit_exceeded", charged=False, most_calls=1):
        assert seen.status == 429
        assert 60 <= int(seen.headers["retry-after"]) <= 91
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("status", [500, 502, 503, 529])
async def test_a_status_of_the_servers_own_is_told_as_502_and_costs_nothing(up: Bench, status: int) -> None:
    async def fail(call: Call) -> None:
        await call.fail(status, "Scripted <b>failure</b>")

    for seen in await up.all_fail(fail, charged=False):
        assert str(status) in seen.error["message"]


@pytest.mark.parametrize("status", [500, 503, 529])
async def test_a_status_that_passes_is_tried_again(up: Bench, status: int) -> None:
    async def fail(call: Call) -> None:
        await call.fail(status, retry_after="0")

    async def one(route: Route) -> None:
        await up.spare_retries(route)
        seen, _, calls = await up.see(route, new_word(), fail, sound)
        assert (seen.status, seen.text, len(calls)) == (200, SOUND, 2), f"{route}: {seen.body}"

    await asyncio.gather(*map(one, BY_PROVIDER))


async def test_an_upstream_that_says_not_to_try_again_is_not(up: Bench) -> None:
    async def fail(call: Call) -> None:
        await call.fail(500, x_should_retry="false")

    await up.all_fail(fail, charged=False, most_calls=1)


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refusal_of_the_gateways_own_key_is_not_the_callers_and_is_not_repeated(up: Bench, status: int) -> None:
    async def refuse(call: Call) -> None:
        await call.fail(status, "your key sk-abcdef123456 is expired")

    for route in BY_PROVIDER:
        word = new_word()
        seen, row, calls = await up.see(route, word, refuse)
        assert (seen.status, seen.error["code"], len(calls)) == (502, "upstream_error", 1)
        assert "sk-" not in seen.body and row["cost_microusd"] == 0
        left_alone = await up.ask(route, word)
        assert (left_alone.status, len(up.upstream.calls_with(word))) == (503, 1)
        await up.llmgw.command("retry_provider", provider=route.provider)
        await up.works_again(route, word)


@pytest.mark.parametrize("route", BY_PROVIDER, ids=str)
async def test_a_dead_upstream_is_not_hammered_and_the_client_is_told_when_to_come_back(
    up: Bench, route: Route
) -> None:
    async def die(call: Call) -> None:
        call.abort()

    word = new_word()
    up.upstream.order(word, die)
    await up.close_circuit(route)
    answers = [await up.ask(route, word) for _ in range(12)]
    calls = len(up.upstream.calls_with(word))
    assert calls <= FAILURES_TO_OPEN, "LiteLLM 1.105 makes three calls a request"
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) >= len(answers) - FAILURES_TO_OPEN
    assert {answer.error["code"] for answer in refused} == {"no_provider"}
    for answer in refused:
        assert f"Try again in {answer.headers['retry-after']} s." in answer.error["message"]
    await up.llmgw.command("retry_provider", provider=route.provider)
    await up.works_again(route, word)
    await up.nothing_is_reserved()
