"""What a Messages caller gets when something is wrong, slow or special."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest
from pydantic import SecretStr

from gateway_core.settings import PolicyPattern
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Raw, Reply
from tests.http.inside import KEY, Client, client, with_claude, with_groq
from tests.http.test_messages import HELLO, legal, sdk, sdk_of, streamed

CLAUDE = "claude-sonnet-5-5"
ASKED: Any = {"model": CLAUDE, "max_tokens": 50, "messages": HELLO}


@asynccontextmanager
async def by_claude(
    data_dir: Path, default: Reply | None = None, **more: Any
) -> AsyncIterator[tuple[FakeAnthropic, Client]]:
    """A fake Anthropic, and a gateway in front of it."""
    async with FakeAnthropic(default=default) as fake, client(data_dir, **with_claude(fake), **more) as llmgw:
        yield fake, llmgw


@asynccontextmanager
async def by_groq(data_dir: Path) -> AsyncIterator[tuple[FakeOpenAI, Client]]:
    """A fake Groq, and a gateway in front of it that has no other provider."""
    async with (
        FakeOpenAI(key="gsk-fake") as groq,
        client(data_dir, cheap_model="fake-model", **with_groq(groq)) as llmgw,
    ):
        yield groq, llmgw


async def post(llmgw: Client, body: Any = None, path: str = "/v1/messages", **headers: str) -> tuple[int, Any, Any]:
    """Status, headers and JSON of a request as it is sent."""
    async with llmgw.http.post(path, json=body or ASKED, headers=headers) as answer:
        return answer.status, answer.headers.copy(), await answer.json()


async def lines(llmgw: Client, **more: Any) -> list[tuple[str, Any]]:
    """Names and data of the events of a stream, unknown ones too."""
    async with llmgw.http.post("/v1/messages", json={**ASKED, "stream": True, **more}) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["request-id"] == answer.headers["x-llmgw-request-id"]
        frames = [frame.splitlines() for frame in (await answer.text()).split("\n\n") if frame]
    return [(name[7:], json.loads(data[6:])) for name, data in frames]


# --- in Anthropic's own words ----------------------------------------------------------------------------------


async def test_what_nobody_knows_passes_unchanged_and_is_kept_by_no_cache(tmp_path: Path) -> None:
    usage = {"input_tokens": 9, "output_tokens": 1}
    searched = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "new", "x": 1}]}
    sent: list[Any] = [
        {"type": "message_start", "message": {"id": "msg_9", "type": "message", "role": "assistant", "model": CLAUDE,
                                              "content": [], "usage": usage, "new_field": {"a": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": searched},
        {"type": "content_block_stop", "index": 0},
        {"type": "new_event", "index": 3, "deep": [{"b": None}]},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Found."}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {**usage, "new": {"n": 1}}},
        {"type": "message_stop"},
    ]  # fmt: skip
    raw = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in sent).encode()
    step = Raw(raw, content_type="text/event-stream")
    async with by_claude(tmp_path) as (fake, llmgw):
        fake.script(step, step)
        got = await lines(llmgw)
        await lines(llmgw)
    cost = got[-2][1]["usage"].pop("cost")
    assert [event for _, event in got] == sent
    assert [name for name, _ in got] == [event["type"] for event in sent]
    assert cost > 0
    assert fake.calls == 2


async def test_a_pause_after_a_search_is_an_answer_and_is_asked_for_once(tmp_path: Path) -> None:
    """Nothing in it can be said in chat, and it is not empty: asking again would search, and pay, again."""
    usage = {"input_tokens": 9, "output_tokens": 4}
    searched = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    sent: list[Any] = [
        {"type": "message_start", "message": {"id": "msg_9", "type": "message", "role": "assistant", "model": CLAUDE,
                                              "content": [], "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": searched},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "pause_turn"}, "usage": usage},
        {"type": "message_stop"},
    ]  # fmt: skip
    raw = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in sent).encode()
    async with by_claude(tmp_path) as (fake, llmgw):
        fake.script(Raw(raw, content_type="text/event-stream"))
        got = await lines(llmgw)
    del got[-2][1]["usage"]["cost"]
    assert [event for _, event in got] == sent
    assert fake.calls == 1


async def test_the_callers_betas_join_the_one_of_a_setup_token(tmp_path: Path) -> None:
    async with FakeAnthropic(key="sk-ant-oat01-token") as fake:
        token = {"anthropic_setup_token": SecretStr(fake.key), "anthropic_base_url": fake.base_url}
        async with client(tmp_path, **token) as llmgw:
            await post(llmgw, **{"anthropic-beta": "a-1,oauth-2025-04-20", "anthropic-version": "2026-10-21"})
    assert fake.headers[0]["anthropic-beta"] == "claude-code-20250219,oauth-2025-04-20,a-1"
    assert fake.headers[0]["anthropic-version"] == "2026-10-21"


async def test_a_body_goes_as_its_caller_wrote_it(tmp_path: Path) -> None:
    marked = [{"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}]
    body = {**ASKED, "system": marked, "metadata": {"user_id": "user_a_account__session_b"}, "force_tier": "premium"}
    async with by_claude(tmp_path) as (fake, llmgw):
        await post(
            llmgw,
            {**body, "service_tier": "auto", "inference_geo": "us", "speed": "warp"},
            **{"anthropic-beta": "a-1, b-2"},
        )
        row = (await llmgw.get("/api/requests"))["requests"][0]
        detail = await llmgw.get(f"/api/requests/{row['id']}")
    del body["force_tier"]
    assert fake.requests == [{**body, "service_tier": "auto", "inference_geo": "us"}]
    assert fake.headers[0]["anthropic-beta"] == "a-1,b-2"
    assert "not sent: speed, whose price is not reserved" in str(detail["remarks"])


async def test_a_search_tool_without_a_limit_is_sent_with_the_one_that_is_set_aside(tmp_path: Path) -> None:
    search = {"type": "web_search_20260318", "name": "web_search"}
    async with FakeAnthropic() as fake, client(tmp_path, server_tool_uses=3, **with_claude(fake)) as llmgw:
        await post(llmgw, {**ASKED, "tools": [search]})
        row = (await llmgw.get("/api/requests"))["requests"][0]
        detail = await llmgw.get(f"/api/requests/{row['id']}")
    assert fake.requests[0]["tools"] == [{**search, "max_uses": 3}]
    assert "web_search limited to 3 uses" in str(detail["remarks"])


async def test_anthropics_own_words_come_back_for_a_bad_request(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, sdk(tmp_path, **with_claude(fake)) as made:
        with pytest.raises(anthropic.BadRequestError) as failed:
            await made.messages.create(**ASKED, extra_body={"temperature": 0.5})
    assert "temperature: Extra inputs are not permitted" in failed.value.message
    assert fake.requests[0]["temperature"] == 0.5


async def test_thinking_of_another_model_is_not_shown_to_claude(tmp_path: Path) -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "llmgw"}
    said = [thought, {"type": "text", "text": "Yes."}]
    history = [*HELLO, {"role": "assistant", "content": said}, {"role": "user", "content": "Sure?"}]
    async with by_claude(tmp_path) as (fake, llmgw):
        status, _, _ = await post(llmgw, {**ASKED, "messages": history})
    assert (status, fake.rejected) == (200, [])
    assert fake.requests[0]["messages"][1]["content"] == said[1:]


# --- a bad day -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [0, 1, 2, 3])
async def test_a_stream_begins_once_however_often_it_is_tried(tmp_path: Path, begun: int) -> None:
    async with FakeAnthropic(default=Reply("Hallo!")) as fake, sdk(tmp_path, **with_claude(fake)) as made:
        fake.script(Reply("Lost", error_after=begun))
        raw = await made.messages.create(**ASKED, stream=True)
        legal([event async for event in raw])
    assert fake.calls == 2


async def test_another_provider_takes_over_before_the_first_token(tmp_path: Path) -> None:
    groq = FakeOpenAI(key="gsk-fake", default=Reply("From Groq."))
    async with FakeAnthropic(default=Reply("Lost", error_after=2)) as fake, groq:
        settings = with_claude(fake) | with_groq(groq) | {"default_tier": "premium", "cheap_model": "fake-model"}
        async with sdk(tmp_path, **settings) as made:
            text = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."
            events, message = await streamed(made, model="gateway-auto", messages=[{"role": "user", "content": text}])
    assert (message.content[0].text, message.model) == ("From Groq.", "fake-model")  # type: ignore[union-attr]
    assert events[0].message.model == "fake-model"


async def test_a_stream_that_breaks_ends_in_an_error_event(tmp_path: Path) -> None:
    broken = Reply("One two three", error_after=5)
    async with by_claude(tmp_path, broken) as (_, llmgw), sdk_of(llmgw) as made:
        got = await lines(llmgw)
        with pytest.raises(anthropic.APIStatusError) as failed:
            await streamed(made, **ASKED)
    name, error = got[-1]
    assert (name, error["type"], error["error"]["code"]) == ("error", "error", "upstream_error")
    assert "anthropic" in str(failed.value.body)


async def test_a_slow_start_is_kept_alive_with_pings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_core.delivery.relay.KEEP_ALIVE_S", 0.05)
    async with by_claude(tmp_path, Reply("Late.", before_s=0.3)) as (_, llmgw):
        got = await lines(llmgw)
    names = [name for name, _ in got]
    assert names[:3] == ["ping", "ping", "ping"]
    assert names.count("message_start") == 1


@pytest.mark.parametrize(
    ("step", "error", "kind", "code"),
    [
        (Failure(401, "invalid x-api-key"), anthropic.InternalServerError, "api_error", "upstream_error"),
        (Failure(403, "no"), anthropic.InternalServerError, "api_error", "upstream_error"),
        (
            Failure(429, "slow down", headers={"Retry-After": "90"}),
            anthropic.RateLimitError,
            "rate_limit_error",
            "rate_limit_exceeded",
        ),
        (
            Failure(400, "prompt is too long: 210000 tokens > 200000 maximum"),
            anthropic.BadRequestError,
            "invalid_request_error",
            "context_length_exceeded",
        ),
        (Failure(404, "model: x"), anthropic.NotFoundError, "not_found_error", "model_not_found"),
    ],
)
async def test_an_upstreams_failure_is_an_error_the_sdk_knows(
    tmp_path: Path, step: Failure, error: type[anthropic.APIStatusError], kind: str, code: str
) -> None:
    async with FakeAnthropic() as fake, sdk(tmp_path, **with_claude(fake)) as made:
        fake.script(step)
        with pytest.raises(error) as failed:
            await made.messages.create(**ASKED)
    body: Any = failed.value.body
    assert (body["type"], body["error"]["type"], body["error"]["code"]) == ("error", kind, code)
    assert failed.value.request_id == body["request_id"]
    assert failed.value.response.headers.get("retry-after") == step.headers.get("Retry-After")


async def test_the_daily_limit_is_told_once_and_in_the_agreed_words(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, daily_budget_hard=0.000001, **with_claude(fake)) as llmgw:
        status, headers, body = await post(llmgw)
    assert (status, headers["x-should-retry"]) == (429, "false")
    assert body["error"]["message"].startswith("llmgw: daily limit reached")
    assert (body["error"]["type"], body["error"]["code"]) == ("rate_limit_error", "budget_exceeded")
    assert len(json.dumps(body)) < 300


CARRIER = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nnone\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"


async def test_openclaw_is_told_of_a_policy_in_an_answer_that_it_shows(tmp_path: Path) -> None:
    patterns = (PolicyPattern(name="project names", pattern=r"\bbluebird\b"),)
    turn: Any = [{"role": "user", "content": "Tell me about Bluebird."}]
    async with by_claude(tmp_path, policy_patterns=patterns) as (fake, llmgw):
        refused, _, error = await post(llmgw, {**ASKED, "messages": turn})
        counted, _, _ = await post(llmgw, {"model": CLAUDE, "messages": turn}, "/v1/messages/count_tokens")
        shown, _, message = await post(llmgw, {**ASKED, "messages": [*turn, {"role": "user", "content": CARRIER}]})
    assert (refused, error["error"]["type"], counted) == (403, "permission_error", 200)
    assert (shown, message["stop_reason"]) == (200, "end_turn")
    assert "project names" in message["content"][0]["text"]
    assert fake.requests == []


async def test_a_tier_was_named_so_its_models_rules_are_kept_for_the_caller(tmp_path: Path) -> None:
    thinking = {"type": "enabled", "budget_tokens": 7168}
    async with by_claude(tmp_path) as (fake, llmgw):
        tier = {**ASKED, "model": "gateway-premium", "max_tokens": 8000, "thinking": thinking}
        status, _, _ = await post(llmgw, tier)
        row = (await llmgw.get("/api/requests"))["requests"][0]
        detail = await llmgw.get(f"/api/requests/{row['id']}")
        named, _, _ = await post(llmgw, {**tier, "model": CLAUDE})
    assert (status, named) == (200, 400)
    assert fake.requests[0]["thinking"] == {"type": "adaptive"}
    assert f"thinking changed to what {CLAUDE} takes" in str(detail["remarks"])


# --- at the door -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "kind"),
    [
        ("POST", "/v1/messages", {"headers": {"Authorization": "Bearer wrong"}}, 401, "authentication_error"),
        ("POST", "/v1/messages", {"headers": {"Host": "evil.example"}}, 421, "invalid_request_error"),
        ("POST", "/v1/messages", {"headers": {"Origin": "https://evil.example"}}, 403, "permission_error"),
        ("POST", "/v1/messages", {"headers": {"Content-Type": "text/plain"}}, 415, "invalid_request_error"),
        ("POST", "/v1/messages", {"data": b"{"}, 400, "invalid_request_error"),
        ("POST", "/v1/messages", {"data": b"[]"}, 400, "invalid_request_error"),
        ("POST", "/v1/messages", {"data": b"{}"}, 400, "invalid_request_error"),
        ("POST", "/v1/messages/count_tokens", {"data": b"{}"}, 400, "invalid_request_error"),
        ("POST", "/v1/messages", {"data": b"x" * 3000}, 413, "request_too_large"),
        ("GET", "/v1/messages", {}, 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", {}, 404, "not_found_error"),
    ],
)
async def test_every_refusal_is_in_anthropics_envelope(
    tmp_path: Path, method: str, path: str, more: Any, status: int, kind: str
) -> None:
    async with client(tmp_path, max_body_bytes=2000) as llmgw:
        call = {"headers": {"Content-Type": "application/json"}, "data": json.dumps(ASKED), **more}
        if method == "GET":
            call = {}
        async with llmgw.http.request(method, path, **call) as answer:
            body = await answer.json()
            assert (answer.status, body["type"], body["error"]["type"]) == (status, "error", kind)
            assert answer.headers["request-id"] == body["request_id"]


async def test_a_key_in_either_header_opens(tmp_path: Path) -> None:
    async with by_claude(tmp_path) as (fake, llmgw):
        del llmgw.http.headers["Authorization"]
        statuses = [
            (await post(llmgw, **headers))[0]
            for headers in ({"x-api-key": KEY}, {"Authorization": f"Bearer {KEY}"}, {"x-api-key": "wrong"})
        ]
    assert statuses == [200, 200, 401]


# --- counts and models -----------------------------------------------------------------------------------------


async def test_tokens_are_counted_by_anthropic_and_else_estimated(tmp_path: Path) -> None:
    body: Any = {"model": CLAUDE, "messages": HELLO, "system": "Be kind."}
    async with by_claude(tmp_path) as (fake, llmgw), sdk_of(llmgw) as made:
        counted = await made.messages.count_tokens(**body)
        assert fake.requests == [body]
        fake.key = "another"
        estimated = await made.messages.count_tokens(**body)
        await llmgw.post("/admin/kill-switch?action=enable")
        killed = await made.messages.count_tokens(**body)
        rows = (await llmgw.get("/api/requests"))["requests"]
    assert counted.input_tokens == 20
    assert 5 < estimated.input_tokens == killed.input_tokens < 40
    assert (len(fake.requests), rows) == (2, [])


async def test_a_model_that_is_not_anthropics_is_estimated(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, sdk(tmp_path, **with_claude(fake)) as made:
        counted = await made.messages.count_tokens(model="gateway-local", messages=HELLO)
    assert (counted.input_tokens > 5, fake.requests) == (True, [])


async def test_models_are_listed_in_the_callers_protocol(tmp_path: Path) -> None:
    async with by_claude(tmp_path) as (fake, llmgw), sdk_of(llmgw) as made:
        page = await made.models.list()
        one = await made.models.retrieve("gateway-auto")
        with pytest.raises(anthropic.NotFoundError):
            await made.models.retrieve("nobody/nothing")
        plain = await llmgw.get("/v1/models/gateway-auto")
        async with llmgw.http.get("/v1/models/nobody") as missing:
            error = (await missing.json())["error"]
    ids = [model.id for model in page.data]
    assert "gateway-auto" in ids
    assert any(name.startswith("anthropic/claude-") for name in ids)
    assert (one.type, one.created_at.year >= 2020, page.has_more) == ("model", True, False)
    assert (plain["object"], error["code"]) == ("model", "model_not_found")


# --- Claude Code -----------------------------------------------------------------------------------------------

TITLE = "Generate a concise, sentence-case title (3-7 words) that captures the main topic."
SESSION = "123e4567-e89b-12d3-a456-426614174000"


async def ask_as_claude_code(llmgw: Client, body: Any, **headers: str) -> Any:
    """The request log's row of a request as Claude Code sends it."""
    sent = {
        "User-Agent": "claude-cli/2.1.215 (external, cli)",
        "x-app": "cli",
        "anthropic-beta": "claude-code-20250219",
    }
    status, _, answer = await post(llmgw, body, "/v1/messages?beta=true", **{**sent, **headers})
    assert status == 200, answer
    return (await llmgw.get("/api/requests"))["requests"][0]


