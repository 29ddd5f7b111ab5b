"""Chat completion requests as Messages requests, judged by the rules of the real API."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway_core.model import Refused
from gateway_core.wire.anthropic_messages import to_messages
from gateway_core.wire.anthropic_tools import closed
from tests.fakes import anthropic_rules
from tests.wire.strategies import requests

Json = dict[str, Any]
SONNET = "claude-sonnet-5-5"
MODELS = (SONNET, "claude-opus-5", "claude-sonnet-4-6", "claude-haiku-4-5-20251001", "claude-fable-5-2", "claude-next")


def translate(*messages: Json, model: str = SONNET, **more: Any) -> Json:
    made = to_messages({"model": "gateway-auto", "messages": list(messages), **more}, model, 1000)
    anthropic_rules.check(made)
    return made


def user(content: Any) -> Json:
    return {"role": "user", "content": content}


def call(call_id: str, name: str = "f", arguments: str = "{}") -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(call_id: str, content: Any = "done") -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def assistant(*calls: Json, content: Any = None) -> Json:
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


TOOLS = [
    {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
    {"type": "function", "function": {"name": "g"}},
]


@settings(max_examples=200)
@given(requests(), st.sampled_from(MODELS), st.sampled_from([1, 1024, 2048, 8192, 64_000]))
@example({"messages": [{"role": "system", "content": "only this"}]}, SONNET, 10)
@example({"messages": [user(" ")]}, SONNET, 10)
@example({"messages": [result("x", "")]}, SONNET, 10)
def test_whatever_is_legal_is_accepted(body: Json, model: str, max_tokens: int) -> None:
    made = to_messages(body, model, max_tokens)
    anthropic_rules.check(made)
    assert (made["model"], made["max_tokens"]) == (model, max_tokens)


@given(requests())
def test_no_text_of_the_conversation_is_lost(body: Json) -> None:
    made = str(to_messages(body, SONNET, 100))
    for message in body["messages"]:
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        for part in parts:
            if part["type"] == "text" and part["text"].strip():
                assert repr(part["text"])[1:-1] in made or part["text"] in made


@given(requests())
def test_the_request_is_left_as_it_was(body: Json) -> None:
    before = repr(body)
    to_messages(body, SONNET, 100)
    assert repr(body) == before


def test_system_and_developer_words_go_to_the_system_prompt_in_order() -> None:
    made = translate(
        {"role": "system", "content": "one"},
        user("hi"),
        {"role": "developer", "content": [{"type": "text", "text": "two"}]},
    )
    assert [block["text"] for block in made["system"]] == ["one", "two"]
    assert made["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]


def test_a_tool_loop_keeps_its_pairs() -> None:
    made = translate(
        user("weather in Köln and Bonn?"),
        assistant(call("call_1", arguments='{"city": "Köln"}'), call("call:2", arguments="oops"), content="Looking."),
        result("call:2", [{"type": "text", "text": "rain"}]),
        result("call_1", ""),
        user("and?"),
        tools=TOOLS,
    )
    _, said, answered = made["messages"]
    assert said["content"] == [
        {"type": "text", "text": "Looking."},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"city": "Köln"}},
        {"type": "tool_use", "id": "call_2", "name": "f", "input": {"arguments": "oops"}},
    ]
    assert answered["content"] == [
        {"type": "tool_result", "tool_use_id": "call_2", "content": [{"type": "text", "text": "rain"}]},
        {"type": "tool_result", "tool_use_id": "call_1"},
        {"type": "text", "text": "and?"},
    ]


def test_ids_that_servers_use_again_become_unique_with_their_results() -> None:
    made = translate(
        user("x"), assistant(call("0")), result("0", "a"), assistant(call("0")), result("0", "b"), tools=TOOLS
    )
    pairs = [block for message in made["messages"] for block in message["content"] if block["type"] != "text"]
    assert [block.get("id") or block["tool_use_id"] for block in pairs] == ["0", "0", "0_2", "0_2"]


def test_a_call_without_a_result_gets_an_error_for_one() -> None:
    made = translate(user("x"), assistant(call("a")), user("never mind"), tools=TOOLS)
    lost, said = made["messages"][-1]["content"]
    assert (lost["tool_use_id"], lost["is_error"]) == ("a", True)
    assert said["text"] == "never mind"


def test_calls_of_a_history_are_defined_even_when_the_request_brings_no_tools() -> None:
    made = translate(user("x"), assistant(call("a", name="lost")), result("a"))
    assert [tool["name"] for tool in made["tools"]] == ["lost"]
    assert made["tool_choice"] == {"type": "none"}


def test_images_and_files_become_sources() -> None:
    parts = [
        {
            "type": "image_url",
            "image_url": {"url": "data:image/jpg;base64,AAAA"},
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
    ]
    jpeg, url, pdf = translate(user(parts))["messages"][0]["content"]
    assert jpeg["source"] == {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}
    assert jpeg["cache_control"] == {"type": "ephemeral"}
    assert url["source"] == {"type": "url", "url": "https://example.org/a.png"}
    assert (pdf["type"], pdf["title"]) == ("document", "a.pdf")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
        {"type": "image_url", "image_url": {"url": "data:image/png,raw"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ],
)
def test_what_claude_does_not_take_is_refused_by_name(part: Json) -> None:
    with pytest.raises(Refused) as refused:
        translate(user([part]))
    assert (refused.value.refusal.code, refused.value.refusal.param) == ("invalid_request", "messages[0].content[0]")


@pytest.mark.parametrize(
    "tool", [{"type": "function", "function": {"name": "files.read"}}, {"type": "custom", "custom": {"name": "x"}}]
)
def test_tools_claude_does_not_take_are_refused(tool: Json) -> None:
    with pytest.raises(Refused):
        translate(user("x"), tools=[tool])


def test_the_callers_own_cache_markers_are_kept() -> None:
    marker = {"type": "ephemeral", "ttl": "1h"}
    made = translate(
        {"role": "system", "content": "s", "cache_control": marker},
        user([{"type": "text", "text": "a", "cache_control": marker}, {"type": "text", "text": "b"}]),
        tools=[{**TOOLS[0], "cache_control": marker}],
    )
    assert made["system"][0]["cache_control"] == marker
    assert made["messages"][0]["content"][0]["cache_control"] == marker
    assert made["tools"][0]["cache_control"] == marker


@pytest.mark.parametrize(
    ("wish", "choice"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "g"}}, {"type": "tool", "name": "g"}),
    ],
)
def test_tool_choice_where_the_model_can_be_forced(wish: Any, choice: Json) -> None:
    made = translate(user("x"), tools=TOOLS, tool_choice=wish, model="claude-haiku-4-5")
    assert made["tool_choice"] == choice
    assert "system" not in made


def test_a_model_that_cannot_be_forced_is_told() -> None:
    made = translate(user("x"), tools=TOOLS, tool_choice={"type": "function", "function": {"name": "g"}})
    assert made["tool_choice"] == {"type": "auto"}
    assert made["system"][-1]["text"] == "Answer by calling the tool g."


def test_parallel_calls_can_be_ruled_out() -> None:
    made = translate(user("x"), tools=TOOLS, parallel_tool_calls=False)
    assert made["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_the_rest_is_translated_or_left_out() -> None:
    made = translate(
        user("x"),
        stop=["END", " "],
        user="alice@example.org",
        stream=True,
        temperature=0.2,
        top_p=1,
        seed=3,
        logit_bias={},
    )
    assert made["stop_sequences"] == ["END"]
    assert len(made["metadata"]["user_id"]) == 64
    assert made["stream"] is True
    assert set(made) == {"model", "max_tokens", "messages", "stop_sequences", "metadata", "stream"}
    assert translate(user("x"), user="agent-7")["metadata"] == {"user_id": "agent-7"}


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        (SONNET, "xhigh", {"effort": "xhigh", "thinking": "adaptive"}),
        ("claude-sonnet-4-6", "xhigh", {"effort": "high", "thinking": "adaptive"}),
        (SONNET, "none", {"effort": "low", "thinking": None}),
        ("claude-haiku-4-5", "low", {"effort": None, "thinking": "enabled"}),
        ("claude-haiku-4-5", "minimal", {"effort": None, "thinking": None}),
        (SONNET, "a lot", {"effort": None, "thinking": None}),
    ],
)
def test_reasoning_effort_becomes_thinking(model: str, effort: str, expected: Json) -> None:
    body = {"messages": [user("x")], "reasoning_effort": effort}
    made = to_messages(body, model, 4096)
    anthropic_rules.check(made)
    assert made.get("output_config", {}).get("effort") == expected["effort"]
    assert made.get("thinking", {}).get("type") == expected["thinking"]


def test_schemas_are_closed_and_what_cannot_be_enforced_is_said() -> None:
    made = closed(
        {
            "type": "object",
            "properties": {"n": {"type": "integer", "minimum": 1, "description": "a number"}},
            "definitions": {"x": {"type": ["object", "null"]}},
            "items": {"$ref": "#/definitions/x"},
        }
    )
    assert made == {
        "type": "object",
        "properties": {"n": {"type": "integer", "description": "a number\n\n{minimum: 1}"}},
        "$defs": {"x": {"type": ["object", "null"], "additionalProperties": False}},
        "items": {"$ref": "#/$defs/x"},
        "additionalProperties": False,
    }


def test_json_without_a_schema_is_asked_for_in_words() -> None:
    made = translate(user("x"), response_format={"type": "json_object"})
    assert "JSON" in made["system"][0]["text"]
    assert "output_config" not in made


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": [1], "anyOf": 5},
        {"anyOf": [{"properties": 7}, 3], "properties": None},
        {"type": 7, "minimum": 1, "description": 5},
    ],
)
def test_a_schema_that_is_none_fails_nothing_here(schema: Any) -> None:
    """What a provider says of it is the caller's answer."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    (made,) = to_messages({**asked, "tools": [tool]}, "claude-sonnet-5-5", 50)["tools"]
    assert isinstance(made["input_schema"]["properties"], dict)
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert "format" in to_messages({**asked, "response_format": form}, "claude-sonnet-5-5", 50)["output_config"]
