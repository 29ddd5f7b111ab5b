"""Answers as Responses and back: nothing is lost that both can say, whatever way an answer takes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model import JsonObject, Refusal
from gateway_core.wire.openai_chat import Aggregator, as_chunks, first_choice
from gateway_core.wire.responses_items import seal, unseal
from gateway_core.wire.responses_native import NativeStream, completion_of
from gateway_core.wire.responses_request import to_chat
from gateway_core.wire.responses_shell import shell
from gateway_core.wire.responses_stream import ResponseWriter, response_of
from gateway_core.wire.responses_tools import Tools, tools_of
from tests.http.events import check_response, check_stream, kinds
from tests.wire.strategies import names, text

ASKED: JsonObject = {"model": "gateway-auto", "input": "Hi"}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 5,
    "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
blocks = st.lists(
    st.one_of(
        st.fixed_dictionaries({"type": st.just("thinking"), "thinking": text, "signature": text}),
        st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": text}),
    ),
    max_size=3,
)


@st.composite
def messages(draw: st.DrawFn) -> JsonObject:
    """An assistant's message with everything that both protocols can say."""
    message: JsonObject = {"role": "assistant", "content": draw(st.one_of(st.none(), text.filter(bool)))}
    for name in ("refusal", "reasoning_content"):
        if (value := draw(text)) and draw(st.booleans()):
            message[name] = value
    if thinking := draw(blocks):
        message["thinking_blocks"] = thinking
    calls = draw(st.lists(st.tuples(names, text), max_size=3))
    if calls:
        message["tool_calls"] = [
            {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for index, (name, arguments) in enumerate(calls)
        ]
    return message


def completion(message: JsonObject, finish: str = "stop") -> JsonObject:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}


def empty_shell() -> JsonObject:
    return shell(ASKED, "resp_1", 1, "gateway-auto", stored=True)


def streamed(whole: JsonObject, tools: Tools | None = None) -> list[JsonObject]:
    """The events of a completion that comes in pieces."""
    writer = ResponseWriter(empty_shell(), tools or Tools())
    events: list[JsonObject] = []
    for chunk in as_chunks(whole):
        events += writer.feed(chunk)
    writer.feed({"choices": [], "usage": whole.get("usage")})
    return [*events, *writer.finish(2)]


def returned(response: JsonObject) -> JsonObject:
    """The message that a client's next request carries, when it returns the items it was given."""
    (message,) = to_chat({"model": "m", "input": response["output"]})["messages"]
    assert isinstance(message, dict)
    return message


def in_order(response: JsonObject) -> JsonObject:
    """A response whose messages' parts are in an order of their own: pieces may come refusal first."""
    items = [
        {**item, "content": sorted(item["content"], key=lambda part: str(part["type"]))} if "content" in item else item
        for item in response["output"]
    ]
    return {**response, "output": items}


def same(message: JsonObject) -> JsonObject:
    """A message without what says nothing."""
    return {name: value for name, value in message.items() if value is not None and value != []}


@given(messages())
def test_an_answer_comes_back_as_it_was_given(message: JsonObject) -> None:
    response = response_of(completion(message), empty_shell(), Tools(), 2)
    check_response(response)
    expected = same(message)
    if set(expected) <= {"role", "reasoning_content", "thinking_blocks"}:
        return  # nothing but thoughts: there is no message to give back, or an empty one
    assert same(returned(response)) == expected


@given(messages(), st.sampled_from(["stop", "length", "tool_calls", "content_filter"]))
def test_a_stream_is_legal_and_ends_in_what_the_whole_answer_is(message: JsonObject, finish: str) -> None:
    whole = completion(message, finish)
    events = streamed(whole)
    check_stream(events)
    assert in_order(events[-1]["response"]) == in_order(response_of(whole, empty_shell(), Tools(), 2))


@given(messages())
def test_what_openai_answers_is_the_same_chat_completion_streamed_and_not(message: JsonObject) -> None:
    """There and back through OpenAI's own events: nothing of the answer is lost on the way into the caches."""
    message = {name: value for name, value in message.items() if name != "thinking_blocks"}
    events = streamed(completion(message))
    stream, aggregator = NativeStream(), Aggregator()
    for event in events:
        for chunk in stream.feed(event):
            aggregator.add(chunk)
    made = aggregator.completion()
    whole = completion_of(events[-1]["response"])

    assert stream.finished
    for answer in (made, whole):
        said = (first_choice(answer) or {})["message"]
        assert {**same(message), "content": message["content"] or ""} == {"content": "", **same(said)}
        assert answer["usage"] == USAGE
        assert (first_choice(answer) or {})["finish_reason"] == ("tool_calls" if message.get("tool_calls") else "stop")


@given(blocks)
def test_a_seal_opens_to_what_was_sealed(thinking: list[JsonObject]) -> None:
    assert unseal(seal(thinking)) == thinking


def chunks(*deltas: JsonObject, **more: Any) -> list[JsonObject]:
    return [{"model": "m", "choices": [{"index": 0, "delta": delta, **more}]} for delta in deltas]


