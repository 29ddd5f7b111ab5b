"""The real OpenClaw over each of its protocols: turns and tool loops, errors that pass, and what all of it cost."""

from __future__ import annotations

import pytest

from gateway_core.clients.openclaw_block import OpenClawApi
from gateway_core.model import JsonObject
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply
from tests.real.gateway_process import KEY, GatewayProcess
from tests.real.openclaw import OpenClaw

pytestmark = [
    pytest.mark.real,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(900),
    pytest.mark.parametrize("api", [OpenClawApi.COMPLETIONS, OpenClawApi.RESPONSES, OpenClawApi.MESSAGES]),
]

PREMIUM, CHEAP = "llmgw/gateway-premium", "llmgw/gateway-cheap"
ADD, ASK = "What is two plus two?", "Read AGENTS.md and tell me the code word."
LOOK = Reply(text="I will look.", reasoning="The notes have it.", tools=(("read", {"path": "AGENTS.md"}),))
PLUM = Reply(text="The code word is plum.")
MICRODOLLARS = {"input": 2.0, "cache_read": 0.1, "5m": 2.5, "1h": 4.0, "output": 10.0}
"""What a token of claude-sonnet-5-5 costs (genai-prices, 2026-11)."""


def cost_microusd(usage: JsonObject) -> float:
    """What Anthropic charges for an answer."""
    written = usage["cache_creation"]
    total: float = (
        usage["input_tokens"] * MICRODOLLARS["input"]
        + usage["cache_read_input_tokens"] * MICRODOLLARS["cache_read"]
        + written["ephemeral_5m_input_tokens"] * MICRODOLLARS["5m"]
        + written["ephemeral_1h_input_tokens"] * MICRODOLLARS["1h"]
        + usage["output_tokens"] * MICRODOLLARS["output"]
    )
    return total


def said(request: JsonObject, role: str) -> str:
    """All that the messages of a role hold, as JSON would."""
    return str([message["content"] for message in request["messages"] if message["role"] == role])


async def test_a_conversation_with_claude(
    api: OpenClawApi, openclaw: OpenClaw, claude_gateway: GatewayProcess, claude: FakeAnthropic
) -> None:
    openclaw.connect(f"{claude_gateway.base_url}/v1", KEY, api=api, reasoning=True)
    claude.script(Reply(text="Four.", reasoning="Two and two."), LOOK, PLUM)
    first = await openclaw.turn(ADD, model=PREMIUM, thinking="low")
    second = await openclaw.turn(ASK, model=PREMIUM, thinking="low")
    assert (first.text, second.text.endswith(PLUM.text)) == ("Four.", True)
    assert claude.rejected == []
    asked, looked, resumed = claude.requests
    assert all(request["thinking"]["type"] == "adaptive" for request in claude.requests)
    assert ADD in said(looked, "user") and "Four." in said(looked, "assistant")
    assert "code word is plum" in said(resumed, "user")
    thought = {"type": "thinking", "thinking": "The notes have it.", "signature": "sig2"}
    assert thought in [message["content"][0] for message in resumed["messages"] if message["role"] == "assistant"]

    rows = (await claude_gateway.requests())[::-1]
    seen = {(row["client"], row["session"], row["status"], row["tier"], row["model"]) for row in rows}
    assert seen == {("openclaw", first.session, "ok", "premium", asked["model"])}
    assert [row["preview"] for row in rows] == [ADD, ASK, ASK]
    for row, usage in zip(rows, claude.usages, strict=True):
        read, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
        assert row["input_tokens"] == usage["input_tokens"] + read + written
        assert row["output_tokens"] == usage["output_tokens"]
        assert row["cost_microusd"] == pytest.approx(cost_microusd(usage), abs=1)
    spent = sum(row["cost_microusd"] for row in rows)
    assert (await claude_gateway.get("/api/budget"))["spent_usd"] == pytest.approx(spent / 1e6, abs=1e-9)


async def test_a_tool_loop_with_groq(
    api: OpenClawApi, openclaw: OpenClaw, groq_gateway: GatewayProcess, groq: FakeOpenAI
) -> None:
    openclaw.connect(f"{groq_gateway.base_url}/v1", KEY, api=api, reasoning=True)
    groq.script(LOOK, PLUM)
    turn = await openclaw.turn(ASK, model=CHEAP, thinking="low")
    assert turn.text.endswith(PLUM.text)
    assert groq.rejected == []
    asked, resumed = groq.requests
    assert "code word is plum" in said(resumed, "tool")
    rows = (await groq_gateway.requests())[::-1]
    seen = {(row["client"], row["session"], row["status"], row["tier"], row["model"]) for row in rows}
    assert seen == {("openclaw", turn.session, "ok", "cheap", asked["model"])}
    assert sum(row["input_tokens"] for row in rows) == groq.input_tokens
    assert sum(row["output_tokens"] for row in rows) == groq.output_tokens
    assert all(
        row["cost_microusd"] == pytest.approx(row["input_tokens"] * 0.15 + row["output_tokens"] * 0.6, abs=1)
        for row in rows
    )
    spent = sum(row["cost_microusd"] for row in rows)
    assert (await groq_gateway.get("/api/budget"))["spent_usd"] == pytest.approx(spent / 1e6, abs=1e-9)


async def test_a_reached_limit_is_told_once_and_is_over_when_it_is_raised(
    api: OpenClawApi, openclaw: OpenClaw, claude_gateway: GatewayProcess, claude: FakeAnthropic
) -> None:
    openclaw.connect(f"{claude_gateway.base_url}/v1", KEY, api=api)
    await claude_gateway.command("set_budget", soft=0, medium=0, hard=0.0001)
    refused = await openclaw.failed_turn(ADD, model=PREMIUM)
    assert refused.removeprefix("⚠️ ") == "llmgw: daily limit reached, 0.0000 of 0.0001 USD spent. Resets at 00:00 UTC."
    assert claude.requests == []
    (row,) = await claude_gateway.requests()
    assert (row["status"], row["error_code"], row["cost_microusd"]) == ("refused", "budget_exceeded", 0)

    await claude_gateway.command("set_budget", hard=50)
    claude.script(Reply(text="Four."))
    passed = await openclaw.turn(ADD, model=PREMIUM)
    assert (passed.text, passed.model) == ("Four.", PREMIUM)


async def test_an_upstream_that_refuses_the_key_does_not_disable_the_gateway(
    api: OpenClawApi, openclaw: OpenClaw, claude_gateway: GatewayProcess, claude: FakeAnthropic
) -> None:
    """The gateway leaves the upstream alone after one 401; OpenClaw would send nothing more had it seen that one."""
    openclaw.connect(f"{claude_gateway.base_url}/v1", KEY, api=api)
    claude.script(Failure(401, "invalid x-api-key"))
    told = await openclaw.failed_turn(ADD, model=PREMIUM)
    assert "401" not in told and "key" not in told
    assert claude.calls == 1
    rows = await claude_gateway.requests()
    assert len(rows) > 1, "it asks again"
    assert {(row["asked_model"], row["cost_microusd"]) for row in rows} == {("gateway-premium", 0)}
