"""What goes to upstreams and where: no redirect followed, no header smuggled, no name that leads elsewhere."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web
from pydantic import SecretStr
from yarl import URL

from gateway_core.settings import ProviderEntry
from llmgw_tui.source_http import HttpSource, Unreachable
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.http.inside import client, with_claude, with_groq


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def redirecting(status: int) -> AsyncIterator[tuple[str, list[str], list[str]]]:
    """An upstream that sends everybody elsewhere: its address, what it was asked, what was asked there."""
    asked: list[str] = []
    stolen: list[str] = []

    async def steal(request: web.Request) -> web.Response:
        stolen.append(f"{request.path} {dict(request.headers)} {await request.text()}")
        return web.json_response({})

    thief = web.Application()
    thief.router.add_route("*", "/{path:.*}", steal)
    async with listening(thief) as there:

        async def away(request: web.Request) -> web.Response:
            asked.append(request.path)
            return web.Response(status=status, headers={"Location": f"{there}{request.path}"})

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", away)
        async with listening(app) as here:
            yield here, asked, stolen


@pytest.mark.parametrize("status", [302, 307, 308])
async def test_a_redirect_takes_no_key_and_no_prompt_to_another_host(tmp_path: Path, status: int) -> None:
    key = SecretStr("key-canary")
    async with redirecting(status) as (url, asked, stolen):
        own = ProviderEntry(name="mine", base_url=f"{url}/mine/v1", api_key=key, models=({"name": "m"},))
        own_messages = ProviderEntry(
            name="theirs", base_url=f"{url}/theirs", api="messages", api_key=key, models=({"name": "m"},)
        )
        settings = {
            "anthropic_api_key": key,
            "anthropic_base_url": f"{url}/claude",
            "groq_api_key": key,
            "groq_base_url": f"{url}/groq/v1",
            "openai_api_key": key,
            "openai_base_url": f"{url}/openai/v1",
            "local_llm_enabled": True,
            "local_llm_url": f"{url}/v1",
            "local_llm_api_key": key,
            "builtin_model": "off",
            "providers": (own, own_messages),
        }
        async with client(tmp_path, **settings) as llmgw:
            for model in ("anthropic/claude-sonnet-5-5", "groq/g", "openai/gpt-5.5", "mine/m", "theirs/m", "local/x"):
                answered, _, _ = await llmgw.chat("prompt-canary", model=model)
                assert answered >= 400, model
            for path, body in (
                (
                    "/v1/messages",
                    {"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]},
                ),
                ("/v1/responses", {"model": "openai/gpt-5.5", "input": "prompt-canary"}),
                ("/v1/embeddings", {"model": "ollama/nomic-embed-text", "input": "prompt-canary"}),
                (
                    "/v1/messages/count_tokens",
                    {"model": "claude-sonnet-5-5", "messages": [{"role": "user", "content": "x"}]},
                ),
                ("/api/commands/pull", {"model": "qwen3:8b"}),
                ("/api/commands/retry_provider", {"provider": "anthropic"}),
            ):
                await llmgw.post(path, **body)
        assert {path.split("/")[1] for path in asked} >= {"claude", "groq", "openai", "mine", "theirs", "v1", "api"}
        assert stolen == []


async def test_an_attached_control_centre_follows_no_redirect_with_its_key() -> None:
    async with redirecting(307) as (url, asked, stolen):
        source = HttpSource(url, "key-canary")
        source.open()
        with pytest.raises(Unreachable):
            await source.fetch()
        assert not (await source.run("kill")).ok
        await source.close()
    assert asked and stolen == []


SMUGGLED = {
    "X-Forwarded-For": "10.0.0.1",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "host=evil.example",
    "Connection": "keep-alive, x-api-key, authorization",
    "Proxy-Authorization": "Basic header-canary",
    "X_Api_Key": "header-canary",
    "Anthropic_Version": "header-canary",
    "Authorization_": "header-canary",
    "X-Stainless-Canary": "header-canary",
    "anthropic-dangerous-direct-browser-access": "true",
    "OpenAI-Organization": "header-canary",
    "OpenAI-Project": "header-canary",
    "Cookie": "header-canary",
    "Trailer": "x-canary",
    "TE": "trailers",
    "Upgrade": "h2c",
}


async def test_headers_of_a_caller_go_no_further_but_two_that_anthropic_knows(tmp_path: Path) -> None:
    messages = {"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    theirs = {**SMUGGLED, "anthropic-beta": "context-1m-2025-08-07, a canary", "anthropic-version": "2023-06-01"}
    async with (
        FakeAnthropic() as claude,
        FakeOpenAI(kind="groq", key="gsk", models=("g",)) as groq,
        client(tmp_path, **with_claude(claude), **with_groq(groq)) as llmgw,
    ):
        async with llmgw.http.post("/v1/messages", json=messages, headers=theirs) as answer:
            assert answer.status == 200, await answer.text()
        assert (await llmgw.chat("Hello?", theirs))[0] == 200
        assert (await llmgw.chat("Hello?", theirs, model="groq/g"))[0] == 200
    native, chat, other = claude.headers[-2], claude.headers[-1], groq.headers[-1]
    assert "context-1m-2025-08-07" in native["anthropic-beta"] and "context-1m" not in chat.get("anthropic-beta", "")
    for sent in (native, chat, other):
        assert "canary" not in str(sent) and "evil" not in str(sent) and "10.0.0.1" not in str(sent)
        assert not {name.lower() for name in SMUGGLED if name not in ("Connection",)} & set(sent)
        assert re.fullmatch(r"127\.0\.0\.1:\d+", sent["host"])


@pytest.mark.parametrize(
    "header",
    [
        b"anthropic-beta: a\r\n x-api-key: folded-canary",
        b"anthropic-beta: a\rx-api-key: cr-canary",
        b"anthropic-beta: a\x00b",
        b"anthropic-beta : a",
        b"anthropic beta: a",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked, identity",
        b"Content-Length: +5",
    ],
)
async def test_a_request_that_two_could_read_differently_reaches_no_upstream(tmp_path: Path, header: bytes) -> None:
    async with FakeAnthropic() as claude, client(tmp_path, **with_claude(claude)) as llmgw:
        port = int(llmgw.gateway.address.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
        )
        writer.write(head + b"x-api-key: test-key\r\n" + header + b"\r\n\r\n{\r\n\r\n}0\r\n\r\n")
        async with asyncio.timeout(30):
            answer = await reader.read()
        writer.close()
        assert answer.split(b" ", 2)[1:2] in ([b"400"], [b"401"])
        assert claude.calls == 0


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


NAMES = (
    *("/etc/passwd", "a/../../b", "..", "..%2f..%2fx", "a\\..\\b"),
    *("qwen3:../x", "qwen3\n8b", "qwen3\x00", "file:///etc/passwd", "x\u202ey"),
)


@pytest.mark.parametrize("name", NAMES)
async def test_a_models_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "passwd").write_text("root")
    async with FakeOllama("qwen3:0.6b") as ollama:
        here = {"local_llm_enabled": True, "local_llm_url": ollama.base_url, "builtin_model": "off"}
        async with client(tmp_path / "data", **here) as llmgw:
            before = files_below(tmp_path)
            for command in ("pull", "delete_model", "load", "unload", "pin", "cancel_pull", "forget_pull"):
                status, result = await llmgw.post(f"/api/commands/{command}", model=name)
                assert status == 400 and not result["ok"], command
            _, switched = await llmgw.post("/api/commands/switch", tier="local", model=name)
            may_be_a_path = name in ("/etc/passwd", "file:///etc/passwd")
            assert may_be_a_path or "is no model's name" in switched["message"]
            async with llmgw.http.get("/api/local/fit", params={"model": name}) as answer:
                assert answer.status in (200, 400) and "root" not in await answer.text()
            for path in ("/v1/models/", "/api/requests/", "/api/cache/entries/"):
                async with llmgw.http.get(
                    URL(llmgw.gateway.address + path + quote(name, safe=""), encoded=True)
                ) as got:
                    assert got.status in (400, 404), path
            answered, _, _ = await llmgw.chat("Hello?", model=name)
            assert answered in (400, 404)
            assert files_below(tmp_path) == before
        assert not [asked for asked in ollama.requests if name in str(asked)]


async def test_a_pulled_name_is_sent_as_it_was_given(tmp_path: Path) -> None:
    async with FakeOllama("qwen3:0.6b") as ollama:
        here = {"local_llm_enabled": True, "local_llm_url": ollama.base_url, "builtin_model": "off"}
        async with client(tmp_path, **here) as llmgw:
            for name in ("qwen3:8b", "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M", "someone/model"):
                status, result = await llmgw.post("/api/commands/pull", model=name)
                assert status == 200, result
