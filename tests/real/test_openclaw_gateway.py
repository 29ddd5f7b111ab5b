"""The real OpenClaw through a real gateway: to a real local model, and to an Anthropic that checks every field."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_core.model import JsonObject
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.real.conftest import READ_NOTES
from tests.real.gateway_process import GatewayProcess
from tests.real.openclaw import OpenClaw
from tests.real.proxy import MAX_OUTPUT_TOKENS, RecordingProxy
from tests.real.real_model import NAME

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(3000)]


def roles(body: JsonObject) -> list[str]:
    return [message["role"] for message in body["messages"]]


def shared(rows: list[JsonObject], *names: str) -> tuple[Any, ...]:
    """The values that all rows have in common; fails where they differ."""
    found = {tuple(row[name] for name in names) for row in rows}
    assert len(found) == 1, found
    return found.pop()


async def test_turns_are_answered_by_the_local_model_for_nothing(
    openclaw: OpenClaw, local_gateway: GatewayProcess, model_proxy: RecordingProxy
) -> None:
    first = await openclaw.turn("What is two plus two?")
    second = await openclaw.turn("What is three plus three?")
    assert first.text and second.text
    assert first.cost_usd == second.cost_usd == 0
    assert (first.model, second.session) == ("llmgw/gateway-auto", first.session)

    later, earlier = await local_gateway.requests()
    both = [earlier, later]
    assert [row["preview"] for row in both] == ["What is two plus two?", "What is three plus three?"]
    assert shared(both, "client", "lane", "purpose", "session") == ("openclaw", "interactive", "chat", first.session)
    assert shared(both, "status", "tier", "model", "cost_microusd") == ("ok", "local", NAME, 0)
    assert all(row["route"] and row["input_tokens"] > 5000 for row in both)
    assert all(0 < row["output_tokens"] <= MAX_OUTPUT_TOKENS for row in both)
    assert len(model_proxy.bodies) == 2
    assert len(roles(model_proxy.bodies[1])) > len(roles(model_proxy.bodies[0]))


async def test_a_tool_loop_with_the_local_model(
    openclaw: OpenClaw, local_gateway: GatewayProcess, model_proxy: RecordingProxy
) -> None:
    model_proxy.tool = READ_NOTES
    turn = await openclaw.turn("Read AGENTS.md and tell me the code word.", model="llmgw/gateway-local")
    assert turn.text

    asked, resumed = model_proxy.bodies[:2]
    assert "tool" not in roles(asked)
    assert "plum" in next(str(message["content"]) for message in resumed["messages"] if message["role"] == "tool")
    rows = await local_gateway.requests()
    assert rows[-1]["finish_reason"] == "tool_calls"
    assert shared(rows, "status", "tier", "model", "session") == ("ok", "local", NAME, turn.session)
    assert shared(rows, "preview", "purpose") == ("Read AGENTS.md and tell me the code word.", "chat")
    detail = await local_gateway.get(f"/api/requests/{rows[-1]['id']}")
    called = detail["answer"]["tool_calls"][0]["function"]
    assert (called["name"], called["arguments"]) == ("read", model_proxy.written[0])


async def test_a_turn_and_a_tool_loop_with_claude_are_paid_for(
    openclaw: OpenClaw, claude_gateway: GatewayProcess, claude: FakeAnthropic
) -> None:
    claude.script(
        Reply(text="Four."),
        Reply(text="I will look.", tools=(("read", {"path": "AGENTS.md"}),)),
        Reply(text="The code word is plum."),
    )
    first = await openclaw.turn("What is two plus two?", model="llmgw/gateway-premium")
    second = await openclaw.turn("Read AGENTS.md and tell me the code word.", model="llmgw/gateway-premium")
    assert (first.text, second.text.endswith("The code word is plum.")) == ("Four.", True)
    assert claude.rejected == []
    assert claude.calls == 3

    rows = await claude_gateway.requests()
    assert shared(rows, "client", "session", "status", "tier") == ("openclaw", first.session, "ok", "premium")
    assert shared(rows, "model") == (claude.requests[0]["model"],)
    assert [row["finish_reason"] for row in reversed(rows)] == ["stop", "tool_calls", "stop"]
    assert sum(row["input_tokens"] for row in rows) == claude.input_tokens
    assert sum(row["output_tokens"] for row in rows) == claude.output_tokens
    costs = [row["cost_microusd"] / 1e6 for row in reversed(rows)]
    assert all(cost > 0 for cost in costs)
    assert first.cost_usd == pytest.approx(costs[0], abs=2e-6)
    assert second.cost_usd == pytest.approx(costs[1] + costs[2], abs=2e-6)
    assert (await claude_gateway.get("/api/budget"))["spent_usd"] == pytest.approx(sum(costs))
