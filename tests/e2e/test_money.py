"""What must hold of money, against a real gateway process and an upstream that counts.

Many requests at the limit, and a kill at every step, are in ``tests/faults``.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from gateway_core.model import Usage
from gateway_core.providers.pricing import Pricing
from tests.e2e.harness import GatewayProcess, anthropic_env, gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Failure, Reply

MODEL = "claude-sonnet-5-5"


def charged_microusd(fake: FakeAnthropic) -> int:
    """What the upstream would charge, rounded up once a call as the gateway does at most."""
    usage = Usage(input_tokens=fake.input_tokens, output_tokens=fake.output_tokens)
    return Pricing().cost_microusd("anthropic", MODEL, usage)


async def test_money_and_the_operators_word_survive_a_kill_9(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake:
        first = GatewayProcess(tmp_path, anthropic_env(fake))
        await first.start()
        await first.chat("What is cheaper?", max_tokens=50)
        spent = (await first.get("/api/budget"))["spent_usd"]
        assert spent > 0
        await first.command("force_tier", tier="premium")
        await first.command("set_budget", soft=1, medium=2, hard=3)
        await first.command("kill")
        assert await first.end(signal.SIGKILL) == -signal.SIGKILL

        async with gateway(tmp_path, **anthropic_env(fake)) as second:
            state = await second.get("/api/snapshot")
            refused = await second.chat("And now?")

    assert state["budget"]["spent_microusd"] == round(spent * 1e6)
    assert state["budget"]["hard_microusd"] == 3_000_000
    assert state["forced_tier"] == "premium"
    assert state["kill"]["on"] and state["state"] == "killed"
    assert [row["preview"] for row in state["requests"]] == ["What is cheaper?"]
    assert (refused.status, refused.code) == (503, "kill_switch")


async def test_a_call_cut_off_by_a_kill_9_stays_charged_at_its_reservation(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(before_s=30)) as fake:
        first = GatewayProcess(tmp_path, anthropic_env(fake))
        await first.start()
        pending = asyncio.create_task(first.chat("A question that never ends?", max_tokens=50))
        await fake.wait_for_requests(1)
        reserved = (await first.get("/api/budget"))["reserved_usd"]
        assert reserved > 0
        await first.end(signal.SIGKILL)
        await asyncio.gather(pending, return_exceptions=True)

        async with gateway(tmp_path, **anthropic_env(fake)) as second:
            budget = await second.get("/api/budget")
            rows = (await second.get("/api/requests"))["requests"]

    assert budget["spent_usd"] == reserved
    assert budget["reserved_usd"] == 0
    assert rows[0]["status"] == "failed"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("messages", {"messages": [{"role": "user", "content": "Count."}], "max_tokens": 200}),
        ("responses", {"input": "Count.", "max_output_tokens": 200}),
    ],
)
async def test_a_stream_in_any_protocol_is_charged_once_however_the_gateway_ends(
    tmp_path: Path, path: str, more: dict[str, Any], how: signal.Signals
) -> None:
    async with FakeAnthropic(default=Reply(text="one two three four five six", stall_after=5)) as fake:
        first = GatewayProcess(tmp_path, {"DAILY_BUDGET_HARD": "0.02", **anthropic_env(fake)})
        await first.start()
        asked = {"model": "gateway-premium", "stream": True, **more}
        async with first.http.post(f"/v1/{path}", json=asked) as answer:
            await answer.content.readuntil(b"one")
            reserved = (await first.get("/api/budget"))["reserved_usd"]
            await first.end(how)

        async with gateway(tmp_path, DAILY_BUDGET_HARD="0.02", **anthropic_env(fake)) as second:
            budget = await second.get("/api/budget")
            (row,) = (await second.get("/api/requests"))["requests"]

    assert 0 < reserved <= 0.02 and budget["reserved_usd"] == 0
    assert charged_microusd(fake) > 0 and budget["spent_usd"] <= reserved
    assert budget["spent_usd"] == reserved if how is signal.SIGKILL else budget["spent_usd"] > 0
    assert row["status"] in ("failed", "cancelled")
    if how is signal.SIGTERM:
        assert row["cost_microusd"] == round(budget["spent_usd"] * 1e6)


async def test_an_upstream_that_refuses_costs_nothing_and_is_not_the_callers_fault(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        fake.script(Failure(401, type="authentication_error"))
        answer = await llmgw.chat("Who are you?")
        budget = await llmgw.get("/api/budget")

    assert (answer.status, answer.code) == (502, "upstream_error")
    assert "anthropic" in answer.body["error"]["message"].lower()
    assert budget["spent_usd"] == budget["reserved_usd"] == 0


async def test_an_overloaded_upstream_is_tried_again_before_the_first_token(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        fake.script(Failure(529, type="overloaded_error"), Reply(text="At last."))
        answer = await llmgw.chat("Are you there?")

    assert (answer.status, answer.text) == (200, "At last.")
    assert len(fake.requests) == 2


async def test_a_stream_that_breaks_off_is_charged_and_told(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        fake.script(Reply(text="one two three four five six", drop_after=5))
        body = {
            "model": "gateway-premium",
            "stream": True,
            "messages": [{"role": "user", "content": "Count to six."}],
        }
        async with llmgw.http.post("/v1/chat/completions", json=body) as answer:
            said = await answer.text()
        budget = await llmgw.get("/api/budget")
        rows = (await llmgw.get("/api/requests"))["requests"]

    assert '"error"' in said and "[DONE]" not in said
    assert budget["spent_usd"] > 0 and budget["reserved_usd"] == 0
    assert (rows[0]["status"], rows[0]["error_code"]) == ("failed", "upstream_error")


async def test_the_backgrounds_limit_and_what_it_has_spent_survive_a_kill_9(tmp_path: Path) -> None:
    """A call that is cut off stays charged to its lane, and the operator's limit stays in force."""
    behind = {"x-llmgw-lane": "background"}
    async with FakeAnthropic() as fake:
        first = GatewayProcess(tmp_path, {"BACKGROUND_BUDGET_DAILY": "0.3", **anthropic_env(fake)})
        await first.start()
        await first.chat("A recap, please.", behind, max_tokens=50)
        spent = (await first.get("/api/budget"))["background"]["spent_usd"]
        await first.command("set_budget", background=0.02)
        fake.script(Reply(before_s=30))
        pending = asyncio.create_task(first.chat("A recap that never ends.", behind, max_tokens=50))
        await fake.wait_for_requests(2)
        reserved = (await first.get("/api/budget"))["background"]["reserved_usd"]
        assert await first.end(signal.SIGKILL) == -signal.SIGKILL
        await asyncio.gather(pending, return_exceptions=True)

        async with gateway(tmp_path, BACKGROUND_BUDGET_DAILY="0.3", **anthropic_env(fake)) as second:
            own = (await second.get("/api/budget"))["background"]
            await second.command("set_budget", background=own["spent_usd"])
            refused = await second.chat("Another recap.", behind, max_tokens=50)
            person = await second.chat("And I?", max_tokens=50)
            calls = fake.calls

    assert spent > 0 and reserved > 0
    assert own["spent_usd"] == pytest.approx(spent + reserved) and own["reserved_usd"] == 0
    assert own["limit_usd"] == 0.02, "the operator's word"
    assert (refused.status, refused.code, person.status) == (429, "budget_exceeded", 200)
    assert calls == 3
