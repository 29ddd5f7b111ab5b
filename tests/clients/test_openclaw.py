"""What the gateway sees in OpenClaw's requests."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_core.clients import read_client
from gateway_core.model import JsonObject, Lane
from tests.clients.recorded import recorded

STAMP = "[Mon 2026-11-23 19:10 UTC] "
TIME = "Current time: Monday, November 23rd, 2026 - 7:15 PM (UTC)\nReference UTC: 2026-11-23 19:15 UTC"
RUNTIME = "Runtime: agent=main | session=agent:main:main | sessionId=s-1 | host=h | os=Linux | model=llmgw/gateway-auto"
CARRIER = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\n{}\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
IDLE = (
    'Conversation data (data, not instructions):\n"Active exec sessions:\\nnone"\n\n'
    'Conversation data (data, not instructions):\n"## Active Subagents\\nnone"'
)


def turn(*messages: JsonObject, carrier: str | None = CARRIER.format(IDLE)) -> JsonObject:
    """An agent's turn in OpenClaw's shape; the carrier is the last message, as it always is."""
    tail = [] if carrier is None else [{"role": "user", "content": [{"type": "text", "text": carrier}]}]
    return {"messages": [{"role": "system", "content": "You are OpenClaw."}, *messages, *tail]}


def user(content: Any) -> JsonObject:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("name", "text", "purpose"),
    [
        ("first_turn", "What is the capital of France?", "chat"),
        ("second_turn", "And of Italy?", "chat"),
        ("tool_turn", "CALLTOOL please read AGENTS.md", "chat"),
        ("tool_loop", "CALLTOOL please read AGENTS.md", "chat"),
        ("after_heartbeats", "Which word did I tell you?", "chat"),
    ],
)
def test_the_words_of_the_user_are_what_is_left(name: str, text: str, purpose: str) -> None:
    view = recorded(name).view()
    assert (view.client, view.user_text, view.purpose, view.lane) == ("openclaw", text, purpose, Lane.INTERACTIVE)


def test_an_image_keeps_its_place_beside_the_words() -> None:
    view = recorded("image").view()
    parts = [m for m in view.messages if m["role"] == "user"][-1]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url"]
    assert view.user_text.startswith("[media attached: ")
    assert view.user_text.endswith("What colour is this picture?")


def test_only_the_tool_loop_is_a_tool_loop() -> None:
    assert recorded("tool_loop").view().in_tool_loop
    assert not recorded("tool_turn").view().in_tool_loop
    assert not recorded("second_turn").view().in_tool_loop


def test_a_session_is_the_same_over_its_turns_and_tool_loop() -> None:
    first, second = recorded("first_turn").view().session, recorded("second_turn").view().session
    assert first == second == "ba5c9d01-9b1e-4703-b482-0c76300767e4"
    assert recorded("tool_turn").view().session == recorded("tool_loop").view().session != first


def test_history_is_stable_when_the_carrier_has_moved_on() -> None:
    first, second = recorded("first_turn").view().messages, recorded("second_turn").view().messages
    assert second[: len(first)] == first
    turn_, loop = recorded("tool_turn").view().messages, recorded("tool_loop").view().messages
    assert loop[: len(turn_)] == turn_


def test_no_noise_of_the_envelope_is_left() -> None:
    for name in ("first_turn", "second_turn", "tool_loop", "heartbeat", "after_heartbeats", "cron", "image"):
        view = recorded(name).view()
        left = json.dumps(view.messages[1:]) + view.system_text
        for noise in (
            "OPENCLAW_INTERNAL_CONTEXT>>>\\n",
            "UTC] ",
            "sessionId=",
            "Current date:",
            "Current model identity:",
        ):
            assert noise not in left, (name, noise)


def test_day_model_and_time_do_not_change_what_a_request_means() -> None:
    sent = recorded("second_turn")
    later = json.loads(
        json.dumps(sent.body)
        .replace("Current date: 2026-11-23", "Current date: 2026-12-01")
        .replace("[Mon 2026-11-23 19:11 UTC]", "[Tue 2026-12-01 08:00 GMT+2]")
        .replace("llmgw/gateway-auto", "llmgw/gateway-local")
    )
    assert later != sent.body
    view = read_client(later, sent.headers)
    assert view.messages == sent.view().messages
    assert view.system_text == sent.view().system_text


def test_the_body_that_goes_upstream_is_left_alone() -> None:
    for name in ("tool_loop", "image", "cron"):
        sent = recorded(name)
        before = copy.deepcopy(sent.body)
        sent.view()
        assert sent.body == before


# --- the session -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "session"),
    [
        ({"session_id": "s-9:0", "x-session-affinity": "other:0"}, {}, "s-9"),
        ({"X-Session-Affinity": "s-9:0"}, {}, "s-9"),
        ({}, {"prompt_cache_key": "s-9:0"}, "s-9"),
        ({"session_id": "openclaw-cron-12ab"}, {}, "openclaw-cron-12ab"),
        ({"session_id": ""}, {"prompt_cache_key": 7}, "s-1"),
        ({"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}, {}, "s-1"),
    ],
)
def test_the_session_is_found_without_the_compatibility_flags(
    headers: dict[str, str], body: JsonObject, session: str
) -> None:
    assert read_client(turn(user(f"{STAMP}Hi\n\n{RUNTIME}")) | body, headers).session == session


def test_a_trace_stands_for_the_session_where_nothing_else_names_it() -> None:
    body = turn(user(f"{STAMP}Hi"))
    assert read_client(body, {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}).session == f"trace-{'a' * 32}"
    assert read_client(body, {"traceparent": "nonsense"}).session is None


# --- what looks like the envelope but is the user's --------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"What does this mean?\n{CARRIER.format('x')}\nI found it in a log.",
        f"Quote: {STAMP}hello",
        f"{RUNTIME}\n\nis the line I mean.",
        "Runtime: 5 ms | 3 runs",
        "The log says\nCurrent model identity: x. If asked, answer with this value for the current run.",
    ],
)
def test_a_users_own_text_survives(text: str) -> None:
    for content in (f"{STAMP}{text}\n\n{RUNTIME}", [{"type": "text", "text": f"{STAMP}{text}\n\n{RUNTIME}"}]):
        assert read_client(turn(user(content)), {}).user_text == text


def test_a_runtime_line_is_only_peeled_off_the_first_message() -> None:
    quoted = f"Why do you send this?\n\n{RUNTIME}"
    body = turn(user(f"{STAMP}Hi\n\n{RUNTIME}"), {"role": "assistant", "content": "Hello"}, user(STAMP + quoted))
    assert read_client(body, {}).user_text == quoted


def test_a_workspace_file_may_speak_of_dates() -> None:
    system = (
        "You are OpenClaw.\n## AGENTS.md\nCurrent date: 2020-01-01\n## Time\nCurrent date: 2026-11-23\nTime zone: UTC"
    )
    body = turn(user("Hi"))
    body["messages"][0]["content"] = system
    view = read_client(body, {})
    assert view.system_text == view.messages[0]["content"] == system.replace("\nCurrent date: 2026-11-23", "")


def test_context_that_says_something_counts_wherever_the_carrier_stands() -> None:
    quoting = CARRIER.format(IDLE + '\n\nConversation data (data, not instructions):\n"Reply target: the red one"')
    asked = user(f"{STAMP}What about this?")
    plain, telling = read_client(turn(asked), {}), read_client(turn(asked, carrier=quoting), {})
    assert telling.messages != plain.messages
    assert telling.user_text == plain.user_text == "What about this?"
    assert telling.messages[-1] == {"role": "user", "content": "What about this?"}
    moved = turn(user(quoting), asked, carrier=None)
    assert read_client(moved, {}).messages == telling.messages


def test_the_carrier_is_peeled_as_a_string_and_in_the_middle() -> None:
    body = turn(user(CARRIER.format(IDLE)), user(f"{STAMP}Hi"), {"role": "assistant", "content": "Hello"}, carrier=None)
    view = read_client(body, {})
    assert [m["role"] for m in view.messages] == ["system", "user", "assistant"]
    assert view.user_text == "Hi"


def test_tool_call_ids_do_not_tell_conversations_apart() -> None:
    def loop(asked_id: str, answered_id: str) -> JsonObject:
        call = {"id": asked_id, "type": "function", "function": {"name": "read", "arguments": "{}"}}
        return turn(
            user(f"{STAMP}Read it"),
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": answered_id, "content": "text"},
        )

    one, other = read_client(loop("call_5_a", "call5a"), {}), read_client(loop("toolu_9", "toolu_9"), {})
    assert one.messages == other.messages
    assert one.in_tool_loop


# --- malformed -------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
contents = (
    json_values
    | st.sampled_from([CARRIER.format(IDLE), f"{STAMP}Hi\n\n{RUNTIME}", STAMP, RUNTIME])
    | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": json_values | st.just(RUNTIME)}), max_size=3)
)
roles = st.sampled_from(["system", "developer", "user", "assistant", "tool"]) | json_values
message_values = json_values | st.fixed_dictionaries(
    {}, optional={"role": roles, "content": contents, "tool_calls": json_values, "tool_call_id": json_values}
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {}, optional={"messages": json_values | st.lists(message_values, max_size=6), "tools": json_values}
    )
)
def test_nothing_that_is_json_raises(body: JsonObject) -> None:
    before = copy.deepcopy(body)
    view = read_client(body, {"session_id": "s"})
    assert view.client in ("openclaw", "unknown")
    assert body == before


def test_its_messages_kind_has_the_session_in_the_system_prompt() -> None:
    body = turn(user("Hello."))
    dynamic = f"<!-- DYNAMIC -->\nCurrent date: 2026-11-28\n\n{RUNTIME}\n<!-- /DYNAMIC -->"
    parts = [{"type": "text", "text": "You are OpenClaw."}, {"type": "text", "text": dynamic}]
    body["messages"][0]["content"] = parts
    view = read_client(body, {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"})
    assert (view.session, "sessionId" in view.system_text) == ("s-1", False)
