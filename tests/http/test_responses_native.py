"""Responses at OpenAI itself: the caller's own body goes out, OpenAI's own events come back, and the money is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Raw, Reply
from tests.http.events import WEATHER, kinds, respond, said, stream
from tests.http.inside import client, with_claude

MODEL = "openai/some-model"


def fake_openai(**more: Any) -> FakeOpenAI:
    return FakeOpenAI(kind="openai", key="sk-1", models=("some-model",), **more)


def with_openai(fake: FakeOpenAI) -> dict[str, Any]:
    assert fake.key
    return {"openai_api_key": SecretStr(fake.key), "openai_base_url": fake.base_url}


async def test_the_callers_own_body_goes_out(tmp_path: Path) -> None:
    patch = {"type": "custom", "name": "apply_patch", "format": {"type": "text"}}
    reply = Reply(text="", reasoning="Hm.", tools=(("apply_patch", {"input": "*** Begin"}),))
    async with fake_openai(default=reply) as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        _, headers, body = await respond(
            llmgw,
            [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
            model=MODEL,
            tools=[patch],
            reasoning={"effort": "low", "summary": "auto"},
            include=["reasoning.encrypted_content"],
            text={"verbosity": "low"},
            service_tier="priority",
            store=False,
            context="chat",
        )
        row = (await llmgw.get("/api/requests"))["requests"][0]

    sent = fake.requests[0]
    assert fake.rejected == []
    assert sent["model"] == "some-model"
    assert sent["tools"] == [patch]
    assert (sent["reasoning"], sent["text"]) == ({"effort": "low", "summary": "auto"}, {"verbosity": "low"})
    assert (sent["store"], sent["max_output_tokens"]) == (False, 8192)
    assert not {"context", "service_tier", "messages"} & set(sent)
    assert [item["type"] for item in body["output"]] == ["reasoning", "custom_tool_call"]
    assert body["output"][0]["encrypted_content"].startswith("gAAAA")
    assert body["usage"]["cost"] == float(headers["x-llmgw-cost-usd"]) > 0
    assert row["output_tokens"] == body["usage"]["output_tokens"]


async def test_openais_own_events_come_back(tmp_path: Path) -> None:
    reply = Reply(text="one two", reasoning="Hm.", tools=(("weather", {"city": "Rome"}),))
    async with fake_openai(default=reply) as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        events = await stream(llmgw, model=MODEL, tools=[WEATHER])
        row = (await llmgw.get("/api/requests"))["requests"][0]

    response = events[-1]["response"]
    assert response["id"] == "resp_1"
    assert [item["id"] for item in response["output"]] == ["rs_1", "msg_1", "fc_1_0"]
    assert any("obfuscation" in event for event in events), "nothing of theirs is left out"
    assert response["usage"]["cost"] == row["cost_microusd"] / 1e6 > 0
    assert (row["finish_reason"], row["provider"]) == ("tool_calls", "openai")
    assert row["input_tokens"] == response["usage"]["input_tokens"]


async def test_the_same_answer_comes_from_the_cache_the_second_time(tmp_path: Path) -> None:
    reply = Reply(text="Goethe.", reasoning="Hm.")
    async with fake_openai(default=reply) as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        first = await stream(llmgw, "Who wrote Faust?", model=MODEL)
        _, headers, second = await respond(llmgw, "Who wrote Faust?", model=MODEL)

    assert (fake.calls, headers["x-llmgw-cache"]) == (1, "exact")
    before, after = first[-1]["response"]["output"], second["output"]
    assert after[0]["encrypted_content"] == before[0]["encrypted_content"], "OpenAI's reasoning survives the cache"
    assert after[0]["summary"] == before[0]["summary"]
    assert said(second) == "Goethe."


async def test_openai_follows_its_own_responses_itself(tmp_path: Path) -> None:
    async with fake_openai() as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        _, _, first = await respond(llmgw, "First?", model=MODEL)
        _, _, second = await respond(llmgw, "Second?", model=MODEL, previous_response_id=first["id"])
    assert fake.rejected == []
    assert (fake.requests[1]["input"], fake.requests[1]["previous_response_id"]) == ("Second?", first["id"])
    assert second["previous_response_id"] == first["id"]


async def test_a_conversation_may_change_between_claude_and_openai(tmp_path: Path) -> None:
    """What Claude thought means nothing to OpenAI, and comes back to Claude as it was."""
    async with (
        fake_openai(default=Reply(text="from openai", reasoning="Theirs.")) as own,
        FakeAnthropic(default=Reply(text="from claude", reasoning="Mine.")) as claude,
        client(tmp_path, **with_openai(own), **with_claude(claude)) as llmgw,
    ):
        _, _, first = await respond(llmgw, "First?")
        _, _, second = await respond(llmgw, "Second?", model=MODEL, previous_response_id=first["id"])
        events = await stream(llmgw, "Third?", previous_response_id=second["id"])

    assert own.rejected == claude.rejected == []
    assert "previous_response_id" not in own.requests[0]
    assert [item.get("type") for item in own.requests[0]["input"]] == ["message", "message", None]
    assert second["previous_response_id"] == first["id"]
    assert len(claude.requests[1]["messages"]) == 5
    assert said(events[-1]["response"]) == "from claude"


async def test_the_output_limit_is_the_smaller_one(tmp_path: Path) -> None:
    async with fake_openai() as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        await respond(llmgw, "a", model=MODEL, max_output_tokens=100)
        status, _, body = await respond(llmgw, "b", model=MODEL, max_output_tokens=5)
    assert fake.requests[0]["max_output_tokens"] == 100
    assert (status, body["error"]["code"]) == (400, "invalid_request")
    assert "max_output_tokens" in body["error"]["message"]


async def test_stop_sequences_go_as_a_chat_completion(tmp_path: Path) -> None:
    """OpenAI's Responses has none, its chat completions have."""
    async with fake_openai() as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        _, _, body = await respond(llmgw, "a", model=MODEL, stop=["x"])
    assert fake.requests[0]["stop"] == ["x"] and "messages" in fake.requests[0]
    assert said(body) == "Hello from the fake."


