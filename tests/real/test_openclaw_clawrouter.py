"""The real OpenClaw's bundled clawrouter plugin: models from the catalog, a turn through it, and what it cost."""

from __future__ import annotations

import json
import re

import pytest

from gateway_core.clients.openclaw_block import OpenClawApi
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.real.gateway_process import KEY, GatewayProcess
from tests.real.openclaw import OpenClaw

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(1200)]


async def test_the_plugin_lists_the_models_runs_a_turn_and_prints_the_usage(
    openclaw: OpenClaw, claude_gateway: GatewayProcess, claude: FakeAnthropic
) -> None:
    openclaw.connect(f"{claude_gateway.base_url}/v1", KEY, api=OpenClawApi.CLAWROUTER)
    code, output, errors = await openclaw.run(
        "models", "list", "--all", "--provider", "clawrouter", "--refresh", "--json"
    )
    assert code == 0, output + errors
    listed = {model["key"]: model for model in json.loads(output)["models"]}
    assert listed.keys() >= {"clawrouter/gateway-auto", "clawrouter/gateway-premium"}
    assert any(key.startswith("clawrouter/anthropic/claude-") for key in listed)

    claude.script(Reply(text="Four."))
    turn = await openclaw.turn("What is two plus two?", model="clawrouter/gateway-premium")
    assert (turn.text, turn.model) == ("Four.", "clawrouter/gateway-premium")
    assert claude.rejected == []
    (row,) = await claude_gateway.requests()
    assert (row["client"], row["session"], row["status"]) == ("openclaw", turn.session, "ok")
    assert turn.cost_usd == pytest.approx(row["cost_microusd"] / 1e6, abs=2e-6)

    code, output, errors = await openclaw.run("status", "--usage")
    assert code == 0, output + errors
    spent = row["cost_microusd"] / 1e6
    assert re.search(rf"1 requests · [\d,]+ tokens · \${spent:.2f} used", output), output
    assert f"Budget: ${spent:.2f} / $50.00" in output
