"""Streams that go wrong inside: errors, bytes that are no text, lines and answers without end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.dialects import OLLAMA
from tests.faults.upstream import SOUND, Call
from tests.faults.upstream_routes import ROUTES, STREAMED, UPSTREAM_STREAMS, Bench, Route, bench, new_word

pytestmark = pytest.mark.asyncio(loop_scope="module")

MB = 1024 * 1024
ENDLESS_BYTES = 24 * MB
WORLD = "Grüße, 世界 👩‍👩‍👧 — ταξίδι."
HOLE = "hole"
"""A word that a test exchanges for something else."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench(tmp_path_factory.mktemp("gateway")) as made:
        yield made


def parts(call: Call, words: int) -> tuple[bytes, list[bytes]]:
    """A stream up to its ``words``-th word, and the events after it."""
    events = call.events()
    number = call.dialect.first_word + words
    return b"".join(events[:number]), events[number:]


async def test_an_error_event_before_the_first_token_is_an_error_of_its_own_status(up: Bench) -> None:
    async def fail(call: Call) -> None:
        await call.begin()
        await call.write(parts(call, 0)[0] + call.dialect.failed)

    await up.all_fail(fail, UPSTREAM_STREAMS, charged=True)


async def test_an_error_event_in_the_middle_is_handed_on_in_the_callers_protocol(up: Bench) -> None:
    async def fail(call: Call) -> None:
        before, after = parts(call, 2)
        await call.begin()
        await call.write(before)
        await asyncio.sleep(0.05)
        await call.write(call.dialect.failed + b"".join(after))

    await up.all_fail(fail, UPSTREAM_STREAMS, charged=True, text="All is")


async def test_an_error_instead_of_a_whole_answer_is_none(up: Bench) -> None:
    async def fail(call: Call) -> None:
        await call.answer(json.dumps(call.dialect.error("The model stopped.")).encode())

    await up.all_fail(fail, charged=True)


async def test_malformed_json_in_the_middle_ends_the_stream_in_an_error(up: Bench) -> None:
    async def garble(call: Call) -> None:
        before, (broken, *after) = parts(call, 2)
        await call.begin()
        await call.write(before)
        await asyncio.sleep(0.05)
        await call.write(broken.replace(b"}", b"", 1) + b"".join(after))

    await up.all_fail(garble, UPSTREAM_STREAMS, charged=True, text="All is")


async def test_an_event_that_is_no_object_ends_the_stream_in_an_error(up: Bench) -> None:
    async def garble(call: Call) -> None:
        before, after = parts(call, 2)
        nothing = b"[1]\n" if call.dialect is OLLAMA else b"data: [1]\n\n"
        await call.begin()
        await call.write(before)
        await asyncio.sleep(0.05)
        await call.write(nothing + b"".join(after))

    await up.all_fail(garble, UPSTREAM_STREAMS, charged=True, text="All is")


async def test_utf_8_that_is_split_across_chunks_arrives_whole(up: Bench) -> None:
    async def split(call: Call) -> None:
        await call.begin(headers={"Transfer-Encoding": "chunked"})
        for byte in call.sound(WORLD):
            await call.write(b"1\r\n%c\r\n" % byte)
            if byte > 0x7F:
                await asyncio.sleep(0)
        await call.write(b"0\r\n\r\n")

    await up.all_succeed(split, text=WORLD)


@pytest.mark.parametrize("invalid", [b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"])
async def test_invalid_utf_8_is_no_answer(up: Bench, invalid: bytes) -> None:
    async def garble(call: Call) -> None:
        await call.answer(call.sound(HOLE).replace(HOLE.encode(), invalid))

    await up.all_fail(garble, charged=True)


async def test_a_lone_surrogate_in_an_answer_is_no_answer(up: Bench) -> None:
    async def garble(call: Call) -> None:
        await call.answer(call.sound(HOLE).replace(HOLE.encode(), b"\\ud800"))

    await up.all_fail(garble, charged=True)


async def test_a_line_of_10_mb_is_cut_off_and_takes_no_memory(up: Bench) -> None:
    async def go_on(call: Call) -> None:
        before, (event, *after) = parts(call, 2)
        head, word, tail = event.partition(b"well")
        await call.begin()
        await call.write(before)
        await asyncio.sleep(0.05)
        await call.write(head)
        for _ in range(10):
            await call.write(b"a" * MB)
        await call.write(word + tail + b"".join(after))

    before = up.peak_memory_bytes()
    for route in UPSTREAM_STREAMS:
        (seen,) = await up.all_fail(go_on, [route], charged=True, text="All is")
        assert "too large" in seen.error["message"]
    assert up.peak_memory_bytes() - before < 60 * MB


@pytest.mark.parametrize("route", UPSTREAM_STREAMS, ids=str)
async def test_a_stream_that_never_ends_is_ended_by_the_limit_of_tokens_and_charged_within_it(
    up: Bench, route: Route
) -> None:
    sent = 0

    async def go_on(call: Call) -> None:
        nonlocal sent
        events = call.events()
        word = events[call.dialect.first_word]
        await call.begin()
        await call.write(b"".join(events[: call.dialect.first_word]))
        while sent < ENDLESS_BYTES:
            await call.write(word * 100)
            sent += len(word) * 100

    word = new_word()
    up.upstream.order(word, go_on)
    await up.close_circuit(route)
    async with up.answering_others():
        seen = await up.ask(route, word, max_tokens=50)
    row = await up.row(word)
    assert not seen.ended_well and seen.error and "went on past the output limit" in seen.error["message"]
    assert len(seen.text) < 50 * 32 + 1100 if route.streamed else seen.status == 502
    assert sent < ENDLESS_BYTES, "the upstream was stopped"
    assert len(up.upstream.calls_with(word)) == 1
    await up.nothing_is_reserved()
    if route.provider != "local":
        assert 0 < row["cost_microusd"] <= await up.most_microusd(route, max_tokens=50)
        assert row["output_tokens"] <= 50
    await up.works_again(route, word)


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.streamed], ids=str)
async def test_a_whole_answer_that_never_ends_is_cut_off_by_its_size(up: Bench, route: Route) -> None:
    sent = 0
    most = 200 * MB

    async def go_on(call: Call) -> None:
        nonlocal sent
        await call.begin()
        while sent < most:
            await call.write(b" " * MB)
            sent += MB

    before = up.peak_memory_bytes()
    async with up.answering_others():
        seen, _, calls = await up.see(route, new_word(), go_on)
    assert (seen.status, seen.error["code"]) == (502, "upstream_error")
    assert sent < most * len(calls)
    assert up.peak_memory_bytes() - before < 250 * MB
    await up.nothing_is_reserved()


@pytest.mark.parametrize("route", STREAMED, ids=str)
async def test_what_comes_after_the_end_is_nobodys(up: Bench, route: Route) -> None:
    async def go_on(call: Call) -> None:
        await call.begin()
        await call.write(call.sound() + call.dialect.failed + b"data: {broken\n\n")

    seen, row, _ = await up.see(route, new_word(), go_on)
    assert seen.ended_well and seen.text == SOUND and row["status"] == "ok"
