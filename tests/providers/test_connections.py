"""Connections to one server: whose proxy, whose password, whose cookies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from gateway_core.providers.openai_compatible import OpenAICompatible
from tests.providers.calls import failure, make_call

KEY = "sk-the-key-of-this-server"
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}]}


@asynccontextmanager
async def listening(seen: list[web.BaseRequest]) -> AsyncIterator[str]:
    """A server, or a proxy, that answers everything and sets a cookie."""

    async def answer(request: web.BaseRequest) -> web.Response:
        await request.read()
        seen.append(request)
        return web.json_response(ANSWER, headers={"Set-Cookie": "session=abc; Path=/"})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def ask(base_url: str, times: int = 1) -> None:
    provider = OpenAICompatible(name="groq", kind="groq", base_url=base_url, api_key=KEY)
    try:
        for _ in range(times):
            assert [piece.body async for (piece,) in provider.send(make_call(stream=False))] == [ANSWER]
    finally:
        await provider.close()


async def test_the_proxy_of_the_environment_is_used_for_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[web.BaseRequest] = []
    async with listening(seen) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("http_proxy", proxy)
        await ask("http://api.groq.invalid/openai/v1")
    (request,) = seen
    assert str(request.url) == "http://api.groq.invalid/openai/v1/chat/completions"


@pytest.mark.parametrize("bypassed", [True, False])
async def test_no_proxy_stands_before_this_machine_nor_before_a_host_of_no_proxy(
    monkeypatch: pytest.MonkeyPatch, bypassed: bool
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    if bypassed:
        monkeypatch.setenv("no_proxy", "groq.invalid")
        provider = OpenAICompatible(name="groq", kind="groq", base_url="http://api.groq.invalid/v1", api_key=KEY)
        assert "cannot be found" in (await failure(provider, make_call(stream=False)))[0].message
        await provider.close()
        return
    seen: list[web.BaseRequest] = []
    async with listening(seen) as address:
        await ask(f"{address}/v1")
    assert len(seen) == 1


async def test_a_password_of_netrc_never_takes_the_place_of_the_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password mine\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[web.BaseRequest] = []
    async with listening(seen) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        await ask("http://api.groq.invalid/v1")
    assert seen[0].headers["Authorization"] == f"Bearer {KEY}"


async def test_a_cookie_of_an_upstream_is_not_sent_back() -> None:
    seen: list[web.BaseRequest] = []
    async with listening(seen) as address:
        await ask(f"{address}/v1", times=2)
    assert [request.headers.get("Cookie") for request in seen] == [None, None]


async def cut_off(server: asyncio.Server, scheme: str, heard: asyncio.Event) -> bool:
    """Whether something of a call may be out that is cancelled once its server has ``heard`` something."""
    base_url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    provider = OpenAICompatible(name="groq", kind="groq", base_url=base_url, api_key=KEY)
    call = make_call()
    assert call.sending.may_be_out, "nobody has told of anything yet"
    asking = asyncio.create_task(failure(provider, call))
    try:
        async with asyncio.timeout(10):
            await heard.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    finally:
        await provider.close()
    return call.sending.may_be_out


@pytest.mark.parametrize(("scheme", "out"), [("https", False), ("http", True)])
async def test_what_a_server_has_heard_of_a_call_is_out_and_its_greeting_alone_is_not(scheme: str, out: bool) -> None:
    heard, end = asyncio.Event(), asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        heard.set()
        await end.wait()
        writer.transport.abort()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        assert await cut_off(server, scheme, heard) is out
        end.set()


async def test_a_call_over_a_kept_connection_that_has_died_may_be_out() -> None:
    ended = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
        body = b'{"choices": [{"index": 0, "message": {"content": "Hello."}, "finish_reason": "stop"}]}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await reader.read(1)
        writer.transport.abort()
        ended.set()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        provider = OpenAICompatible(name="groq", kind="groq", base_url=base_url, api_key=KEY)
        try:
            _ = [batch async for batch in provider.send(make_call(stream=False))]
            call = make_call(stream=False)
            error, _ = await failure(provider, call)
        finally:
            await provider.close()
    assert ended.is_set() and error.may_be_charged and call.sending.may_be_out
