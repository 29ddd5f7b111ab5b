"""Upstreams whose connection breaks, or whose HTTP is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.upstream import KEY, SOUND, Call
from tests.faults.upstream_routes import ROUTES, STREAMED, UPSTREAM_STREAMS, Bench, Route, bench, new_word

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDLESS_BYTES = 8 * 1024 * 1024
"""So much an upstream sends before it gives up being endless."""
WORDS = len(SOUND.split())
WHOLE = tuple(route for route in ROUTES if route not in UPSTREAM_STREAMS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench(tmp_path_factory.mktemp("gateway")) as made:
        yield made


def begun(call: Call, words: int) -> bytes:
    """A stream up to its ``words``-th word."""
    return b"".join(call.events()[: call.dialect.first_word + words])


async def test_a_connection_dropped_before_the_answer_is_charged_at_what_it_can_have_cost(up: Bench) -> None:
    async def drop(call: Call) -> None:
        call.abort()

    await up.all_fail(drop, charged=True)


async def test_a_connection_dropped_before_the_first_token_is_an_error_of_its_own_status(up: Bench) -> None:
    async def drop(call: Call) -> None:
        await call.begin()
        await call.write(begun(call, 0))
        call.abort()

    await up.all_fail(drop, charged=True)


async def test_a_connection_dropped_after_the_first_token_ends_the_stream_in_an_error(up: Bench) -> None:
    async def drop(call: Call) -> None:
        await call.begin()
        await call.write(begun(call, 2) if call.streamed else call.sound()[:40])
        await asyncio.sleep(0.05)
        call.abort()

    await up.all_fail(drop, charged=True, text="All is")


async def test_a_clean_end_without_the_last_event_is_no_answer(up: Bench) -> None:
    async def end(call: Call) -> None:
        await call.begin()
        await call.write(begun(call, WORDS))

    await up.all_fail(end, UPSTREAM_STREAMS, charged=True, text=SOUND)


async def test_a_chunked_body_without_its_last_chunk_is_no_answer(up: Bench) -> None:
    async def end(call: Call) -> None:
        await call.begin(headers={"Transfer-Encoding": "chunked"})
        sent = begun(call, WORDS) if call.streamed else call.sound()
        await call.write(b"%x\r\n%s\r\n" % (len(sent), sent))

    await up.all_fail(end, charged=True, text=SOUND)


async def test_a_chunk_whose_size_is_no_number_is_no_answer(up: Bench) -> None:
    async def garble(call: Call) -> None:
        await call.begin(headers={"Transfer-Encoding": "chunked"})
        await call.write(b"many\r\n" + call.sound() + b"\r\n0\r\n\r\n")

    await up.all_fail(garble, charged=True)


async def test_a_content_length_that_is_too_short_is_no_answer(up: Bench) -> None:
    async def shorten(call: Call) -> None:
        sent = begun(call, WORDS) if call.streamed else call.sound()[:-1]
        await call.answer(sent)
        await asyncio.sleep(0.05)
        await call.write(call.sound()[len(sent) :])

    await up.all_fail(shorten, charged=True, text=SOUND)


async def test_a_content_length_that_is_too_long_is_no_whole_answer(up: Bench) -> None:
    async def lengthen(call: Call) -> None:
        await call.answer(call.sound(), headers={"Content-Length": str(len(call.sound()) + 100)})

    await up.all_fail(lengthen, WHOLE, charged=True)
    await up.all_succeed(lengthen, UPSTREAM_STREAMS)


@pytest.mark.parametrize("length", ["-1", "12x", "99999999999999999999999999"])
async def test_a_content_length_that_is_no_length_is_no_answer(up: Bench, length: str) -> None:
    async def nonsense(call: Call) -> None:
        await call.answer(call.sound(), headers={"Content-Length": length})

    await up.all_fail(nonsense, WHOLE, charged=True)


@pytest.mark.parametrize("what", ["header", "headers", "status line"])
async def test_an_endless_header_is_cut_off(up: Bench, what: str) -> None:
    sent: list[int] = []

    async def go_on(call: Call) -> None:
        await call.write(b"HTTP/1.1 200 " + (b"" if what == "status line" else b"OK\r\n"))
        line = b"X-More: and more\r\n" * 4096 if what == "headers" else b"X-" + b"a" * 65536
        sent.append(0)
        for _ in range(ENDLESS_BYTES // len(line)):
            await call.write(line)
            sent[-1] += len(line)
        await call.gone.wait()

    await up.all_fail(go_on, charged=True)
    assert max(sent) < ENDLESS_BYTES


async def test_bytes_that_are_no_http_are_no_answer(up: Bench) -> None:
    async def babble(call: Call) -> None:
        await call.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    await up.all_fail(babble, charged=True)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_no_key_goes_anywhere(up: Bench, status: int) -> None:
    visitors: list[str] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitors.append((await reader.read(65536)).decode("latin-1"))
        writer.close()

    async def redirect(call: Call) -> None:
        await call.answer(b"", status, {"Location": f"http://127.0.0.1:{port}{call.dialect.path}"})

    async with await asyncio.start_server(visit, "127.0.0.1", 0) as elsewhere:
        port = elsewhere.sockets[0].getsockname()[1]
        await up.all_fail(redirect, charged=False, most_calls=1)
    assert visitors == []
    assert any(KEY in call.head for call in up.upstream.calls), "the upstream itself gets it"


@pytest.mark.parametrize("route", STREAMED, ids=str)
async def test_a_connection_dropped_before_the_first_token_is_tried_again(up: Bench, route: Route) -> None:
    async def drop(call: Call) -> None:
        await call.begin()
        await call.write(begun(call, 0))
        call.abort()

    async def sound(call: Call) -> None:
        await call.answer(call.sound())

    await up.spare_retries(route)
    seen, row, calls = await up.see(route, new_word(), drop, sound)
    assert seen.ended_well and seen.text == SOUND
    assert len(calls) == 2
