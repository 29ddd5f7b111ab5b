"""Connections that go wrong: half requests, broken HTTP, several requests at once, and clients that send for ever."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import openai
import pytest
import pytest_asyncio

from gateway_core.http import bodies, connections
from gateway_core.running import running_gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.faults.asked import PATHS, PROTOCOLS, asked, is_envelope
from tests.faults.sockets import chunk, head, post, wire
from tests.http.inside import KEY, Client, client, make_settings, with_claude

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT_BYTES = 33_554_432
FIFTY_MB = 50_000_000
SOON_S = 0.2
LATE_S = 30.0
"""For what is due ``SOON_S`` after its beginning, on the busiest machine."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def llmgw(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    folder: Path = tmp_path_factory.mktemp("connections")
    async with FakeAnthropic() as fake, client(folder, **with_claude(fake)) as made:
        yield made


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for: a test waits for the end, however long the machine takes."""
    monkeypatch.setattr(connections, "HEAD_S", SOON_S)
    monkeypatch.setattr(bodies, "BODY_S", SOON_S)


async def spent(llmgw: Client) -> float:
    return float((await llmgw.get("/api/budget"))["spent_usd"])


# --- slow-loris ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("sent", [b"POST /v1/chat", head(KEY)[:-2], b"\r\n"], ids=["line", "headers", "empty line"])
async def test_slow_loris_half_sent_headers_are_reaped(llmgw: Client, sent: bytes) -> None:
    async with wire(llmgw.gateway.address) as slow:
        await slow.send(sent)
        assert (await slow.rest()).startswith(b"HTTP/1.1 408 ")


@pytest.mark.usefixtures("hasty")
async def test_slow_loris_headers_that_trickle_are_reaped_all_the_same(llmgw: Client) -> None:
    async with wire(llmgw.gateway.address) as slow:
        reading = asyncio.create_task(slow.rest())
        with pytest.raises(ConnectionError):
            await slow.send(head(KEY)[:-2])
            while True:
                await slow.send(b"x: y\r\n")
                await asyncio.wait({reading}, timeout=SOON_S / 4)
                if reading.done():
                    raise ConnectionResetError
        assert (await reading).startswith(b"HTTP/1.1 408 ")


async def test_slow_loris_half_sent_headers_after_an_answer_are_reaped(
    llmgw: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", SOON_S)
    async with wire(llmgw.gateway.address) as slow:
        await slow.send(head(KEY, "/health", method="GET"))
        assert (await slow.answer()).status == 200
        await slow.send(b"GET /hea")
        assert (await slow.rest()).startswith(b"HTTP/1.1 408 ")


async def test_headers_in_pieces_are_no_slow_loris(llmgw: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 60.0)
    async with wire(llmgw.gateway.address) as slow:
        for byte in head(KEY, "/health", method="GET"):
            await slow.send(bytes([byte]))
        assert (await slow.answer()).status == 200


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("path", [*PATHS.values(), "/v1/embeddings", "/api/commands/kill", "/api/routing/trial"])
async def test_slow_loris_half_a_body_is_answered_with_408_and_reaped(llmgw: Client, path: str) -> None:
    async with wire(llmgw.gateway.address) as slow:
        await slow.send(head(KEY, path, "Content-Length: 1000") + b'{"model": ')
        async with asyncio.timeout(LATE_S):
            answer = await slow.answer()
        assert (answer.status, answer.code) == (408, "request_timeout")
        assert await slow.rest() == b""


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_slow_loris_a_body_that_trickles_is_reaped(llmgw: Client, protocol: str) -> None:
    async with wire(llmgw.gateway.address) as slow:
        answering = asyncio.create_task(slow.answer())
        await slow.send(head(KEY, PATHS[protocol], "Transfer-Encoding: chunked"))
        async with asyncio.timeout(LATE_S):
            while not answering.done():
                await slow.send(chunk(b" "))
                await asyncio.wait({answering}, timeout=SOON_S / 10)
        answer = await answering
        assert (answer.status, answer.code) == (408, "request_timeout")
        assert is_envelope(protocol, answer.json)


async def test_a_large_body_that_comes_steadily_is_waited_for(llmgw: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_S", SOON_S)
    monkeypatch.setattr(bodies, "SLOWEST_BYTES_S", 100)
    body = json.dumps(asked("chat", "x" * 10_000)).encode()
    async with wire(llmgw.gateway.address) as steady:
        await steady.send(head(KEY, PATHS["chat"], f"Content-Length: {len(body)}") + body[:9_000])
        await asyncio.sleep(SOON_S * 2)
        await steady.send(body[9_000:])
        assert (await steady.answer()).status == 200


@pytest.mark.parametrize("first", [b"", head(KEY, "/health", method="GET")], ids=["at once", "after an answer"])
async def test_an_idle_keep_alive_connection_is_reaped(
    llmgw: Client, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr(connections, "IDLE_S", SOON_S)
    async with wire(llmgw.gateway.address) as idle:
        await idle.send(first)
        if first:
            assert (await idle.answer()).status == 200
        assert await idle.rest() == b""


# --- too large -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_body_of_50_mb_is_refused_with_413_before_any_of_it_is_sent(llmgw: Client, protocol: str) -> None:
    async with wire(llmgw.gateway.address) as large:
        await large.send(head(KEY, PATHS[protocol], f"Content-Length: {FIFTY_MB}"))
        answer = await large.answer()
    assert answer.status == 413 and is_envelope(protocol, answer.json)
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_body_of_50_mb_is_cut_off_before_it_is_read_to_its_end(llmgw: Client, framing: str) -> None:
    sent, part = 0, b"x" * 1_000_000
    chunked = framing == "chunked"
    async with wire(llmgw.gateway.address) as large:
        answering = asyncio.create_task(large.answer())
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {FIFTY_MB * 10}"
        await large.send(head(KEY, PATHS["chat"], length))
        with pytest.raises(ConnectionError):
            while sent < FIFTY_MB * 10:
                await large.send(chunk(part) if chunked else part)
                sent += len(part)
        assert (await answering).status == 413
    assert sent < LIMIT_BYTES * chunked + 2 * connections.DRAINED_BYTES


async def test_an_sdk_sees_the_413_of_a_body_of_50_mb(llmgw: Client) -> None:
    sdk = openai.AsyncOpenAI(api_key=KEY, base_url=f"{llmgw.gateway.address}/v1", max_retries=0)
    async with sdk:
        with pytest.raises(openai.APIStatusError) as caught:
            await sdk.chat.completions.create(
                model="gateway-auto", messages=[{"role": "user", "content": "x" * FIFTY_MB}]
            )
    assert caught.value.status_code == 413


async def test_a_gzip_bomb_is_refused_with_413(llmgw: Client) -> None:
    bomb = gzip.compress(b" " * FIFTY_MB, 9)
    async with wire(llmgw.gateway.address) as large:
        await large.send(post(KEY, bomb, PATHS["chat"], "Content-Encoding: gzip"))
        assert (await large.answer()).status == 413


AS_JSON = "Content-Type: application/json"

# --- Expect: 100-continue --------------------------------------------------------------------------------------------


async def test_expect_100_continue_is_told_to_go_on_and_then_answered(llmgw: Client) -> None:
    whole = post(KEY, asked("chat", "Shall I go on?"), PATHS["chat"], "Expect: 100-continue")
    request, _, body = whole.partition(b"\r\n\r\n")
    async with wire(llmgw.gateway.address) as polite:
        await polite.send(request + b"\r\n\r\n")
        assert await polite.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await polite.send(body)
        assert (await polite.answer()).status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head(KEY, PATHS["chat"], f"Content-Length: {FIFTY_MB}", "Expect: 100-continue"), 413),
        (head("guessed", PATHS["chat"], "Content-Length: 99", "Expect: 100-continue"), 401),
        (head(KEY, PATHS["chat"], "Content-Length: 99", "Expect: 100-continue", "Origin: http://evil.example"), 403),
        (head(KEY, PATHS["chat"], "Content-Length: 99", "Expect: a-miracle"), 417),
        (head(KEY, "/v1/nowhere", "Content-Length: 99", "Expect: 100-continue"), 404),
        (head(KEY, "/v1/nowhere", "Content-Length: 99", "Expect: a-miracle"), 417),
        (head(KEY, PATHS["chat"], "Content-Length: 99", "Expect: 100-continue", AS_JSON, method="PUT"), 405),
    ],
    ids=["too large", "no key", "web page", "unknown expectation", "no address", "nor expectation", "no method"],
)
async def test_expect_100_continue_invites_no_body_that_will_be_refused(
    llmgw: Client, sent: bytes, status: int
) -> None:
    async with wire(llmgw.gateway.address) as polite:
        await polite.send(sent)
        answer = await polite.answer()
    assert answer.status == status and answer.code


async def test_a_body_that_still_comes_when_llmgw_is_stopped_is_answered(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(running_gateway(make_settings(tmp_path)))
        async with wire(gateway.address) as slow:
            await slow.send(head(KEY, PATHS["chat"], "Content-Length: 9999", "Expect: 100-continue"))
            assert await slow.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await slow.send(b'{"model": "gateway-')
            stopping = asyncio.create_task(stack.aclose())
            answer = await slow.answer()
            await stopping
    assert (answer.status, answer.code) == (503, "gateway_stopped")


@pytest.mark.parametrize(
    "sent",
    [
        head(KEY, "/health", method="GET"),
        head(KEY, "/v1/nowhere", method="GET"),
        head(KEY, "/api/events", method="GET"),
        b"GET /health HTTP/9.9\r\n\r\n",
    ],
    ids=["answered", "refused", "streamed", "no HTTP"],
)
async def test_no_answer_tells_versions_of_what_llmgw_is_built_on(llmgw: Client, sent: bytes) -> None:
    async with wire(llmgw.gateway.address) as curious:
        await curious.send(sent)
        told = await curious.until(b"\r\n\r\n")
    assert b"Server: llmgw\r\n" in told and b"aiohttp" not in told and b"Python" not in told


# --- broken HTTP -----------------------------------------------------------------------------------------------------

BROKEN_HTTP = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no Host": b"GET /health HTTP/1.1\r\n\r\n",
    "two Hosts": head(KEY, "/health", "Host: evil.example", method="GET"),
    "a header bomb of one line": head(KEY, PATHS["chat"], f"X-Bomb: {'a' * 100_000}"),
    "a header bomb of many lines": head(KEY, PATHS["chat"], *(f"X-{number}: 1" for number in range(10_000))),
    "an endless address": head(KEY, f"/{'a' * 100_000}", method="GET"),
    "NUL in a header": head(KEY, PATHS["chat"], "X: a\0b"),
    "space before the colon": head(KEY, PATHS["chat"], "Content-Length : 5"),
    "a negative length": head(KEY, PATHS["chat"], "Content-Length: -5"),
    "a length in hexadecimal": head(KEY, PATHS["chat"], "Content-Length: 0x10"),
    "two lengths": head(KEY, PATHS["chat"], "Content-Length: 5", "Content-Length: 6") + b"{}",
    "length and chunks": head(KEY, PATHS["chat"], "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "an unknown transfer encoding": head(KEY, PATHS["chat"], "Transfer-Encoding: chunked, zork") + b"0\r\n\r\n",
    "chunked encoding with a broken size": head(KEY, PATHS["chat"], "Transfer-Encoding: chunked") + b"ZZ\r\nab\r\n",
    "chunked encoding with a size too small": head(KEY, PATHS["chat"], "Transfer-Encoding: chunked")
    + b"3\r\nabcdef\r\n0\r\n\r\n",
    "chunked encoding with an endless size": head(KEY, PATHS["chat"], "Transfer-Encoding: chunked")
    + b"f" * 40
    + b"\r\n{}\r\n",
}


@pytest.mark.parametrize("sent", BROKEN_HTTP.values(), ids=BROKEN_HTTP)
async def test_broken_http_is_a_400_in_our_envelope_that_quotes_nothing(llmgw: Client, sent: bytes) -> None:
    async with wire(llmgw.gateway.address) as broken:
        await broken.send(sent)
        answer = await broken.answer()
        assert await broken.rest() == b""
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert KEY.encode() not in answer.body and b"aaa" not in answer.body


@pytest.mark.parametrize("rest", [b"ZZ\r\nab\r\n", b"3\r\nabcdef\r\n0\r\n\r\n"], ids=["size", "too much"])
async def test_chunked_encoding_that_breaks_in_the_middle_ends_the_request(llmgw: Client, rest: bytes) -> None:
    before = await spent(llmgw)
    async with wire(llmgw.gateway.address) as broken:
        request = head(KEY, PATHS["chat"], "Transfer-Encoding: chunked", "Expect: 100-continue")
        await broken.send(request + chunk(b'{"model": "auto",'))
        await broken.until(b"100 Continue\r\n\r\n")
        await broken.send(rest)
        assert (await broken.answer()).status == 400
        await broken.rest()
    assert await spent(llmgw) == before


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_what_its_content_encoding_says_is_a_400(llmgw: Client, encoding: str) -> None:
    async with wire(llmgw.gateway.address) as broken:
        await broken.send(post(KEY, b"neither of them", PATHS["chat"], f"Content-Encoding: {encoding}"))
        assert (await broken.answer()).status == 400


async def test_a_body_in_an_unknown_content_encoding_is_a_415(llmgw: Client) -> None:
    async with wire(llmgw.gateway.address) as broken:
        await broken.send(post(KEY, asked("chat", "Guess."), PATHS["chat"], "Content-Encoding: zork"))
        assert (await broken.answer()).status == 415


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_forgotten(llmgw: Client) -> None:
    before = await spent(llmgw)
    async with wire(llmgw.gateway.address) as gone:
        await gone.send(head(KEY, PATHS["chat"], "Content-Length: 100") + b"{")
    assert await spent(llmgw) == before


async def test_broken_http_leaves_no_traceback_and_no_error_in_the_log(
    llmgw: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for sent in (*BROKEN_HTTP.values(), post(KEY, b"no gzip", PATHS["chat"], "Content-Encoding: gzip")):
        async with wire(llmgw.gateway.address) as broken:
            await broken.send(sent)
            await broken.answer()
    said = [record for record in caplog.records if record.name.startswith("gateway_core")]
    assert not [record for record in said if record.levelname == "ERROR" or record.exc_info]
    assert KEY not in caplog.text


# --- several at once -------------------------------------------------------------------------------------------------


async def test_pipelined_requests_are_answered_in_their_order(llmgw: Client) -> None:
    async with wire(llmgw.gateway.address) as pipeline:
        await pipeline.send(
            post(KEY, asked("chat", "The first of three?"), PATHS["chat"])
            + post(KEY, asked("messages", "The second of three?"), PATHS["messages"])
            + head(KEY, "/health", method="GET")
        )
        answers = [await pipeline.answer() for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [answer.json.get("object", answer.json.get("type")) for answer in answers] == [
        "chat.completion",
        "message",
        None,
    ]


async def test_hundreds_of_pipelined_requests_are_all_answered(llmgw: Client) -> None:
    async with wire(llmgw.gateway.address) as pipeline:
        sending = asyncio.create_task(pipeline.send(head(KEY, "/health", method="GET") * 300))
        answers = [await pipeline.answer() for _ in range(300)]
        await sending
    assert {answer.status for answer in answers} == {200}


async def test_a_request_behind_a_refused_one_is_not_taken_for_its_body(llmgw: Client) -> None:
    """A refusal must not leave a body unread that is then a request of its own: that would be smuggling."""
    inner = head(KEY, "/health", method="GET")
    async with wire(llmgw.gateway.address) as smuggler:
        await smuggler.send(post("guessed", inner, PATHS["chat"]) + head(KEY, "/v1/usage", method="GET"))
        first, second = await smuggler.answer(), await smuggler.answer()
    assert (first.status, second.status) == (401, 200)
    assert "budget" in second.json
