"""OpenAI's Responses through the whole gateway: every provider, streamed and not."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any, cast

import openai
import pytest
from pydantic import BaseModel, SecretStr

from gateway_core.gateway import Gateway
from gateway_core.http.responses_turns import Turn
from gateway_core.model import Tier
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply
from tests.http.events import WEATHER, kinds, respond, said, stream
from tests.http.inside import KEY, Client, client, with_claude, with_groq


def sdk_for(llmgw: Client) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{llmgw.gateway.address}/v1", api_key=KEY, max_retries=0)


def with_local(fake: FakeOpenAI) -> dict[str, Any]:
    return {"local_llm_enabled": True, "local_llm_url": fake.base_url, "builtin_model": "off"}


async def test_claude_answers_whole_with_headers_and_cost(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(text="Hello.")) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        status, headers, body = await respond(llmgw, "Hello?", instructions="Be brief.", metadata={"a": "b"})

    assert status == 200
    assert headers["x-llmgw-tier"] == "premium"
    assert said(body) == "Hello."
    assert (body["status"], body["model"], body["metadata"]) == ("completed", "claude-sonnet-5-5", {"a": "b"})
    assert body["instructions"] == "Be brief."
    assert body["usage"]["cost"] == float(headers["x-llmgw-cost-usd"]) > 0
    assert body["usage"]["total_tokens"] == body["usage"]["input_tokens"] + body["usage"]["output_tokens"]
    assert fake.requests[0]["system"][0]["text"] == "Be brief."


async def test_a_stream_is_legal_from_created_to_completed(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(text="one two")) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        events = await stream(llmgw, "Count.")

    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert said(events[-1]["response"]) == "one two"
    assert events[-1]["response"]["usage"]["cost"] > 0


@pytest.mark.parametrize("provider", ["anthropic", "groq", "local", "openai"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_reasoning_text_and_parallel_calls_come_from_every_provider(
    tmp_path: Path, provider: str, streamed: bool
) -> None:
    reply = Reply(text="I look.", reasoning="Two cities.", tools=(("weather", {"city": "Rome"}), ("weather", {"n": 1})))
    models = ("some-model",)
    async with (
        FakeAnthropic(default=reply) as claude,
        FakeOpenAI(default=reply, kind="groq", key="gsk-1", models=models) as groq,
        FakeOpenAI(default=reply, kind="openai", key="sk-1", models=models) as own,
        FakeOpenAI(default=reply, kind="llamacpp", models=models) as local,
        client(
            tmp_path,
            **with_claude(claude),
            **with_groq(groq),
            **with_local(local),
            openai_api_key=SecretStr("sk-1"),
            openai_base_url=own.base_url,
        ) as llmgw,
    ):
        model = {"anthropic": "gateway-premium", "local": "gateway-local"}.get(provider, f"{provider}/some-model")
        if streamed:
            response = (await stream(llmgw, model=model, tools=[WEATHER]))[-1]["response"]
        else:
            _, _, response = await respond(llmgw, model=model, tools=[WEATHER])
        rejected = claude.rejected + groq.rejected + own.rejected + local.rejected

    assert rejected == []
    reasoning, message, *calls = response["output"]
    assert (reasoning["type"], reasoning["summary"][0]["text"]) == ("reasoning", "Two cities.")
    assert message["content"][0]["text"] == "I look."
    assert [(call["type"], call["name"]) for call in calls] == [("function_call", "weather")] * 2
    assert calls[0]["arguments"].replace(" ", "") == '{"city":"Rome"}'
    assert calls[0]["call_id"] != calls[1]["call_id"]
    assert response["usage"]["cost"] >= 0


async def test_a_tool_loop_goes_there_and_back(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="", tools=(("weather", {"city": "Rome"}),)), Reply(text="Sunny."))
        question = {"role": "user", "content": "How is the weather in Rome?"}
        _, _, first = await respond(llmgw, [question], tools=[WEATHER], store=False)
        image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}
        result = {
            "type": "function_call_output",
            "call_id": first["output"][0]["call_id"],
            "output": [{"type": "input_text", "text": "26 degrees"}, image],
        }
        _, _, second = await respond(llmgw, [question, *first["output"], result], tools=[WEATHER], store=False)

    assert said(second) == "Sunny."
    assert fake.rejected == []
    returned = fake.requests[1]["messages"][-1]["content"][0]
    assert [block["type"] for block in returned["content"]] == ["text", "image"]


# --- the SDK ---------------------------------------------------------------------------------------------------


class Answer(BaseModel):
    word: str


async def test_the_sdk_streams_parses_and_follows_up(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw, sdk_for(llmgw) as sdk:
        fake.script(Reply(text='{"word": "yes"}'), Reply(text="one two three"), Reply(text='{"word": "no"}'))
        parsed = await sdk.responses.parse(model="gateway-premium", input="One word?", text_format=Answer)
        async with sdk.responses.stream(model="gateway-premium", input="Count.") as events:
            seen = [event.type async for event in events]
            counted = await events.get_final_response()
        async with sdk.responses.stream(
            model="gateway-premium", input="Again?", previous_response_id=parsed.id, text_format=Answer
        ) as events:
            again = await events.get_final_response()

    assert parsed.output_parsed == Answer(word="yes")
    assert "response.output_text.delta" in seen
    assert counted.output_text == "one two three"
    assert again.output_parsed == Answer(word="no")
    assert fake.requests[0]["output_config"]["format"]["type"] == "json_schema"
    assert len(fake.requests[2]["messages"]) == 3


async def test_the_sdk_runs_a_tool_of_a_stream(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw, sdk_for(llmgw) as sdk:
        fake.script(Reply(text="", tools=(("weather", {"city": "Rome"}),)))
        tools: Any = [WEATHER]
        async with sdk.responses.stream(model="gateway-premium", input="Rome?", tools=tools) as events:
            final = await events.get_final_response()

    call = final.output[0]
    assert call.type == "function_call"
    assert (call.name, call.arguments.replace(" ", "")) == ("weather", '{"city":"Rome"}')


# --- tools that chat completions do not have --------------------------------------------------------------------


async def test_custom_tools_become_functions_where_there_are_none(tmp_path: Path) -> None:
    """Codex's apply_patch takes free text, which only OpenAI knows."""
    patch = {
        "type": "custom",
        "name": "apply_patch",
        "description": "Edits files.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: begin end"},
    }
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="", tools=(("apply_patch", {"input": '*** "Begin"\n+ä'}),)), Reply(text="Done."))
        events = await stream(llmgw, "Patch it.", tools=[patch], tool_choice={"type": "custom", "name": "apply_patch"})
        call = events[-1]["response"]["output"][0]
        output = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "ok"}
        items = [{"role": "user", "content": "Patch it."}, call, output]
        _, _, second = await respond(llmgw, items, tools=[patch])

    assert (call["type"], call["input"]) == ("custom_tool_call", '*** "Begin"\n+ä')
    assert "custom_tool_call_input.done" in kinds(events)
    assert "lark grammar" in fake.requests[0]["tools"][0]["description"]
    assert fake.requests[1]["messages"][1]["content"][0]["input"] == {"input": '*** "Begin"\n+ä'}
    assert said(second) == "Done."
    assert fake.rejected == []


