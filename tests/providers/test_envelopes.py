"""What an SDK writes on the outside of a request is asked of it once, and what a request adds goes over it."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2
import openai
import pytest
from yarl import URL

from gateway_core.providers.anthropic import AnthropicProvider
from gateway_core.providers.envelopes import write_envelope
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.providers.sdk_imports import without_models
from tests.fakes.openai import FakeOpenAI
from tests.providers.calls import failure, make_call


def provider(base_url: str = "https://api.example.com/v1") -> OpenAICompatible:
    return OpenAICompatible(name="groq", kind="groq", base_url=base_url, api_key="gsk_key")


def test_an_envelope_is_what_the_sdk_would_send() -> None:
    groq = provider()
    envelope = write_envelope(groq.make_client, "POST", "/chat/completions", groq.request_headers())
    assert (envelope.method, envelope.url) == ("POST", URL("https://api.example.com/v1/chat/completions"))
    assert envelope.headers["authorization"] == "Bearer gsk_key"
    assert envelope.headers["Content-Type"] == "application/json"
    assert envelope.headers["User-Agent"].startswith("OpenAI/Python")
    assert not {"Host", "Content-Length", "Connection"} & {name.title() for name in envelope.headers}


def test_claude_gets_its_version_and_one_credential() -> None:
    claude = AnthropicProvider(api_key="sk-ant-key")
    headers = write_envelope(claude.make_client, "POST", "/v1/messages", claude.request_headers()).headers
    assert headers["anthropic-version"]
    assert [value for value in headers.values() if "sk-ant-key" in value] == ["Bearer sk-ant-key"]


def sent_by(client: openai.OpenAI | anthropic.Anthropic, path: str) -> dict[str, str]:
    """The headers that a whole SDK sends with an empty body, but for what the connection and its patience add."""
    sent: list[httpx2.Request] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json={})

    client.with_options(http_client=httpx2.Client(transport=httpx2.MockTransport(keep))).post(
        path, cast_to=httpx2.Response, content=b"{}"
    )
    beside = {"host", "content-length", "connection", "accept-encoding"}
    patience = {"x-stainless-timeout", "x-stainless-read-timeout", "x-stainless-retry-count"}
    return {name: value for name, value in sent[0].headers.items() if name not in beside | patience}


def test_the_copy_of_an_sdk_writes_what_the_whole_sdk_does() -> None:
    groq, claude = provider(), AnthropicProvider(api_key="sk-ant-key")
    envelope = write_envelope(groq.make_client, "POST", "/chat/completions", {})
    assert sent_by(openai.OpenAI(api_key="gsk_key"), "/chat/completions") == {
        name.lower(): value for name, value in envelope.headers.items() if name.lower() != "accept-encoding"
    }
    envelope = write_envelope(claude.make_client, "POST", "/v1/messages", {})
    assert sent_by(anthropic.Anthropic(api_key="sk-ant-key", open_telemetry=False), "/v1/messages") == {
        name.lower(): value for name, value in envelope.headers.items() if name.lower() != "accept-encoding"
    }


def test_a_header_of_a_request_goes_over_the_envelopes_whatever_its_case() -> None:
    groq = provider()
    envelope = write_envelope(groq.make_client, "POST", "/chat/completions", groq.request_headers())
    assert envelope.with_headers({"CONTENT-TYPE": "text/plain"}).getall("content-type") == ["text/plain"]
    assert envelope.headers["content-type"] == "application/json"
    assert envelope.with_headers(None) is envelope.headers


@pytest.mark.parametrize("base_url", ["http://exa\x7fmple/v1", "http://:0:0/v1", "http:///v1"])
async def test_an_address_that_is_none_is_said_so(base_url: str) -> None:
    error, _ = await failure(provider(base_url), make_call())
    assert "no usable address" in error.message or "cannot be found" in error.message
    assert (error.sent, error.kind) == (False, "connect")


async def test_the_sdk_is_asked_once_for_each_address(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    copy = without_models("openai")
    real = copy.OpenAI

    def counted(**options: Any) -> Any:
        made.append(options)
        return real(**options)

    monkeypatch.setattr(copy, "OpenAI", counted)
    async with FakeOpenAI() as fake:
        local = OpenAICompatible(name="local", kind="openai", base_url=fake.base_url, free=True)
        for _ in range(3):
            async for _piece in local.send(make_call(stream=False)):
                pass
        await local.close()
    assert len(made) == 1
