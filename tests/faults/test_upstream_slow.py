"""Upstreams that take their time, against a gateway with little patience."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.dialects import OLLAMA
from tests.faults.upstream import SOUND, Call
from tests.faults.upstream_routes import STREAMED, UPSTREAM_STREAMS, Bench, bench, hang

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST_BYTE_S, IDLE_S, TOTAL_S = 3.0, 3.0, 6.0
SLACK_S = 30.0
"""For a busy machine; without a limit none of these would end."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    patience = {
        "UPSTREAM_FIRST_BYTE_S": str(FIRST_BYTE_S),
        "UPSTREAM_IDLE_S": str(IDLE_S),
        "UPSTREAM_TOTAL_S": str(TOTAL_S),
        "LOCAL_FIRST_BYTE_S": str(FIRST_BYTE_S),
    }
    async with bench(tmp_path_factory.mktemp("gateway"), **patience) as made:
        await made.use_up_retries()
        yield made


async def test_headers_that_never_come_are_a_time_out(up: Bench) -> None:
    hung: list[Call] = []

    async def wait(call: Call) -> None:
        hung.append(call)
        await hang(call)

    began = time.monotonic()
    await up.all_fail(wait, code="upstream_timeout", charged=True)
    assert time.monotonic() - began > FIRST_BYTE_S
    async with asyncio.timeout(SLACK_S):
        for call in hung:
            await call.gone.wait()


async def test_headers_that_come_byte_by_byte_are_a_time_out(up: Bench) -> None:
    async def trickle(call: Call) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-More: " + b"a" * 1000:
            await call.write(bytes([byte]))
            await asyncio.sleep(0.2)

    await up.all_fail(trickle, code="upstream_timeout", charged=True)


async def test_bytes_that_come_slowly_before_the_first_token_are_a_time_out(up: Bench) -> None:
    async def trickle(call: Call) -> None:
        await call.begin()
        while True:
            await call.write(b"\n" if call.dialect is OLLAMA or not call.streamed else b": still thinking\n\n")
            await asyncio.sleep(0.2)

    await up.all_fail(trickle, code="upstream_timeout", charged=True)


async def test_a_stream_that_stalls_after_the_first_token_ends_in_an_error(up: Bench) -> None:
    async def stall(call: Call) -> None:
        await call.begin()
        await call.write(b"".join(call.events()[: call.dialect.first_word + 2]))
        await call.gone.wait()

    await up.all_fail(stall, UPSTREAM_STREAMS, code="upstream_timeout", charged=True, text="All is")


async def test_slow_bytes_within_patience_arrive_whole(up: Bench) -> None:
    async def trickle(call: Call) -> None:
        body = call.sound()
        await call.begin(headers={"Content-Length": str(len(body))})
        step = len(body) // 8 + 1
        for start in range(0, len(body), step):
            await call.write(body[start : start + step])
            await asyncio.sleep(0.1)

    await up.all_succeed(trickle)


async def test_a_stream_that_never_ends_is_ended_by_the_time_it_may_take(up: Bench) -> None:
    """What comes keeps it from being idle, and is too little to pass the limit of tokens."""

    async def go_on(call: Call) -> None:
        events = call.events()
        head, word = events[: call.dialect.first_word], events[call.dialect.first_word]
        await call.begin()
        await call.write(b"".join(head) + word)
        while True:
            await asyncio.sleep(0.5)
            await call.write(b"\n" if call.dialect is OLLAMA else b": ping\n\n")

    began = time.monotonic()
    await up.all_fail(go_on, UPSTREAM_STREAMS, code="upstream_timeout", charged=True, text="All")
    assert TOTAL_S <= time.monotonic() - began < 2 * TOTAL_S + SLACK_S


async def test_a_connection_that_is_never_closed_does_not_hold_up_the_answer(up: Bench) -> None:
    async def stay(call: Call) -> None:
        await call.begin()
        await call.write(call.sound())
        await call.gone.wait()

    began = time.monotonic()
    await up.all_succeed(stay, STREAMED, text=SOUND)
    assert time.monotonic() - began < SLACK_S
