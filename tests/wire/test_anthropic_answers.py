"""Messages and their streams as chat completions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway_core.model import Usage
from gateway_core.wire.anthropic_answers import (
    FINISH_REASONS,
    AnthropicStreamError,
    StreamTranslator,
    from_message,
    read_anthropic_usage,
)
from gateway_core.wire.openai_chat import Aggregator, finish_reason
from tests.fakes.anthropic import events_of

Json = dict[str, Any]
numbers = st.integers(-(2**63), 2**63 - 1)
values = st.recursive(st.none() | st.booleans() | numbers | st.text(), st.lists, max_leaves=4)


@st.composite
def messages(draw: st.DrawFn) -> Json:
    content: list[Json] = []
    for index in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["text", "thinking", "tool_use", "redacted_thinking"]))
        blocks: dict[str, Json] = {
            "text": {"text": draw(st.text(max_size=60))},
            "thinking": {"thinking": draw(st.text(max_size=60)), "signature": "s"},
            "redacted_thinking": {"data": "x"},
            "tool_use": {
                "id": f"toolu_{index}",
                "name": "f",
                "input": draw(st.dictionaries(st.text(max_size=5), values)),
            },
        }
        content.append({"type": kind, **blocks[kind]})
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": content,
        "stop_reason": draw(st.sampled_from([*FINISH_REASONS, "something_new"])),
        "stop_details": draw(st.sampled_from([None, {"type": "refusal", "explanation": "I will not."}])),
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }


def stream(events: list[Json]) -> tuple[Json, StreamTranslator]:
    translator, aggregator = StreamTranslator(created=1), Aggregator()
    for event in events:
        for chunk in translator.feed(event):
            ChatCompletionChunk.model_validate(chunk)
            aggregator.add(chunk)
    return aggregator.completion(), translator


@given(messages())
def test_the_stream_says_what_the_whole_says(message: Json) -> None:
    streamed, translator = stream(events_of(message))
    whole = from_message(message, created=1)
    ChatCompletion.model_validate(whole)
    streamed_message, whole_message = (body["choices"][0]["message"] for body in (streamed, whole))
    assert (streamed_message.pop("content") or "") == (whole_message.pop("content") or "")
    for body in (streamed_message, whole_message):
        for call in body.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    assert streamed_message == whole_message
    assert (streamed["usage"], finish_reason(streamed)) == (whole["usage"], finish_reason(whole))
    assert translator.finished


@pytest.mark.parametrize(("reason", "finish"), FINISH_REASONS.items())
def test_every_stop_reason_has_its_finish_reason(reason: str, finish: str) -> None:
    message = {"id": "m", "model": "c", "content": [], "stop_reason": reason, "usage": {"output_tokens": 1}}
    assert finish_reason(from_message(message)) == finish
    assert finish_reason(stream(events_of(message))[0]) == finish


def test_tool_calls_are_numbered_in_their_order() -> None:
    blocks = [{"type": "tool_use", "id": f"t{index}", "name": name, "input": {}} for index, name in enumerate("ab")]
    message = {
        "id": "m",
        "model": "c",
        "content": [{"type": "text", "text": "x"}, *blocks],
        "usage": {"output_tokens": 1},
    }
    whole, _ = stream(events_of({**message, "stop_reason": "tool_use"}))
    calls = whole["choices"][0]["message"]["tool_calls"]
    assert [(call["id"], call["function"]) for call in calls] == [
        ("t0", {"name": "a", "arguments": "{}"}),
        ("t1", {"name": "b", "arguments": "{}"}),
    ]


def test_usage_is_cumulative_and_cache_writes_keep_their_lifetime() -> None:
    translator = StreamTranslator()
    begun = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 70,
        "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 20},
        "output_tokens": 1,
    }
    translator.feed({"type": "message_start", "message": {"id": "m", "model": "c", "usage": begun}})
    assert translator.usage == Usage(10, 1, 100, 50, 20)
    ended = {"input_tokens": 12, "cache_creation_input_tokens": 70, "output_tokens": 9}
    ended["output_tokens_details"] = {"thinking_tokens": 4}  # type: ignore[assignment]
    translator.feed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": ended})
    assert translator.usage == Usage(12, 9, 100, 50, 20, reasoning_tokens=4)
    [last] = translator.feed({"type": "message_stop"})
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] == 182


def test_cache_writes_without_a_split_count_as_five_minutes() -> None:
    assert read_anthropic_usage({"input_tokens": 1, "cache_creation_input_tokens": 7}) == Usage(
        1, cache_write_5m_tokens=7
    )


@given(st.none() | st.booleans() | st.floats() | st.integers() | st.text())
def test_nonsense_in_a_report_is_not_counted(value: Any) -> None:
    usage = read_anthropic_usage({"input_tokens": value, "output_tokens": 3, "cache_creation": {"x": value}})
    assert usage is not None
    assert 0 <= usage.input_tokens <= 10**9
    assert read_anthropic_usage({"output_tokens": "many"}) is None
    assert read_anthropic_usage(value if not isinstance(value, dict) else None, usage) == usage


def test_an_error_event_is_an_error() -> None:
    with pytest.raises(AnthropicStreamError) as error:
        StreamTranslator().feed({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert (error.value.type, error.value.message) == ("overloaded_error", "Overloaded")


@pytest.mark.parametrize("event", [{"type": "ping"}, {"type": "new_event"}, {}, {"type": "content_block_delta"}])
def test_events_without_a_meaning_say_nothing(event: Json) -> None:
    assert StreamTranslator().feed(event) == []
