"""The real Claude Code through the gateway: a tool loop and a second turn, and nothing that Anthropic would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.test_prompt_cache import share_read
from tests.real.claude_code import ClaudeCode, install_claude_code
from tests.real.gateway_process import KEY, gateway
from tests.real.openclaw import cache_folder

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

QUESTION = "Which code word do my notes hold?"


async def test_a_tool_loop_and_a_second_turn(tmp_path: Path) -> None:
    code = ClaudeCode(await install_claude_code(cache_folder()), tmp_path / "claude-code")
    notes = str(code.workspace / "AGENTS.md")
    async with FakeAnthropic() as claude:
        settings = {"ANTHROPIC_BASE_URL": claude.base_url, "ANTHROPIC_API_KEY": claude.key}
        async with gateway(tmp_path / "gateway", LOCAL_LLM_ENABLED="false", **settings) as running:
            code.connect(running.base_url, KEY)
            claude.script(
                Reply(text="I will look.", reasoning="The notes.", tools=(("Read", {"file_path": notes}),)),
                Reply(text="The code word is plum."),
                Reply(text="It was plum."),
            )
            first = await code.turn(QUESTION)
            second = await code.turn("And again?", "--continue")
            rows = (await running.requests())[::-1]
            spent = (await running.get("/api/budget"))["spent_usd"]
    assert claude.rejected == []
    assert (first["result"], second["result"]) == ("The code word is plum.", "It was plum.")
    assert "code word is plum" in str(claude.requests[1]["messages"][-1])
    for later in claude.requests[1:]:
        thought = {"type": "thinking", "thinking": "The notes.", "signature": "sig1"}
        assert thought in next(turn["content"] for turn in later["messages"] if turn["role"] == "assistant")

    seen = {(row["client"], row["session"], row["status"], row["tier"], row["model"]) for row in rows}
    assert seen == {("claude-code", first["session_id"], "ok", "premium", claude.requests[0]["model"])}
    assert [row["preview"] for row in rows] == [QUESTION, QUESTION, "And again?"]
    assert sum(row["input_tokens"] for row in rows) == claude.input_tokens
    assert sum(row["output_tokens"] for row in rows) == claude.output_tokens
    assert spent == pytest.approx(sum(row["cost_microusd"] for row in rows) / 1e6, abs=1e-9)
    assert second["total_cost_usd"] == pytest.approx(spent, abs=1e-5), "Claude Code reckons what the gateway does"
    assert share_read(claude.usages[1:]) > 0.9
