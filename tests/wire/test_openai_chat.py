"""Chunks to completions and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway_core.wire.openai_chat import (
    Aggregator,
    as_chunks,
    canned_completion,
    finish_reason,
    has_content,
    make_chunk,
    text_of,
)
from tests.wire.strategies import completions

Json = dict[str, Any]


def aggregate(chunks: list[Json]) -> Json:
    aggregator = Aggregator()
    for chunk in chunks:
        aggregator.add(chunk)
    return aggregator.completion()


def deltas(*deltas: Json, finish: str | None = "stop") -> list[Json]:
    return [make_chunk("c", "m", delta, created=1) for delta in deltas] + [make_chunk("c", "m", {}, finish, created=1)]


def message(chunks: list[Json]) -> Json:
    found: Json = aggregate(chunks)["choices"][0]["message"]
    return found


@given(completions())
def test_a_completion_survives_being_streamed(completion: Json) -> None:
    chunks = as_chunks(completion)
    assert aggregate(chunks) == completion
    assert finish_reason(chunks[-1]) == completion["choices"][0]["finish_reason"]
    assert not any(finish_reason(chunk) for chunk in chunks[:-1])
    assert chunks[-1]["choices"][0]["delta"] == {}


@given(completions())
def test_streamed_chunks_are_legal_to_the_sdk(completion: Json) -> None:
    ChatCompletion.model_validate(completion)
    for chunk in as_chunks(completion):
        ChatCompletionChunk.model_validate(chunk)


@given(completions())
def test_the_text_of_a_stream_is_the_text_of_the_whole(completion: Json) -> None:
    chunks = as_chunks(completion)
    assert sorted("".join(map(text_of, chunks))) == sorted(text_of(completion))
    assert any(map(has_content, chunks)) == has_content(completion)


def test_tool_calls_are_collected_by_index() -> None:
    found = message(
        deltas(
            {"role": "assistant", "content": None},
            {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
            {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{"}}]},
            {
                "tool_calls": [
                    {"index": 0, "function": {"arguments": "{}"}},
                    {"index": 1, "function": {"arguments": "}"}},
                ]
            },
        )
    )
    assert found["content"] is None
    assert [(call["id"], call["function"]) for call in found["tool_calls"]] == [
        ("a", {"name": "f", "arguments": "{}"}),
        ("b", {"name": "g", "arguments": "{}"}),
    ]


@pytest.mark.parametrize("index", [{"index": 0}, {}])
def test_calls_of_servers_that_do_not_number_them_stay_apart(index: Json) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = message(
        deltas({"tool_calls": [{**index, "id": "a", **call}]}, {"tool_calls": [{**index, "id": "b", **call}]})
    )
    assert [call["id"] for call in found["tool_calls"]] == ["a", "b"]


def test_a_name_sent_again_is_not_doubled() -> None:
    piece = {"index": 0, "function": {"name": "f", "arguments": "x"}}
    [call] = message(deltas({"tool_calls": [piece]}, {"tool_calls": [piece]}))["tool_calls"]
    assert call["function"] == {"name": "f", "arguments": "xx"}


def test_reasoning_refusal_and_unknown_fields_are_kept() -> None:
    found = message(
        deltas(
            {"role": "assistant", "content": "", "reasoning": "let ", "channel": "analysis"},
            {"reasoning": "me", "reasoning_details": [{"text": "let "}], "channel": "analysis"},
            {"refusal": "No", "reasoning_details": [{"text": "me"}]},
            {"refusal": "."},
        )
    )
    assert found == {
        "role": "assistant",
        "content": "",
        "reasoning": "let me",
        "channel": "analysis",
        "reasoning_details": [{"text": "let "}, {"text": "me"}],
        "refusal": "No.",
    }


def test_logprobs_are_joined() -> None:
    chunks = deltas({"content": "a"}, {"content": "b"})
    for chunk, token in zip(chunks, "ab", strict=False):
        chunk["choices"][0]["logprobs"] = {"content": [{"token": token}], "refusal": None}
    assert aggregate(chunks)["choices"][0]["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}


def test_a_stream_cut_short_has_no_finish_reason() -> None:
    whole = aggregate(deltas({"content": "half"})[:1])
    assert whole["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "half"},
        "finish_reason": None,
    }
    assert aggregate([])["choices"][0]["message"] == {"role": "assistant", "content": None}


def test_the_usage_chunk_is_kept_as_it_came() -> None:
    usage = {"prompt_tokens": 3, "queue_time": 0.1}
    assert aggregate([*deltas({"content": "x"}), {"id": "c", "choices": [], "usage": usage}])["usage"] == usage


def test_garbage_in_a_chunk_is_passed_over() -> None:
    odd: list[Any] = [
        {"choices": None},
        {"choices": [None]},
        {"choices": [{"index": 0, "delta": None}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [None, 3], "content": 5}, "logprobs": 3}]},
        {"choices": [{"index": 1, "delta": {"content": "another choice"}}]},
    ]
    for chunk in odd:
        assert not finish_reason(chunk)
        assert not text_of(chunk)
    assert aggregate(odd)["choices"][0]["message"]["role"] == "assistant"


def test_a_canned_completion_is_a_whole_answer() -> None:
    body = canned_completion("req_1", "gateway-auto", "No.", finish="content_filter")
    ChatCompletion.model_validate(body)
    assert (text_of(body), finish_reason(body)) == ("No.", "content_filter")
