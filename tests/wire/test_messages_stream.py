"""Chunks as a Messages stream, held against the order of events and against the anthropic SDK's own accumulation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway_core.wire.anthropic_answers import StreamTranslator, from_message
from gateway_core.wire.messages_answers import to_message
from gateway_core.wire.messages_requests import UNSIGNED
from gateway_core.wire.messages_stream import MessageStream
from gateway_core.wire.openai_chat import Aggregator, as_chunks, make_chunk
from tests.fakes.anthropic import events_of
from tests.wire.strategies import completions

Json = dict[str, Any]
EVENTS: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 4},
    "cost": 0.25,
}


def chunk(finish: str | None = None, **delta: Any) -> Json:
    return make_chunk("c", "fake-model", delta, finish)


def call(index: int, **more: Any) -> Json:
    return chunk(tool_calls=[{"index": index, **more}])


def events(*chunks: Json) -> list[Json]:
    """The events of a stream, checked one by one and in their order."""
    stream = MessageStream("msg_1", 17)
    made = [event for one in chunks for event in stream.feed(one)]
    kinds = [event["type"] for event in made if event["type"] != "ping"]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    index, opened = -1, False
    for event in made:
        if event["type"] == "ping":
            continue
        EVENTS.validate_python(event)
        if event["type"] == "content_block_start":
            assert not opened
            index, opened = index + 1, True
        if event["type"].startswith("content_block"):
            assert opened and event["index"] == index
            opened = event["type"] != "content_block_stop"
    assert not opened
    return made


def accumulated(made: list[Json]) -> Json:
    """The message that the SDK makes of a stream."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in made:
        if event["type"] != "ping":
            typed = EVENTS.validate_python(event)
            snapshot = accumulate_event(event=typed, current_snapshot=snapshot, json_bufs=buffers)
    return json.loads(snapshot.to_json())  # type: ignore[no-any-return]


def contents(made: list[Json]) -> list[Json]:
    return accumulated(made)["content"]  # type: ignore[no-any-return]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(completions(), st.dictionaries(st.text(max_size=4), st.text(max_size=60), max_size=3))
def test_the_stream_says_what_the_whole_says(completion: Json, arguments: Json) -> None:
    for made in completion["choices"][0]["message"].get("tool_calls", ()):
        made["function"]["arguments"] = json.dumps(arguments)
    completion = {**completion, "usage": USAGE}
    *chunks, last = as_chunks(completion)
    streamed = accumulated(events(*chunks, {**last, "usage": USAGE}))
    whole = to_message(completion, "msg_1")
    Message.model_validate(whole)
    for one in (streamed, whole):
        one.pop("usage")
    assert {name: streamed[name] for name in ("content", "stop_reason")} == {
        name: whole[name] for name in ("content", "stop_reason")
    }


def test_the_events_of_a_plain_answer() -> None:
    made = events(chunk(role="assistant", content=""), chunk(content="Hal"), chunk(content="lo"), chunk("stop"))
    assert [event["type"] for event in made] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert made[0]["message"]["usage"]["input_tokens"] == 17
    assert made[0]["message"]["model"] == "fake-model"


def test_the_last_event_has_the_true_counts_and_the_cost() -> None:
    made = events(chunk(content="x"), {**chunk("stop"), "usage": USAGE})
    assert made[-2]["usage"] == {
        "input_tokens": 6,
        "cache_creation_input_tokens": 4,
        "cache_read_input_tokens": 20,
        "output_tokens": 5,
        "cost": 0.25,
    }
    assert accumulated(made)["usage"]["input_tokens"] == 6


def test_calls_that_interleave_become_one_block_after_the_other() -> None:
    made = events(
        call(0, id="a", function={"name": "f", "arguments": ""}),
        call(1, id="b", function={"name": "g", "arguments": '{"x"'}),
        call(0, function={"arguments": '{"y": '}),
        call(1, function={"arguments": ": 1}"}),
        chunk(content="Meanwhile."),
        call(0, function={"arguments": "2}"}),
        chunk("tool_calls"),
    )
    assert [(block["type"], block.get("input")) for block in contents(made)] == [
        ("tool_use", {"y": 2}),
        ("tool_use", {"x": 1}),
        ("text", None),
    ]
    assert made[-2]["delta"]["stop_reason"] == "tool_use"


def test_calls_in_a_row_are_streamed_as_they_come() -> None:
    stream = MessageStream("msg_1", 0)
    stream.feed(call(0, id="a", function={"name": "f", "arguments": "{}"}))
    made = stream.feed(call(1, id="b", function={"name": "g", "arguments": '{"x'}))
    assert [event["type"] for event in made] == ["content_block_stop", "content_block_start", "content_block_delta"]


def test_calls_of_servers_that_number_all_of_them_zero_stay_apart() -> None:
    made = events(
        call(0, id="a", function={"name": "f", "arguments": "{}"}),
        call(0, id="b", function={"name": "g", "arguments": "{}"}),
        chunk("stop"),
    )
    assert [block["name"] for block in contents(made)] == ["f", "g"]
    assert made[-2]["delta"]["stop_reason"] == "tool_use"


def test_a_call_without_arguments_or_id_is_a_call() -> None:
    made = events(call(0, function={"name": "now"}), chunk("tool_calls"))
    [block] = contents(made)
    assert (block["name"], block["input"], block["id"]) == ("now", {}, "toolu_0_msg_1")