def events_of(*pieces: JsonObject, finish: str = "stop", tools: Tools | None = None) -> list[JsonObject]:
    writer = ResponseWriter(empty_shell(), tools or Tools())
    events = [event for piece in pieces for event in writer.feed(piece)]
    events += writer.feed({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": USAGE})
    events += writer.finish(2)
    check_stream(events)
    return events


def test_usage_is_told_in_the_words_of_responses() -> None:
    assert events_of(*chunks({"content": "x"}))[-1]["response"]["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 14,
    }


def test_thinking_between_words_is_an_item_between_items() -> None:
    first, second = {"type": "thinking", "thinking": "a"}, {"type": "thinking", "thinking": "b"}
    events = events_of(
        *chunks(
            {"reasoning_content": "a"},
            {"thinking_blocks": [first]},
            {"content": "one"},
            {"reasoning_content": "b"},
            {"thinking_blocks": [second]},
            {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]},
        )
    )
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "reasoning", "function_call"]
    assert [unseal(output[at]["encrypted_content"]) for at in (0, 2)] == [[first], [second]]


def test_words_before_and_after_a_thought_are_two_messages() -> None:
    events = events_of(*chunks({"content": "one"}, {"reasoning_content": "hm"}, {"content": "two"}))
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "reasoning", "message"]
    done = [event["output_index"] for event in events if event["type"] == "response.output_item.done"]
    assert done == [0, 1, 2]


def test_calls_whose_pieces_come_mixed_are_put_together() -> None:
    def piece(index: int, **function: str) -> JsonObject:
        head = {"id": f"c{index}", "type": "function"} if "name" in function else {}
        return {"tool_calls": [{"index": index, **head, "function": function}]}

    events = events_of(
        *chunks(
            piece(0, name="f", arguments=""),
            piece(1, name="g", arguments='{"b"'),
            piece(0, arguments='{"a"'),
            piece(1, arguments=":2}"),
            piece(0, arguments=":1}"),
        ),
        finish="tool_calls",
    )
    calls = events[-1]["response"]["output"]
    assert [(call["call_id"], call["name"], call["arguments"]) for call in calls] == [
        ("c0", "f", '{"a":1}'),
        ("c1", "g", '{"b":2}'),
    ]


def test_a_server_that_numbers_every_call_0_or_none_has_several_calls_all_the_same() -> None:
    pieces: list[JsonObject] = [
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "id": "b", "function": {"name": "f", "arguments": "{}"}}]},
        {"tool_calls": [{"function": {"name": "g", "arguments": "{}"}, "id": "d"}]},
    ]
    calls = events_of(*chunks(*pieces))[-1]["response"]["output"]
    assert [call["call_id"] for call in calls] == ["a", "b", "d"]


def test_a_call_without_an_id_gets_one_and_one_cut_off_is_incomplete() -> None:
    events = events_of(
        *chunks({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '{"a'}}]}), finish="length"
    )
    (call,) = events[-1]["response"]["output"]
    assert call["call_id"] and call["status"] == "incomplete"
    assert kinds(events)[-1] == "incomplete"


def test_log_probabilities_stand_on_the_part_they_are_of() -> None:
    entry = {"token": "ä", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "b", "logprob": -1}]}
    (piece,) = chunks({"content": "ä"}, logprobs={"content": [entry], "refusal": None})
    events = events_of(piece)
    part = events[-1]["response"]["output"][0]["content"][0]
    assert part["logprobs"] == [
        {
            "token": "ä",
            "logprob": -0.5,
            "bytes": [195, 164],
            "top_logprobs": [{"token": "b", "logprob": -1, "bytes": [98]}],
        }
    ]
    delta = next(event for event in events if event["type"] == "response.output_text.delta")
    assert delta["logprobs"][0]["token"] == "ä"


def test_citations_are_annotations_on_both_sides() -> None:
    citation = {"url": "https://example.org", "title": "t", "start_index": 0, "end_index": 1}
    events = events_of(
        *chunks(
            {"content": "x"}, {"annotations": [{"type": "url_citation", "url_citation": citation}, {"type": "odd"}]}
        )
    )
    response = events[-1]["response"]
    assert response["output"][0]["content"][0]["annotations"] == [{"type": "url_citation", **citation}]
    message = (first_choice(completion_of(response)) or {})["message"]
    assert message["annotations"] == [{"type": "url_citation", "url_citation": citation}]


def test_an_answer_that_says_nothing_is_an_empty_message() -> None:
    events = events_of()
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_a_failure_tells_what_was_said_before_it_and_which_kind_it_is() -> None:
    for refusal, code in (
        (Refusal("upstream_error", "x failed.", 502), "server_error"),
        (Refusal("budget_exceeded", "daily limit", 429), "rate_limit_exceeded"),
        (Refusal("context_length_exceeded", "too long", 400), "invalid_prompt"),
    ):
        writer = ResponseWriter(empty_shell(), Tools())
        events = writer.fail(refusal)
        check_stream(events)
        assert events[-1]["response"]["error"] == {"code": code, "message": refusal.message}


def test_items_chat_has_no_word_for_are_kept_out_of_the_caches() -> None:
    item = {"type": "computer_call", "id": "cc_1", "call_id": "c", "action": {"type": "wait"}}
    response = {**empty_shell(), "status": "completed", "output": [item]}
    choice = first_choice(completion_of(response)) or {}
    assert choice["finish_reason"] == "computer_call"
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "computer_call"


def test_long_names_in_a_namespace_are_shortened_and_found_again() -> None:
    inner = {"type": "function", "name": "n" * 60, "parameters": {}}
    tools = tools_of({"model": "m", "tools": [{"type": "namespace", "name": "mcp__s", "tools": [inner]}]})
    (name,) = tools.names
    assert len(name) <= 64
    call = {"index": 0, "id": "c", "function": {"name": name, "arguments": "{}"}}
    (item,) = events_of(*chunks({"tool_calls": [call]}), tools=tools)[-1]["response"]["output"]
    assert (item["namespace"], item["name"]) == ("mcp__s", "n" * 60)
