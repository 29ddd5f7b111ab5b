"""Claude with a setup token, against a fake that refuses what the real API refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway_core.providers.anthropic import AnthropicProvider
from gateway_core.providers.anthropic_oauth import BETAS, OPENING, with_opening
from gateway_core.wire.anthropic_native import headers_for
from tests.fakes.anthropic import FakeAnthropic
from tests.providers.calls import failure, make_call, text

TOKEN = "sk-ant-oat01-token"


@pytest.fixture
async def fake() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic(key=TOKEN) as fake:
        yield fake


@pytest.mark.parametrize("credential", [{"setup_token": TOKEN}, {"api_key": TOKEN}], ids=["token", "pasted as a key"])
async def test_a_setup_token_opens_the_api(
    fake: FakeAnthropic, monkeypatch: pytest.MonkeyPatch, credential: dict[str, Any]
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", TOKEN)
    provider = AnthropicProvider(base_url=fake.base_url, **credential)
    system = {"role": "system", "content": "You are OpenClaw."}
    call = make_call(system, {"role": "user", "content": "Hi"}, model="claude-sonnet-5-5")
    assert await text(provider, call) == "Hello from the fake."
    sent = fake.headers[0]
    assert sent["authorization"] == f"Bearer {TOKEN}" and "x-api-key" not in sent
    assert sent["anthropic-beta"] == "claude-code-20250219,oauth-2025-04-20"
    assert "claude" not in sent["user-agent"].lower().replace("anthropic", "")
    assert [block["text"] for block in fake.requests[0]["system"]] == [OPENING, "You are OpenClaw."]
    assert (await provider.check()).state == "ok"
    assert fake.rejected == []
    await provider.close()


async def test_an_expired_token_is_told_with_the_way_to_a_new_one(fake: FakeAnthropic) -> None:
    provider = AnthropicProvider(base_url=fake.base_url, setup_token="sk-ant-oat01-expired")
    error, _ = await failure(provider, make_call(model="claude-sonnet-5-5"))
    assert (error.status, error.code, error.retryable) == (401, None, False)
    assert "ANTHROPIC_SETUP_TOKEN" in error.message and "claude setup-token" in error.message
    await provider.close()


@pytest.mark.parametrize(
    ("system", "blocks"),
    [
        (None, [OPENING]),
        ("", [OPENING]),
        ("Be short.", [OPENING, "Be short."]),
        ([{"type": "text", "text": "Be short."}], [OPENING, "Be short."]),
        ([{"type": "text", "text": OPENING}, {"type": "text", "text": "Be short."}], [OPENING, "Be short."]),
    ],
)
def test_the_callers_system_prompt_follows_the_opening(system: object, blocks: list[str]) -> None:
    body = {"model": "m", "messages": []} if system is None else {"model": "m", "messages": [], "system": system}
    assert [block["text"] for block in with_opening(body)["system"]] == blocks


def test_betas_that_the_caller_asked_for_stay() -> None:
    assert headers_for({"anthropic-beta": "context-1m, oauth-2025-04-20"}, BETAS)["anthropic-beta"] == (
        "claude-code-20250219,oauth-2025-04-20,context-1m"
    )
