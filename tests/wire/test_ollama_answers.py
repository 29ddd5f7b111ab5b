"""Lines of Ollama's own chat become the chunks that any client of chat completions knows."""

from __future__ import annotations

import itertools
import json

import pytest

from gateway_core.model import JsonObject, Usage
from gateway_core.wire.ollama_answers import AnswerTranslator, NoAnswer, error_text, overflow_of, read_ollama_usage
from gateway_core.wire.openai_chat import Aggregator, finish_reason
from tests.fakes.ollama import DATA, recording

DONE: JsonObject = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}


def translator() -> AnswerTranslator:
    numbers = itertools.count(1)
    return AnswerTranslator("chatcmpl-1", 1_795_000_000, lambda: f"call{next(numbers)}")


def said(**message: object) -> JsonObject:
    return {"model": "m", "message": {"role": "assistant", "content": "", **message}, "done": False}


def whole(lines: list[JsonObject], using: AnswerTranslator | None = None) -> JsonObject:
    using, aggregator = using or translator(), Aggregator()
    for line in lines:
        for chunk in using.feed(line):
            aggregator.add(chunk)
    return aggregator.completion()


def recorded(name: str) -> list[JsonObject]:
    lines = (DATA / f"{name}.ndjson").read_text("utf-8").splitlines()
    return [json.loads(line.partition("\t")[2]) for line in lines]


def test_the_recorded_stream_is_its_text_its_length_and_its_counts() -> None:
    made = translator()
    completion = whole(recorded("chat_stream"), made)
    choice = completion["choices"][0]
    assert choice["message"]["content"].startswith("Hello there. I'm")
    assert (choice["finish_reason"], completion["model"]) == ("length", "smollm2:135m")
    assert made.finished and made.usage == Usage(input_tokens=12, output_tokens=24)


def test_the_first_chunk_has_the_role_and_every_chunk_one_id_and_time() -> None:
    made = translator()
    chunks = [chunk for line in (said(content="a"), said(content="b"), DONE) for chunk in made.feed(line)]
    roles = [chunk["choices"][0]["delta"].get("role") for chunk in chunks]
    assert roles == ["assistant", None, None]
    assert {(chunk["id"], chunk["created"]) for chunk in chunks} == {("chatcmpl-1", 1_795_000_000)}
    assert [finish_reason(chunk) for chunk in chunks] == [None, None, "stop"]


def test_an_answer_without_a_word_still_has_a_role_and_an_end() -> None:
    completion = whole([DONE])
    assert completion["choices"][0]["message"] == {"role": "assistant", "content": ""}
    assert completion["choices"][0]["finish_reason"] == "stop"


def test_thinking_is_reasoning() -> None:
    message = whole([said(thinking="Hm, "), said(thinking="yes."), said(content="Yes."), DONE])["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("Hm, yes.", "Yes.")


def test_tool_calls_have_ids_of_their_own_and_arguments_as_text() -> None:
    calls = [{"id": "call_1", "function": {"name": "f", "arguments": {"b": "é", "a": [1]}}}]
    more = [{"id": "call_1", "function": {"index": 0, "name": "g", "arguments": None}}]
    choice = whole([said(tool_calls=calls), said(tool_calls=more), DONE])["choices"][0]
    first, second = choice["message"]["tool_calls"]
    assert (first["id"], second["id"]) == ("call1", "call2"), "Ollama's own may come twice"
    assert (first["function"], second["function"]["arguments"]) == (
        {"name": "f", "arguments": '{"b":"é","a":[1]}'},
        "{}",
    )
    assert choice["finish_reason"] == "tool_calls"


def test_a_tool_call_that_ran_out_of_room_ended_with_length() -> None:
    calls = [{"function": {"name": "f", "arguments": {}}}]
    completion = whole([said(tool_calls=calls), {**DONE, "done_reason": "length"}])
    assert completion["choices"][0]["finish_reason"] == "length"


def test_logprobs_are_in_openais_shape() -> None:
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}
    line = {**said(content="Hi"), "logprobs": [{**token, "top_logprobs": [token]}, {"token": "!", "logprob": -1}]}
    logprobs = whole([line, DONE])["choices"][0]["logprobs"]
    assert logprobs["content"][0]["top_logprobs"] == [token]
    assert logprobs["content"][1] == {"token": "!", "logprob": -1, "bytes": None, "top_logprobs": []}


@pytest.mark.parametrize(
    "line",
    [
        {"done": False},
        {"message": "hello", "done": False},
        said(tool_calls="f"),
        said(tool_calls=["f"]),
        said(tool_calls=[{"function": {"arguments": {}}}]),
        said(tool_calls=[{"function": {"name": ""}}]),
        {**DONE, "done_reason": "load"},
        {**DONE, "done_reason": "unload"},
    ],
)
def test_a_line_that_is_no_answer_is_refused(line: JsonObject) -> None:
    with pytest.raises(NoAnswer):
        translator().feed(line)


def test_counts_that_are_missing_are_not_made_up() -> None:
    assert read_ollama_usage({"done": True}) is None
    assert read_ollama_usage({"eval_count": 7}) == Usage(output_tokens=7)
    assert read_ollama_usage({"prompt_eval_count": "many", "eval_count": float("nan")}) is None


def test_the_recorded_overflow_tells_both_numbers() -> None:
    assert overflow_of(recording("chat_truncate_false")["body"].encode()) == (6075, 4096)


@pytest.mark.parametrize("name", ["chat_shift_false", "chat_tools_unsupported", "chat_missing_model"])
def test_other_errors_are_no_overflow_with_numbers(name: str) -> None:
    assert overflow_of(recording(name)["body"].encode()) is None


@pytest.mark.parametrize("body", [b"", b"404 page not found", b"[]", b'{"error":{"message":"x"}}', b"\xff{"])
def test_an_error_of_another_program_has_no_text(body: bytes) -> None:
    assert error_text(body) is None and overflow_of(body) is None