@pytest.mark.parametrize(
    ("pieces", "given"),
    [
        (["null"], {}),
        (["[1", ", 2]"], {"arguments": [1, 2]}),
        (["  ", '"x"'], {"arguments": "x"}),
        (["no", " JSON"], {"arguments": "no JSON"}),
        ([" ", '{"x":', "1}"], {"x": 1}),
    ],
)
def test_a_call_has_an_object_whatever_the_model_wrote(pieces: list[str], given: Json) -> None:
    """As in an answer that is not streamed: a client gives it back, and Anthropic takes nothing else."""
    opening = call(0, id="a", function={"name": "f", "arguments": ""})
    said = [call(0, function={"arguments": piece}) for piece in pieces]
    (block,) = contents(events(opening, *said, chunk("tool_calls")))
    assert block["input"] == given
    message = {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "".join(pieces)}}]}
    (whole,) = to_message({"choices": [{"message": message}]}, "msg_1")["content"]
    assert whole["input"] == given


def test_thinking_of_other_models_is_marked_as_theirs() -> None:
    made = events(chunk(reasoning="Hm"), chunk(reasoning="m."), chunk(content="Yes."), chunk("stop"))
    assert contents(made)[0] == {"type": "thinking", "thinking": "Hmm.", "signature": UNSIGNED}


def test_reasoning_that_a_server_sends_twice_is_thought_once() -> None:
    made = events(chunk(reasoning_content="Hm"), chunk(reasoning="Hm"), chunk(content="Yes."), chunk("stop"))
    assert contents(made)[0]["thinking"] == "Hm"


def test_claudes_thinking_keeps_its_signature_through_chat() -> None:
    content = [
        {"type": "thinking", "thinking": "Hm. Hm.", "signature": "sig1"},
        {"type": "redacted_thinking", "data": "opaque"},
        {"type": "thinking", "thinking": "", "signature": "sig2"},
        {"type": "text", "text": "Yes."},
    ]
    message: Json = {"id": "m", "model": "c", "content": content, "stop_reason": "end_turn", "usage": {}}
    translator, aggregator = StreamTranslator(), Aggregator()
    chunks = [one for event in events_of({**message, "usage": {}}) for one in translator.feed(event)]
    for one in chunks:
        aggregator.add(one)
    assert contents(events(*chunks)) == content
    kept = aggregator.completion()
    assert to_message(kept, "msg_1")["content"] == content
    assert contents(events(*as_chunks(kept))) == content
    assert to_message(from_message(message), "msg_1")["content"] == content


@pytest.mark.parametrize(
    ("finish", "more", "reason"),
    [
        ("stop", {}, "end_turn"),
        ("length", {}, "max_tokens"),
        ("content_filter", {}, "refusal"),
        ("stop", {"stop_sequence": "END"}, "stop_sequence"),
        ("stop", {"stop_reason": "END"}, "stop_sequence"),
        ("stop", {"stop_reason": 128_009}, "end_turn"),
        ("stop", {"native_finish_reason": "pause_turn"}, "pause_turn"),
        ("length", {"native_finish_reason": "model_context_window_exceeded"}, "model_context_window_exceeded"),
        ("something_new", {}, "end_turn"),
    ],
)
def test_every_finish_has_its_stop_reason(finish: str, more: Json, reason: str) -> None:
    last = chunk(finish)
    last["choices"][0].update(more)
    made = events(chunk(content="x"), last)
    assert made[-2]["delta"]["stop_reason"] == reason
    assert made[-2]["delta"]["stop_sequence"] == ("END" if reason == "stop_sequence" else None)


def test_a_refusal_is_said_and_explained() -> None:
    made = events(chunk(refusal="I will "), chunk(refusal="not."), chunk("stop"))
    message = accumulated(made)
    assert (message["content"][0]["text"], message["stop_reason"]) == ("I will not.", "refusal")
    assert message["stop_details"]["explanation"] == "I will not."


def test_a_mild_answer_is_no_refusal() -> None:
    stream = MessageStream("msg_1", 0, mild=True)
    made = [event for one in (chunk(content="No."), chunk("content_filter")) for event in stream.feed(one)]
    assert made[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None}


def test_nothing_begins_before_there_is_content_but_pings() -> None:
    stream = MessageStream("msg_1", 0)
    assert stream.feed(chunk(role="assistant", content="")) == []
    assert stream.feed(chunk(content="")) == [{"type": "ping"}]
    assert stream.feed({**chunk(content="x"), "model": "second"})[0]["message"]["model"] == "second"


def test_a_pause_inside_an_answer_is_bridged_by_pings() -> None:
    stream = MessageStream("msg_1", 0)
    stream.feed(chunk(content="x"))
    assert stream.feed(chunk(content="")) == [{"type": "ping"}]


def test_an_empty_answer_is_a_legal_stream() -> None:
    assert accumulated(events(chunk("stop")))["content"] == []


@pytest.mark.parametrize(
    "delta",
    [
        {"content": ["x"]},
        {"tool_calls": "x"},
        {"tool_calls": [None, {"function": 3}]},
        {"thinking_blocks": [None, {"type": "thinking"}, {"type": "thinking", "thinking": 3, "signature": "s"}]},
        {"reasoning": {"a": 1}},
    ],
)
def test_broken_pieces_break_no_stream(delta: Json) -> None:
    events({"choices": [{"index": 0, "delta": delta}]}, chunk(content="x"), chunk("stop"))