async def test_claude_code_shows_its_session_and_what_it_does_by_itself(tmp_path: Path) -> None:
    user = json.dumps({"device_id": "d", "account_uuid": "", "session_id": SESSION})
    reminded = [
        {"type": "text", "text": "<system-reminder>\nMind this.\n</system-reminder>"},
        {"type": "text", "text": "Fix the bug."},
    ]
    turn = {**ASKED, "messages": [{"role": "user", "content": reminded}], "metadata": {"user_id": user}}
    title = {**ASKED, "system": [{"type": "text", "text": TITLE}], "metadata": {"user_id": f"user_x_session_{SESSION}"}}
    async with by_claude(tmp_path) as (fake, llmgw):
        asked = await ask_as_claude_code(llmgw, turn)
        named = await ask_as_claude_code(llmgw, title)
        aside = await ask_as_claude_code(llmgw, {**ASKED, "max_tokens": 7}, **{"x-app": "cli-bg"})
    assert (asked["client"], asked["session"], asked["lane"]) == ("claude-code", SESSION, "interactive")
    assert asked["preview"] == "Fix the bug."
    assert (named["session"], named["lane"], named["purpose"]) == (SESSION, "background", "title")
    assert aside["lane"] == "background"
    assert fake.requests[0]["metadata"] == {"user_id": user}