async def test_a_namespace_of_tools_comes_back_as_it_was(tmp_path: Path) -> None:
    tool = {
        "type": "namespace",
        "name": "mcp__files__",
        "description": "Files.",
        "tools": [{**WEATHER, "name": "read"}],
    }
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="", tools=(("mcp__files__read", {"city": "x"}),)))
        _, _, response = await respond(llmgw, tools=[tool])
        items = [{"role": "user", "content": "?"}, response["output"][0]]
        await respond(llmgw, [*items, {"type": "function_call_output", "call_id": "x", "output": ""}], tools=[tool])

    assert (response["output"][0]["namespace"], response["output"][0]["name"]) == ("mcp__files__", "read")
    assert fake.requests[1]["messages"][1]["content"][0]["name"] == "mcp__files__read"


# --- caches, gates, ends ---------------------------------------------------------------------------------------


async def test_the_exact_cache_answers_responses_streamed_and_not(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(text="Goethe.")) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await respond(llmgw, "Who wrote Faust?")
        _, headers, whole = await respond(llmgw, "Who wrote Faust?")
        events = await stream(llmgw, "Who wrote Faust?")

    assert fake.calls == 1
    assert headers["x-llmgw-cache"] == "exact"
    assert said(whole) == said(events[-1]["response"]) == "Goethe."
    assert whole["usage"]["cost"] == events[-1]["response"]["usage"]["cost"] == 0


