"""Responses requests as chat completion requests."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_core.model import JsonObject, Refused
from gateway_core.wire.responses_items import SEAL, seal
from gateway_core.wire.responses_request import to_chat
from gateway_core.wire.validation import validate

FUNCTION = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": True}
PNG = "data:image/png;base64,iVBORw0KGgo="


def chat(given: Any = "Hi", **more: Any) -> JsonObject:
    made = to_chat({"model": "gateway-auto", "input": given, **more})
    assert validate(made) is None
    return made


def messages(*items: JsonObject, **more: Any) -> list[JsonObject]:
    made: list[JsonObject] = chat(list(items), **more)["messages"]
    return made


def test_every_field_that_chat_completions_have_is_kept() -> None:
    made = chat(
        instructions="Be brief.",
        stream=True,
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=100,
        parallel_tool_calls=False,
        stop=["x"],
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        prompt_cache_retention="24h",
        service_tier="flex",
        metadata={"a": "b"},
        top_logprobs=3,
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}},
        store=False,
        truncation="auto",
        include=["reasoning.encrypted_content"],
    )
    assert made == {
        "model": "gateway-auto",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "stream": True,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_completion_tokens": 100,
        "parallel_tool_calls": False,
        "stop": ["x"],
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "service_tier": "flex",
        "metadata": {"a": "b"},
        "logprobs": True,
        "top_logprobs": 3,
        "reasoning_effort": "low",
        "verbosity": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
    }


def test_nulls_mean_that_nothing_was_asked() -> None:
    names = ("tools", "tool_choice", "text", "reasoning", "instructions", "metadata", "temperature", "store", "stream")
    assert chat(**dict.fromkeys(names)) == {
        "model": "gateway-auto",
        "messages": [{"role": "user", "content": "Hi"}],
    }


def test_content_parts_become_chats_own() -> None:
    (message,) = messages(
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look."},
                {"type": "input_image", "image_url": PNG, "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
                {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}},
            ],
        }
    )
    assert message["content"] == [
        {"type": "text", "text": "Look."},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}},
    ]


def test_roles_stand_where_they_stood() -> None:
    made = messages(
        {"role": "developer", "content": [{"type": "input_text", "text": "a"}]},
        {"role": "user", "content": "b"},
        {"type": "message", "role": "system", "content": "c"},
        {"role": "assistant", "content": "d"},
    )
    assert [(message["role"], message["content"]) for message in made] == [
        ("developer", "a"),
        ("user", "b"),
        ("system", "c"),
        ("assistant", "d"),
    ]


def test_reasoning_words_and_calls_that_belong_together_are_one_message() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "sig=="}, {"type": "redacted_thinking", "data": "x"}]
    summary = [{"type": "summary_text", "text": "Hm."}]
    made = messages(
        {"role": "user", "content": "Rome?"},
        {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": seal(blocks)},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "26"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_image", "image_url": PNG}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAtheirs", "id": "rs_2"},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    )
    assert [message["role"] for message in made] == ["user", "assistant", "tool", "tool", "assistant"]
    assert made[1]["thinking_blocks"] == blocks
    assert (made[1]["reasoning_content"], made[1]["content"]) == ("Hm.", "I look.")
    assert [call["id"] for call in made[1]["tool_calls"]] == ["c1", "c2"]
    assert made[3]["content"] == [{"type": "image_url", "image_url": {"url": PNG}}]
    assert made[4]["reasoning_details"] == [
        {"type": "reasoning.encrypted", "data": "gAAAtheirs", "format": "openai-responses-v1", "id": "rs_2"}
    ]
    assert (made[4]["content"], made[4]["refusal"]) == (None, "No.")


def test_the_order_of_thinking_between_calls_is_kept() -> None:
    """Claude thinks between its calls, and refuses a history where that stands elsewhere."""
    made = messages(
        {"type": "reasoning", "summary": [], "encrypted_content": seal([{"type": "thinking", "thinking": "1"}])},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "reasoning", "summary": [], "encrypted_content": seal([{"type": "thinking", "thinking": "2"}])},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
    )
    assert [(message["thinking_blocks"][0]["thinking"], message["tool_calls"][0]["id"]) for message in made] == [
        ("1", "c1"),
        ("2", "c2"),
    ]


@pytest.mark.parametrize(
    ("choice", "tools", "expected"),
    [
        ("required", ["weather", "time"], "required"),
        ("none", ["weather", "time"], "none"),
        ({"type": "function", "name": "time"}, ["weather", "time"], {"type": "function", "function": {"name": "time"}}),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "time"}]},
            ["time"],
            "required",
        ),
    ],
)
def test_tool_choice_in_all_its_forms(choice: Any, tools: list[str], expected: Any) -> None:
    made = chat(tools=[FUNCTION, {**FUNCTION, "name": "time"}], tool_choice=choice)
    assert [tool["function"]["name"] for tool in made["tools"]] == tools
    assert made["tool_choice"] == expected


def test_a_functions_own_words_are_kept() -> None:
    made = chat(tools=[{**FUNCTION, "description": "d"}])
    function = {"name": "weather", "description": "d", "parameters": FUNCTION["parameters"], "strict": True}
    assert made["tools"] == [{"type": "function", "function": function}]


def test_a_tool_that_only_openai_has_goes_there_and_nowhere_else() -> None:
    tool = {"type": "computer_use_preview", "display_width": 1, "display_height": 1, "environment": "linux"}
    assert to_chat({"model": "openai/m", "input": "Hi", "tools": [tool]})["tools"] == [tool]
    with pytest.raises(Refused) as refused:
        chat(tools=[tool])
    assert refused.value.refusal.param == "tools[0]"
    assert "openai/MODEL" in refused.value.refusal.message


@pytest.mark.parametrize(
    "kind", ["web_search", "web_search_preview_2025_03_11", "file_search", "mcp", "code_interpreter"]
)
def test_a_tool_that_openai_runs_at_a_price_of_its_own_is_refused_with_the_reason(kind: str) -> None:
    for model in ("gateway-auto", "openai/m"):
        with pytest.raises(Refused) as refused:
            to_chat({"model": model, "input": "Hi", "tools": [{"type": kind}]})
        assert kind in refused.value.refusal.message and "daily limit" in refused.value.refusal.message


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"type": 3}]}, "input[0].type"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"role": "boss", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": None}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [None]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].file_id",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
            "input[0].content[0].file_id",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "u"}]}]},
            "input[0].content[0].file_url",
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].file_data"),
        ({"input": [{"role": "assistant", "content": [{"type": "input_image"}]}]}, "input[0].content[0].type"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call", "call_id": "c", "arguments": "{}"}]}, "input[0].name"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]}, "input[0].arguments"),
        ({"input": [{"type": "custom_tool_call", "call_id": "c", "name": "f"}]}, "input[0].input"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": [{"type": "computer_call", "id": "x"}]}, "input[0]"),
        ({"input": [{"type": "reasoning", "encrypted_content": SEAL + "%%%"}]}, "input[0].encrypted_content"),
        ({"input": [{"type": "reasoning", "encrypted_content": SEAL + "W10="}]}, "input[0].encrypted_content"),
        ({"instructions": ["x"]}, "instructions"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": "1"}, "top_p"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"include": "x"}, "include"),
        ({"truncation": "some"}, "truncation"),
        ({"store": "yes"}, "store"),
        ({"stream": 1}, "stream"),
        ({"previous_response_id": 7}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"text": {"verbosity": 1}}, "text.verbosity"),
        ({"reasoning": {"effort": 1}}, "reasoning.effort"),
        ({"tools": {}}, "tools"),
        ({"tools": [None]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": 1}]}, "tools[0].parameters"),
        ({"tools": [{"type": "namespace", "name": "n"}]}, "tools[0].tools"),
        ({"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "custom"}]}]}, "tools[0].tools[0].name"),
        ({"tools": [{"type": "shell"}]}, "tools[0]"),
        ({"tools": [FUNCTION], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": 1}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "other"}}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "web_search"}}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools", "mode": "auto"}}, "tool_choice.tools"),
    ],
)
def test_what_is_wrong_is_named_as_openai_names_it(change: JsonObject, param: str) -> None:
    with pytest.raises(Refused) as refused:
        to_chat({"model": "gateway-auto", "input": "Hi", **change})
    refusal = refused.value.refusal
    assert (refusal.http_status, refusal.param) == (400, param)
    assert refusal.message.startswith(f"{param}: ")
