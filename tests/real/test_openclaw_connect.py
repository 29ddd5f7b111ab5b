"""The real OpenClaw takes our configuration, and the gateway understands what it then sends."""

from __future__ import annotations

import json

import pytest

from gateway_core.clients import read_client
from gateway_core.model import Lane
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.real.openclaw import OpenClaw

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]


async def test_it_finds_and_accepts_the_configuration(openclaw: OpenClaw) -> None:
    before = json.loads(openclaw.config.read_text("utf-8"))
    result = openclaw.connect("http://127.0.0.1:1/v1", "key")
    assert result.changed and result.backup
    assert not openclaw.connect("http://127.0.0.1:1/v1", "key").changed
    code, output, errors = await openclaw.run("config", "validate")
    assert code == 0 and "Config valid" in output, output + errors
    _, output, _ = await openclaw.run("models", "status", "--json")
    status = json.loads(output)
    assert (status["defaultModel"], status["fallbacks"]) == ("llmgw/gateway-auto", ["llmgw/gateway-local"])
    after = json.loads(openclaw.config.read_text("utf-8"))
    assert after["skills"] == before["skills"]


async def test_its_turns_and_tool_loops_are_understood(openclaw: OpenClaw) -> None:
    async with FakeOpenAI(models=("gateway-auto",), default=Reply(text="Done.")) as upstream:
        openclaw.connect(upstream.base_url, "key")
        first = await openclaw.turn("What is two plus two?")
        upstream.script(Reply(text="", tools=(("read", {"path": "AGENTS.md"}),)), Reply(text="It is plum."))
        second = await openclaw.turn("Which code word do my notes hold?")
        views = [read_client(body, headers) for body, headers in zip(upstream.requests, upstream.headers, strict=True)]
    assert (first.text, second.text) == ("Done.", "It is plum.")
    assert [view.user_text for view in views] == ["What is two plus two?", *["Which code word do my notes hold?"] * 2]
    assert [view.in_tool_loop for view in views] == [False, False, True]
    assert {(view.client, view.lane, view.purpose) for view in views} == {("openclaw", Lane.INTERACTIVE, "chat")}
    assert {view.session for view in views} == {first.session} == {second.session}
    for earlier, later in zip(views, views[1:], strict=False):
        assert later.messages[: len(earlier.messages)] == earlier.messages