@pytest.mark.parametrize(
    ("model", "route", "words"),
    [
        ("claude-haiku-4-5-20251001", "family:cheap", "the cheap tier stands in"),
        ("claude-opus-5-5", "family:premium>cheap", "the premium tier stands in"),
        ("claude-sonnet-5-5", "default", "it counts as gateway-auto"),
    ],
)
async def test_claude_code_works_without_anthropic(tmp_path: Path, model: str, route: str, words: str) -> None:
    async with by_groq(tmp_path) as (_, llmgw):
        row = await ask_as_claude_code(llmgw, {**ASKED, "model": model})
        detail = await llmgw.get(f"/api/requests/{row['id']}")
        status, _, _ = await llmgw.chat(model=model)
    assert (row["model"], row["route"]) == ("fake-model", route)
    assert words in str(detail["decision"]["reasons"])
    assert status == 404


async def test_a_tool_that_runs_at_anthropic_is_refused_elsewhere(tmp_path: Path) -> None:
    searching = {**ASKED, "model": "gateway-cheap", "tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    async with by_groq(tmp_path) as (groq, llmgw):
        status, _, body = await post(llmgw, searching)
    assert (status, groq.requests) == (400, [])
    assert body["error"]["message"].startswith("tools.0: tools of type 'web_search_20250305' run at Anthropic only")
