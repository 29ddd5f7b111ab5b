"""Ten turns of the real OpenClaw over each protocol, tool loops included, are read from Claude's prompt cache."""

from __future__ import annotations

import pytest

from gateway_core.clients.openclaw_block import OpenClawApi
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.test_prompt_cache import share_read
from tests.real.gateway_process import KEY, GatewayProcess
from tests.real.openclaw import OpenClaw

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(1800)]

LOOK = Reply(text="I will look.", tools=(("read", {"path": "AGENTS.md"}),))


@pytest.mark.parametrize("api", [OpenClawApi.COMPLETIONS, OpenClawApi.RESPONSES, OpenClawApi.MESSAGES])
async def test_ten_turns_read_nine_tenths_of_their_prompts_from_the_cache(
    api: OpenClawApi, openclaw: OpenClaw, claude_gateway: GatewayProcess, claude: FakeAnthropic
) -> None:
    openclaw.connect(f"{claude_gateway.base_url}/v1", KEY, api=api)
    for turn in range(1, 11):
        loop = [LOOK, Reply(text="", tools=(("exec", {"command": "ls"}),))] if turn % 3 == 0 else []
        claude.script(*loop, Reply(text=f"Answer {turn}."))
        answer = await openclaw.turn(
            f"Question {turn}: which code word do my notes hold?", model="llmgw/gateway-premium"
        )
        assert answer.text.endswith(f"Answer {turn}.")
    assert claude.rejected == []
    assert claude.calls == 16
    share = share_read(claude.usages[1:])
    print(f"{api}: {share:.1%} of the input tokens from turn 2 on were read from the prompt cache")
    assert share >= 0.9
    for row in await claude_gateway.requests():
        remarks = (await claude_gateway.get(f"/api/requests/{row['id']}"))["remarks"]
        breaks = [remark["text"] for remark in remarks if remark["step"] == "cache break"]
        # Over Responses OpenClaw takes its context away from the front of a tool loop that is over.
        assert all("Changed by the client" in text for text in breaks) if api is OpenClawApi.RESPONSES else not breaks