@pytest.mark.parametrize(("stop", "kind"), [("max_output_tokens", "max_output_tokens"), ("content_filter",) * 2])
async def test_an_incomplete_response_is_one(tmp_path: Path, stop: str, kind: str) -> None:
    async with fake_openai(default=Reply(stop=stop)) as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        events = await stream(llmgw, model=MODEL)
        await respond(llmgw, model=MODEL)
        rows = (await llmgw.get("/api/requests"))["requests"]
    assert events[-1]["response"]["incomplete_details"] == {"reason": kind}
    finish = {"max_output_tokens": "length", "content_filter": "content_filter"}[kind]
    assert [row["finish_reason"] for row in rows] == [finish, finish]
    assert fake.calls == 2, "what is cut off is not cached"


@pytest.mark.parametrize("fault", [{"drop_after": 6}, {"error_after": 6}, {"end_after": 6}, {"end_after": 10}])
async def test_a_failure_in_the_middle_goes_on_in_the_same_stream(tmp_path: Path, fault: Any) -> None:
    reply = Reply(text="one two three", **fault)
    async with fake_openai(default=reply) as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        events = await stream(llmgw, model=MODEL)
        row = (await llmgw.get("/api/requests"))["requests"][0]
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["id"] == "resp_1"
    assert "openai" in events[-1]["response"]["error"]["message"]
    assert row["status"] == "failed" and row["cost_microusd"] > 0


@pytest.mark.parametrize("fault", [{"drop_after": 3}, {"error_after": 3}, {"end_after": 2}])
async def test_a_failure_before_the_first_word_is_tried_again_unseen(tmp_path: Path, fault: Any) -> None:
    async with fake_openai() as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        fake.script(Reply(**fault), Reply(text="second try"))
        events = await stream(llmgw, model=MODEL)
    assert fake.calls == 2
    assert kinds(events).count("created") == 1
    assert said(events[-1]["response"]) == "second try"


async def test_a_wait_that_was_bridged_goes_on_as_a_stream_of_our_own(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("gateway_core.delivery.relay.KEEP_ALIVE_S", 0.02)
    reply = Reply(text="at last", reasoning="Hm.", before_s=0.15)
    async with fake_openai(default=reply) as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        events = await stream(llmgw, model=MODEL)
    response = events[-1]["response"]
    assert response["id"] != "resp_1"
    assert response["output"][0]["encrypted_content"].startswith("gAAAA")
    assert said(response) == "at last"


@pytest.mark.parametrize(
    ("step", "status", "code"),
    [
        (Failure(401), 502, "upstream_error"),
        (Failure(400, "too many tokens", code="context_length_exceeded"), 400, "context_length_exceeded"),
        (Raw(b"<html>", content_type="text/html"), 502, "upstream_error"),
        (Raw(b'{"object":"response","output":[],"status":"in_progress"}', content_type="application/json"), 502, ""),
        (Raw(b'{"error":{"code":"server_error","message":"x"}}', content_type="application/json"), 502, ""),
    ],
)
async def test_what_is_no_answer_is_an_error(tmp_path: Path, step: Any, status: int, code: str) -> None:
    async with fake_openai() as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        fake.script(step, step, step)
        got, _, body = await respond(llmgw, model=MODEL)
    assert (got, body["error"]["code"]) == (status, code or "upstream_error")


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": None, "output_tokens": None, "total_tokens": None},
        {"input_tokens": -5, "output_tokens": "7"},
        {"input_tokens": 1e300},
    ],
)
async def test_a_usage_that_cannot_be_is_charged_at_what_it_can_have_been(tmp_path: Path, usage: Any) -> None:
    reply = Reply(text="one two", usage=usage)
    async with fake_openai(default=reply) as fake, client(tmp_path, **with_openai(fake)) as llmgw:
        _, _, body = await respond(llmgw, model=MODEL)
        row = (await llmgw.get("/api/requests"))["requests"][0]
    assert row["cost_microusd"] > 0
    assert body["usage"]["cost"] == row["cost_microusd"] / 1e6
