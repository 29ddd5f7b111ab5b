"""A gateway that listens on loopback in the test's own loop, and a client for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from gateway_core.gateway import Gateway
from gateway_core.running import running_gateway
from gateway_core.settings import Settings
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.wire.published import problems

KEY = "test-key"


class Client:
    """What a test sends, and what it looks at."""

    def __init__(self, gateway: Gateway, http: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.http = http

    async def chat(
        self, text: str = "Say hello.", headers: Mapping[str, str] | None = None, **body: Any
    ) -> tuple[int, Mapping[str, str], Any]:
        """Status, headers and JSON of one request that is not streamed."""
        async with self.http.post("/v1/chat/completions", json=chat_body(text, **body), headers=headers) as answer:
            return answer.status, answer.headers.copy(), await answer.json()

    async def stream(
        self, text: str = "Say hello.", headers: Mapping[str, str] | None = None, **body: Any
    ) -> tuple[Mapping[str, str], list[Any]]:
        """Headers and chunks of a streamed request, each as OpenAI publishes them; the last line must be ``[DONE]``."""
        body = chat_body(text, stream=True, **body)
        async with self.http.post("/v1/chat/completions", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            lines = [line[6:] for line in (await answer.text()).splitlines() if line.startswith("data: ")]
            assert lines.pop() == "[DONE]"
            chunks = [json.loads(line) for line in lines]
            for chunk in chunks:
                assert "error" in chunk or problems(chunk, "CreateChatCompletionStreamResponse") == []
            return answer.headers.copy(), chunks

    async def get(self, path: str) -> Any:
        async with self.http.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, path: str, **arguments: Any) -> tuple[int, Any]:
        async with self.http.post(path, json=arguments) as answer:
            return answer.status, await answer.json()


def chat_body(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gateway-premium", "messages": [{"role": "user", "content": text}], **more}


def said(chunks: list[Any]) -> str:
    """The text of a stream."""
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def make_settings(data_dir: Path, **more: Any) -> Settings:
    """Settings that depend on nothing outside: no local server, no environment, a free port."""
    fields: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "data_dir": data_dir,
        "gateway_secret": SecretStr(KEY),
        "local_llm_enabled": False,
        "semantic_cache": "off",
        "router_embedding": "off",
        "rate_limit_rpm": 0,
        "anthropic_api_key": None,
        "anthropic_setup_token": None,
        "groq_api_key": None,
        "openai_api_key": None,
        **more,
    }
    return Settings(**fields)


def with_claude(fake: FakeAnthropic) -> dict[str, Any]:
    return {"anthropic_api_key": SecretStr(fake.key), "anthropic_base_url": fake.base_url}


def with_groq(fake: FakeOpenAI) -> dict[str, Any]:
    assert fake.key
    return {"groq_api_key": SecretStr(fake.key), "groq_base_url": fake.base_url}


@asynccontextmanager
async def client(data_dir: Path, **more: Any) -> AsyncIterator[Client]:
    """A gateway with these settings, and a client that has its key."""
    async with (
        running_gateway(make_settings(data_dir, **more)) as gateway,
        aiohttp.ClientSession(gateway.address, headers={"Authorization": f"Bearer {KEY}"}) as http,
    ):
        yield Client(gateway, http)
