"""Answers that are none: another protocol's, none at all, packed ones, and counts that cannot be true."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import zlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.dialects import CHAT, MESSAGES, OLLAMA, RESPONSES
from tests.faults.upstream import SOUND, Call, Fault
from tests.faults.upstream_routes import BY_PROVIDER, ROUTES, STREAMED, UPSTREAM_STREAMS, Bench, Route, bench, new_word

pytestmark = pytest.mark.asyncio(loop_scope="module")

MB = 1024 * 1024
BOMB_MB = 200
ANSWERED_WHOLE = tuple(route for route in ROUTES if route not in UPSTREAM_STREAMS)
PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Wi-Fi of the hotel</h1></body></html>"
COUNTS = {
    CHAT: ("prompt_tokens", "completion_tokens"),
    MESSAGES: ("input_tokens", "output_tokens"),
    RESPONSES: ("input_tokens", "output_tokens"),
    OLLAMA: ("prompt_eval_count", "eval_count"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench(tmp_path_factory.mktemp("gateway")) as made:
        yield made


def saying(body: bytes, content_type: str | None = None) -> Fault:
    async def say(call: Call) -> None:
        await call.answer(body, headers={"Content-Type": content_type or call.content_type})

    return say


# --- another protocol ---------------------------------------------------------------------------------------------


async def test_a_page_of_html_with_200_is_no_answer_and_is_not_shown(up: Bench) -> None:
    for seen in await up.all_fail(saying(PAGE, "text/html"), charged=True):
        assert "hotel" not in seen.body and "<" not in seen.body


async def test_a_page_of_html_that_says_it_is_a_stream_is_no_answer(up: Bench) -> None:
    await up.all_fail(saying(PAGE), charged=True)


@pytest.mark.parametrize("content_type", [None, "text/html", "application/octet-stream"])
async def test_an_answer_of_nothing_is_none(up: Bench, content_type: str | None) -> None:
    await up.all_fail(saying(b"", content_type), charged=True)


async def test_a_204_is_no_answer(up: Bench) -> None:
    async def nothing(call: Call) -> None:
        await call.begin(204)

    await up.all_fail(nothing, charged=True)


async def test_an_answer_in_the_other_providers_protocol_is_none(up: Bench) -> None:
    async def mistake(call: Call) -> None:
        other = MESSAGES if call.dialect in (CHAT, OLLAMA) else CHAT
        body = {"messages": [], **call.body}
        if not call.streamed:
            await call.answer(json.dumps(other.whole(body, SOUND, {})).encode())
        else:
            sent = b"".join(other.events(body, SOUND, {}))
            await call.answer(sent, headers={"Content-Type": other.stream_type})

    await up.all_fail(mistake, charged=True)


async def test_a_stream_where_a_whole_answer_was_asked_for_is_none(up: Bench) -> None:
    async def stream(call: Call) -> None:
        sent = b"".join(call.events())
        await call.answer(sent, headers={"Content-Type": call.dialect.stream_type})

    await up.all_fail(stream, ANSWERED_WHOLE, charged=True)


@pytest.mark.parametrize("route", STREAMED, ids=str)
async def test_a_whole_answer_where_a_stream_was_asked_for_is_streamed_or_refused(up: Bench, route: Route) -> None:
    async def whole(call: Call) -> None:
        sent = json.dumps(call.dialect.whole(call.body, SOUND, {})).encode()
        await call.answer(sent, headers={"Content-Type": "application/json"})

    if route.provider == "anthropic":
        await up.all_fail(whole, [route], charged=True)
    else:
        await up.all_succeed(whole, [route])


@pytest.mark.parametrize("body", [b"{", b'{"id": 1', b"[]", b"null", b'"text"', b"{}", b"\x00\x01\x02"])
async def test_malformed_json_is_no_answer(up: Bench, body: bytes) -> None:
    await up.all_fail(saying(body), charged=True)


# --- packed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_packed_answer_that_nobody_asked_for_is_unpacked(up: Bench, encoding: str) -> None:
    async def pack(call: Call) -> None:
        assert "accept-encoding: identity" in call.head.lower()
        packed = (gzip.compress if encoding == "gzip" else zlib.compress)(call.sound())
        await call.begin(headers={"Content-Encoding": encoding})
        for start in range(0, len(packed), 7):
            await call.write(packed[start : start + 7])

    await up.all_succeed(pack)


def packed_badly(how: str, body: bytes) -> tuple[str, bytes]:
    """The encoding that the head names, and the body."""
    packed = gzip.compress(body)
    return {
        "not packed": ("gzip", body),
        "cut off": ("gzip", packed[: len(packed) // 2]),
        "damaged": ("gzip", packed[:20] + b"\x00" * 20 + packed[40:]),
        "twice": ("gzip, gzip", gzip.compress(packed)),
        "unknown": ("br", body),
    }[how]


@pytest.mark.parametrize("how", ["not packed", "cut off", "damaged", "twice", "unknown"])
async def test_an_answer_that_is_packed_badly_or_strangely_is_none(up: Bench, how: str) -> None:
    async def pack(call: Call) -> None:
        encoding, body = packed_badly(how, call.sound("word " * 400) if how == "cut off" else call.sound())
        await call.answer(body, headers={"Content-Encoding": encoding})

    await up.all_fail(pack, ANSWERED_WHOLE, charged=True)


@pytest.mark.parametrize("status", [200, 500])
async def test_a_gzip_bomb_is_cut_off_and_takes_no_memory(up: Bench, status: int) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join([packer.compress(b" " * MB) for _ in range(BOMB_MB)] + [packer.flush()])
    assert len(bomb) < MB

    async def explode(call: Call) -> None:
        await call.answer(bomb, status, headers={"Content-Encoding": "gzip"})

    before = up.peak_memory_bytes()
    for route in BY_PROVIDER:
        async with up.answering_others():
            seen, _, _ = await up.see(route, new_word(), explode)
        assert (seen.status, seen.error["code"]) == (502, "upstream_error"), f"{route}: {seen.body[:200]}"
    assert up.peak_memory_bytes() - before < 150 * MB
    await up.nothing_is_reserved()


# --- counts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [-5, math.nan, math.inf, "12", None, [], {}, True, 10**12, 1e300], ids=str)
async def test_a_count_that_cannot_be_true_is_estimated_and_charged(up: Bench, count: object) -> None:
    async def miscount(call: Call) -> None:
        await call.answer(call.sound(SOUND, **dict.fromkeys(COUNTS[call.dialect], count)))

    async def one(route: Route) -> None:
        word = new_word()
        seen, row, _ = await up.see(route, word, miscount)
        if isinstance(count, float) and not math.isfinite(count) and seen.error:  # it is no JSON either
            assert not seen.ended_well
        else:
            assert (seen.status, seen.text, row["status"]) == (200, SOUND, "ok"), f"{route}: {seen.body[:300]}"
            assert 0 < row["input_tokens"] < 1000 and 0 < row["output_tokens"] <= 200, f"{route}: {row}"
        assert route.provider == "local" or row["cost_microusd"] > 0

    await asyncio.gather(*map(one, ROUTES))
    await up.nothing_is_reserved()
