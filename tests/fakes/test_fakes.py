"""The fakes themselves: they refuse what the real APIs refuse, and run as processes."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import pytest

from tests.fakes import anthropic_rules
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply

USER = {"role": "user", "content": "hi"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
GOOD: dict[str, Any] = {"model": "claude-sonnet-5-5", "max_tokens": 10, "messages": [USER], "tools": [TOOL]}


def use(*ids: str) -> dict[str, Any]:
    blocks = [{"type": "tool_use", "id": one, "name": "f", "input": {}} for one in ids]
    return {"role": "assistant", "content": blocks}


def results(*ids: str, text: str = "") -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [{"type": "tool_result", "tool_use_id": one} for one in ids]
    return {"role": "user", "content": [*([{"type": "text", "text": text}] if text else []), *blocks]}


def marked(*lives: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": life}} for life in lives]


@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 0.5},
        {"top_p": 1},
        {"anything": 1},
        {"max_tokens": 0},
        {"max_tokens": None},
        {"messages": []},
        {"messages": [{"role": "assistant", "content": "hi"}, USER]},
        {"messages": [USER, {"role": "assistant", "content": "go on"}]},
        {"messages": [{"role": "system", "content": "x"}, USER]},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "user", "content": " \n"}]},
        {"messages": [{"role": "user", "content": "x", "name": "me"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {"messages": [USER, use("a")]},
        {"messages": [USER, use("a"), USER]},
        {"messages": [USER, use("a"), results("b")]},
        {"messages": [USER, use("a"), results("a", text="first")]},
        {"messages": [USER, use("a:1"), results("a:1")]},
        {"messages": [USER, use("a"), results("a"), use("a"), results("a")]},
        {"messages": [results("a")]},
        {"messages": [USER, use("a"), results("a")], "tools": []},
        {"system": [{"type": "text", "text": ""}]},
        {"tools": [{"name": "f", "input_schema": {}}]},
        {"tools": [TOOL, TOOL]},
        {"tools": [{"name": "a.b", "input_schema": {"type": "object"}}]},
        {"tool_choice": {"type": "any"}},
        {"tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
        {"stop_sequences": [" "]},
        {"metadata": {"user_id": "a@b.org"}},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000},
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        {"system": marked(*["5m"] * 5)},
        {"system": marked(*["5m"] * 4), "cache_control": {"type": "ephemeral"}},
        {"system": marked("5m", "1h")},
        {"system": marked("1h"), "tools": [{**TOOL, "cache_control": {"type": "ephemeral"}}]},
        {"system": marked("2h")},
        {"tools": [{**TOOL, "defer_loading": True, "cache_control": {"type": "ephemeral"}}]},
    ],
)
def test_what_anthropic_refuses_is_refused(more: dict[str, Any]) -> None:
    anthropic_rules.check(GOOD)
    with pytest.raises(anthropic_rules.Broken):
        anthropic_rules.check({**GOOD, **more})


@pytest.mark.parametrize(
    ("beta", "more"),
    [
        ("context-management-2025-06-27", {"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}}),
        (
            "per-turn-control-2026-07-01",
            {"messages": [USER, {"role": "system", "content": "Now.", "output_config": {"effort": "low"}}, USER]},
        ),
    ],
)
def test_what_a_beta_allows_is_refused_without_it(beta: str, more: dict[str, Any]) -> None:
    body = {**GOOD, "model": "claude-opus-5-5", **more}
    anthropic_rules.check(body, ("other", beta))
    with pytest.raises(anthropic_rules.Broken):
        anthropic_rules.check(body, ("other",))


async def test_a_broken_rule_is_a_400_and_is_noted() -> None:
    async with FakeAnthropic() as fake, aiohttp.ClientSession() as session:
        headers = {"x-api-key": fake.key, "anthropic-version": "2026-10-21"}
        body = {**GOOD, "temperature": 1}
        async with session.post(f"{fake.base_url}/v1/messages", json=body, headers=headers) as response:
            error = (await response.json())["error"]
        assert (response.status, error["type"]) == (400, "invalid_request_error")
        assert fake.rejected == ["temperature: Extra inputs are not permitted"]
        assert fake.calls == 0


async def test_a_fake_runs_as_a_process_with_a_remote_control() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fakes.openai", "--port", "0", "--text", "Hi.", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        root = url.removesuffix("/v1")
        async with aiohttp.ClientSession() as session:
            await session.post(f"{root}/fake/script", json={"text": "Scripted.", "tools": [["f", {"a": 1}]]})
            said = []
            for _ in range(2):
                async with session.post(
                    f"{url}/chat/completions", json={"model": "fake-model", "messages": [USER]}
                ) as one:
                    said.append((await one.json())["choices"][0]["message"]["content"])
            assert said == ["Scripted.", Reply(text="Hi.").text]
            async with session.get(f"{root}/fake/stats") as stats:
                assert (await stats.json())["calls"] == 2
    finally:
        process.terminate()
        await process.wait()