async def test_an_answer_cut_off_is_incomplete(tmp_path: Path) -> None:
    async with (
        FakeAnthropic(default=Reply(text="half an", stop="max_tokens")) as fake,
        client(tmp_path, **with_claude(fake)) as llmgw,
    ):
        _, _, whole = await respond(llmgw)
        events = await stream(llmgw, "Again.")

    for response in (whole, events[-1]["response"]):
        assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
        assert response["output"][0]["status"] == "incomplete"
    assert events[-1]["type"] == "response.incomplete"


async def test_openclaw_gets_a_policy_refusal_as_an_incomplete_response(tmp_path: Path) -> None:
    text = "[Mon 2026-11-23 15:38 UTC] Run rm -rf / on this machine now.\n\nRuntime: agent=main | sessionId=0e1f"
    carrier = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nx\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
    items = [
        {"role": role, "content": [{"type": "input_text", "text": words}]}
        for role, words in (("developer", "You run inside OpenClaw."), ("user", text), ("user", carrier))
    ]
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        events = await stream(llmgw, items)
        status, _, refused = await respond(llmgw, "Run rm -rf / on this machine now.")
        rows = (await llmgw.get("/api/requests"))["requests"]

    assert events[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert "policy" in said(events[-1]["response"])
    assert (status, refused["error"]["code"]) == (403, "policy_violation")
    assert {row["client"] for row in rows} >= {"openclaw"}
    assert fake.requests == []


async def test_a_refusal_of_the_models_is_a_refusal_part(tmp_path: Path) -> None:
    async with (
        FakeAnthropic(default=Reply(text="", stop="refusal")) as fake,
        client(tmp_path, **with_claude(fake)) as llmgw,
    ):
        events = await stream(llmgw)
    assert events[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}


@pytest.mark.parametrize("fault", [{"drop_after": 5}, {"error_after": 5}, {"end_after": 5}])
async def test_a_failure_in_the_middle_ends_in_response_failed(tmp_path: Path, fault: Any) -> None:
    async with (
        FakeAnthropic(default=Reply(text="one two three", **fault)) as fake,
        client(tmp_path, **with_claude(fake)) as llmgw,
    ):
        events = await stream(llmgw)
        rows = (await llmgw.get("/api/requests"))["requests"]

    assert events[-1]["type"] == "response.failed"
    error = events[-1]["response"]["error"]
    assert error["code"] == "server_error" and error["message"].startswith("anthropic")
    assert rows[0]["status"] == "failed"
    assert rows[0]["cost_microusd"] > 0


async def test_the_kill_switch_ends_a_stream_in_flight(tmp_path: Path) -> None:
    reply = Reply(text="one two three", stall_after=5)
    async with FakeAnthropic(default=reply) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        body = {"model": "gateway-premium", "input": "Count.", "stream": True}
        async with llmgw.http.post("/v1/responses", json=body) as answer:
            while b"output_text.delta" not in await answer.content.readline():
                pass
            await llmgw.gateway.commands.run("kill", {})
            last = (await answer.text()).strip().splitlines()[-1]

    assert '"type":"response.failed"' in last and "kill switch" in last


async def test_a_slow_model_is_waited_for_with_events_that_count(tmp_path: Path, monkeypatch: Any) -> None:
    """OpenClaw's idle timer is reset by every event, and by nothing that is none."""
    monkeypatch.setattr("gateway_core.delivery.relay.KEEP_ALIVE_S", 0.02)
    async with (
        FakeAnthropic(default=Reply(text="At last.", before_s=0.15)) as fake,
        client(tmp_path, **with_claude(fake)) as llmgw,
    ):
        events = await stream(llmgw)

    assert kinds(events).count("in_progress") >= 3
    assert said(events[-1]["response"]) == "At last."


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (Failure(400, "prompt is too long", type="invalid_request_error"), 400, "context_length_exceeded"),
        (Failure(401), 502, "upstream_error"),
        (Failure(429, headers={"retry-after": "60"}), 429, "rate_limit_exceeded"),
    ],
)
async def test_failures_before_the_stream_keep_their_status(
    tmp_path: Path, failure: Failure, status: int, code: str
) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(failure)
        got, headers, body = await respond(llmgw, stream=True)
    assert (got, body["error"]["code"]) == (status, code)
    assert headers.get("Retry-After") == ("60" if status == 429 else None)


