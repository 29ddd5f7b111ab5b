"""Messages requests as chat completion requests, and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from gateway_core.wire.anthropic_messages import to_messages
from gateway_core.wire.messages_requests import UNSIGNED, to_chat
from gateway_core.wire.messages_validation import validate_messages
from gateway_core.wire.openai_requests import from_messages, openai_messages
from gateway_core.wire.validation import validate
from tests.wire.message_strategies import messages_requests

Json = dict[str, Any]
UNHURRIED = settings(suppress_health_check=[HealthCheck.too_slow])


def blocks_of(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def normal(body: Json) -> Json:
    """A request without the liberties of its notation: texts as blocks."""
    messages = []
    for message in body["messages"]:
        blocks = [dict(block) for block in blocks_of(message["content"])]
        for block in blocks:
            if block["type"] == "tool_result" and "content" in block:
                block["content"] = blocks_of(block["content"])
        messages.append({"role": message["role"], "content": blocks})
    system = {"system": blocks_of(body["system"])} if "system" in body else {}
    return {**body, **system, "messages": messages}


@UNHURRIED
@given(messages_requests())
def test_nothing_is_lost_on_the_way_to_chat_and_back(body: Json) -> None:
    assert validate_messages(body) is None
    chat = to_chat(body)
    assert validate(chat) is None
    assert normal(to_messages(chat, body["model"], body["max_tokens"])) == normal(body)


@UNHURRIED
@given(messages_requests())
def test_other_models_get_nothing_but_openais_own_words(body: Json) -> None:
    for message in body["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else ():
            inner = block.get("content")
            for part in [block, *(inner if isinstance(inner, list) else ())]:
                if part["type"] == "document" and part["source"]["type"] == "url":
                    part["source"] = {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}
    made = from_messages(to_chat(body), "gpt-5", strict=True)
    openai_only(made)


def openai_only(body: Json) -> None:
    """Fields and order of messages as OpenAI takes them."""
    unknown = set(body) - {
        *("model", "messages", "max_completion_tokens", "stop", "tools", "tool_choice", "parallel_tool_calls"),
        *("reasoning_effort", "response_format", "stream", "temperature", "top_p"),
    }
    assert not unknown
    waiting: list[str] = []
    for message in body["messages"]:
        assert set(message) <= {"role", "content", "tool_calls", "tool_call_id", "reasoning_content"}
        if message["role"] == "tool":
            assert isinstance(message["content"], str)
            waiting.remove(message["tool_call_id"])
            continue
        assert not waiting
        waiting = [call["id"] for call in message.get("tool_calls") or ()]
        assert all(set(call) == {"id", "type", "function"} for call in message.get("tool_calls") or ())
        for part in message["content"] if isinstance(message["content"], list) else ():
            assert part["type"] in ("text", "image_url", "file")
    assert not waiting
    assert all(set(tool) == {"type", "function"} for tool in body.get("tools", ()))


def test_a_tool_loop_reads_as_openai_writes_one() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    body = {
        "model": "m",
        "max_tokens": 10,
        "messages": [
            {"role": "user", "content": "Look at it."},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "ä"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [image], "is_error": True},
                    {"type": "text", "text": "And?"},
                ],
            },
        ],
    }
    hub = to_chat(body)["messages"]
    assert hub[1]["thinking_blocks"] == [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    assert (hub[2]["role"], hub[2]["is_error"]) == ("tool", True)
    _, said, result, pictures, asked = openai_messages(hub)
    call = {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": '{"at":"ä"}'}}
    assert said == {"role": "assistant", "content": "I look.", "tool_calls": [call]}
    assert result == {
        "role": "tool",
        "tool_call_id": "toolu_1",
        "content": "(The result's 1 images or files follow.)",
    }
    assert pictures["content"][1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert asked == {"role": "user", "content": "And?"}


def test_thinking_of_another_model_comes_back_as_reasoning() -> None:
    content = [{"type": "thinking", "thinking": "Hm.", "signature": UNSIGNED}, {"type": "text", "text": "Yes."}]
    body = {"model": "m", "messages": [{"role": "assistant", "content": content}]}
    assert to_chat(body)["messages"] == [{"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}]


def test_documents_become_files_or_their_text() -> None:
    sources: list[Json] = [
        {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
        {"type": "text", "media_type": "text/plain", "data": "Plain words."},
        {"type": "content", "content": [{"type": "text", "text": "Blocks of words."}]},
    ]
    content = [{"type": "document", "source": source, "title": "t"} for source in sources]
    hub = to_chat({"model": "m", "messages": [{"role": "user", "content": content}]})["messages"]
    [made] = openai_messages(hub)
    file = {"type": "file", "file": {"filename": "t", "file_data": "data:application/pdf;base64,AAAA"}}
    assert made["content"][0] == file
    assert [part["text"] for part in made["content"][1:]] == ["t", "Plain words.", "t", "Blocks of words."]


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ({"tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
        (
            {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": False},
        ),
        ({"stop_sequences": list("abcde")}, {"stop": list("abcd")}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, {"reasoning_effort": "low"}),
        ({"output_config": {"effort": "max"}}, {"reasoning_effort": "high"}),
        ({"metadata": {"user_id": "u"}, "top_k": 5, "container": "c"}, {}),
    ],
)
def test_settings_have_their_counterparts(said: Json, other: Json) -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **said}
    made = from_messages(to_chat(body), "gpt-5", strict=True)
    plain = {"model": "m", "max_completion_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    assert made == {**plain, **other}


def test_effort_goes_to_models_that_take_it() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "output_config": {"effort": "low"}}
    made = {model: from_messages(to_chat(body), model, strict=False) for model in ("openai/gpt-oss-20b", "llama3.3")}
    assert [made[model].get("reasoning_effort") for model in made] == ["low", None]


def said(*blocks: Json) -> Json:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"max_tokens": 1, "messages": []}, "model: Field required"),
        ({"model": "m", "messages": [{"role": "user", "content": "x"}]}, "max_tokens: Field required"),
        ({"max_tokens": True}, "max_tokens: Input should be a positive integer"),
        ({"messages": None}, "messages: Field required"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [7]}, "messages.0: Input should be an object"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role: "),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content.0: "),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text: Field required"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0.content.0.source: "),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages.0.content.0.tool_use_id: "),
        ({"messages": [{"role": "user", "content": [{"type": "redacted_thinking", "data": "x"}]}]}, "messages.0.cont"),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": 1}]}]}, "messages.0.content.0.id"),
        (
            said({"type": "document", "source": {"type": "content", "content": 5}}),
            "messages.0.content.0.source.content: ",
        ),
        (
            said({"type": "document", "source": {"type": "content", "content": ["x"]}}),
            "messages.0.content.0.source.cont",
        ),
        (said({"type": "search_result", "content": [5]}), "messages.0.content.0.content.0: "),
        ({"system": 3}, "system: "),
        ({"system": [{"type": "image"}]}, "system.0: Input should be a text block"),
        ({"tools": {}}, "tools: "),
        ({"tools": [{"name": "x"}]}, "tools.0.input_schema: Field required"),
        ({"tool_choice": "auto"}, "tool_choice.type: "),
        ({"temperature": 1.5}, "temperature: "),
        ({"top_k": -1}, "top_k: "),
        ({"stop_sequences": "x"}, "stop_sequences: "),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens: "),
        ({"output_config": {"format": {}}}, "output_config.format: "),
        ({"stream": "yes"}, "stream: "),
    ],
)
def test_what_is_wrong_is_said_as_anthropic_says_it(body: Json, where: str) -> None:
    whole = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}], **body}
    if where.startswith(("model", "max_tokens: Field")):
        whole = body
    refusal = validate_messages(whole)
    assert refusal is not None
    assert refusal.message.startswith(where)


def test_system_words_inside_a_conversation_stay_where_they_are() -> None:
    blocks = [{"type": "text", "text": "Mind this."}, {"type": "tool_change", "name": "f"}]
    messages = [{"role": "user", "content": "x"}, {"role": "system", "content": blocks}]
    body = {"model": "m", "max_tokens": 1, "messages": messages, "system": "First."}
    assert validate_messages(body) is None
    strict, local = (from_messages(to_chat(body), "m", strict=strict)["messages"] for strict in (True, False))
    assert strict[2] == {"role": "system", "content": "Mind this."}
    assert local[0] == {"role": "system", "content": "First."}
    assert local[2] == {"role": "user", "content": "<system-reminder>\nMind this.\n</system-reminder>"}