async def test_an_exhausted_budget_says_so_in_the_words_openclaw_shows(tmp_path: Path) -> None:
    async with (
        FakeAnthropic() as fake,
        client(tmp_path, daily_budget_hard=0.000001, **with_claude(fake)) as llmgw,
    ):
        status, _, body = await respond(llmgw, stream=True)
    assert (status, body["error"]["code"]) == (429, "budget_exceeded")
    assert "daily limit reached" in body["error"]["message"]


async def test_a_bad_request_names_its_parameter(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw, sdk_for(llmgw) as sdk:
        tools: Any = [WEATHER, {"type": "web_search"}]
        with pytest.raises(openai.BadRequestError) as failed:
            await sdk.responses.create(model="gateway-premium", input="?", tools=tools)
    assert failed.value.param == "tools[1]"
    assert "web_search" in str(failed.value) and "OpenAI itself" in str(failed.value)
    assert fake.requests == []


async def test_the_operators_tier_and_the_gateways_extras_hold_here_too(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(kind="llamacpp", models=("some-model",)) as local,
        FakeAnthropic() as claude,
        client(tmp_path, **with_local(local), **with_claude(claude)) as llmgw,
    ):
        _, headers, _ = await respond(llmgw, "Hard one.", model="gateway-auto", force_tier=Tier.PREMIUM.value)
        _, again, _ = await respond(llmgw, "Hello!", model="gateway-auto", idempotency_key="k1")
        conflict, _, _ = await respond(llmgw, "Hello?", model="gateway-auto", idempotency_key="k1")
    assert headers["x-llmgw-tier"] == "premium"
    assert again["x-llmgw-tier"] == "local"
    assert conflict == 409


async def test_codex_is_a_client_with_a_name_and_a_session(tmp_path: Path) -> None:
    headers = {"originator": "codex_cli_rs", "User-Agent": "codex_cli_rs/0.162.1 (Linux)", "session_id": "s-1"}
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await stream(llmgw, headers=headers, store=False, include=["reasoning.encrypted_content"])
        row = (await llmgw.get("/api/requests"))["requests"][0]
    assert (row["client"], row["session"]) == ("codex", "s-1")


def test_what_was_asked_and_answered_is_kept_by_nobody() -> None:
    """It is all of a conversation, and would else wait for the garbage to be collected."""
    gc.disable()
    try:
        turn = Turn(cast(Gateway, None))
        kept = weakref.ref(turn)
        del turn
        assert kept() is None
    finally:
        gc.enable()
