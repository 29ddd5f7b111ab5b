"""Which completions are answers, and what is put right in those that nearly are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model import JsonObject
from gateway_core.wire.answer_checks import EMPTY, examine, may_be_call, tools_of

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
TOOLS = {"weather": SCHEMA, "now": {"type": "object", "properties": {}}, "free": None}


def completion(content: Any = None, *calls: tuple[str, str], finish: str | None = "stop", **more: Any) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": content, **more}
    if calls:
        message["tool_calls"] = [
            {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for n, (name, arguments) in enumerate(calls)
        ]
    return {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def called(found: JsonObject) -> list[tuple[str, str]]:
    calls = found["choices"][0]["message"].get("tool_calls") or []
    return [(call["function"]["name"], call["function"]["arguments"]) for call in calls]


def test_an_answer_is_left_as_it_is() -> None:
    for sound in (
        completion("Hello."),
        completion(None, ("weather", '{"city": "Oslo"}'), finish="tool_calls"),
        completion("Let me look.", ("weather", '{"city":"Oslo","days":3}'), ("now", "{}"), finish="tool_calls"),
        completion(None, refusal="I will not."),
        completion([{"type": "text", "text": "Hello."}]),
    ):
        found = examine(sound, TOOLS)
        assert (found.flaw, found.repairs) == ("", ())
        assert found.completion is sound


@pytest.mark.parametrize("content", [None, "", "  \n\t"])
@pytest.mark.parametrize("finish", ["stop", None, "tool_calls"])
def test_an_answer_without_a_word_is_empty(content: str | None, finish: str | None) -> None:
    assert examine(completion(content, finish=finish, reasoning="I thought."), {}).flaw == EMPTY


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_an_answer_that_was_cut_off_before_its_first_word_is_what_was_asked_for(finish: str) -> None:
    assert examine(completion("", finish=finish), TOOLS).flaw == ""


@pytest.mark.parametrize(
    ("call", "usable"),
    [
        (("weather", '{"city": "Os'), False),
        (("weather", "Oslo"), False),
        (("weather", '["Oslo"]'), False),
        (("weather", ""), False),
        (("weather", "{}"), True),
        (("weather", '{"city": ["Oslo"]}'), True),
        (("wether", '{"city": "Oslo"}'), True),
        (("", "{}"), False),
    ],
)
def test_a_call_that_cannot_be_run_is_a_flaw(call: tuple[str, str], usable: bool) -> None:
    found = examine(completion(None, call, finish="tool_calls"), TOOLS)
    assert found.flaw.startswith("called a tool wrongly")
    assert found.usable is usable


@pytest.mark.parametrize(
    ("call", "right"),
    [
        (("now", ""), ("now", "{}")),
        (("free", "null"), ("free", "{}")),
        (("weather", '{"city": "Oslo",}'), ("weather", '{"city": "Oslo"}')),
        (("weather", json.dumps('{"city": "Oslo"}')), ("weather", '{"city": "Oslo"}')),
        (("weather", '{"city": "Oslo", "days": "3"}'), ("weather", '{"city": "Oslo", "days": 3}')),
        ((" weather", '{"city": "Oslo"}'), ("weather", '{"city": "Oslo"}')),
        (("functions.weather", '{"city": "Oslo"}'), ("weather", '{"city": "Oslo"}')),
    ],
)
def test_what_is_certain_is_put_right(call: tuple[str, str], right: tuple[str, str]) -> None:
    found = examine(completion(None, call, finish="tool_calls"), TOOLS)
    assert (found.flaw, len(found.repairs)) == ("", 1)
    (name, arguments), *_ = called(found.completion)
    assert (name, json.loads(arguments)) == (right[0], json.loads(right[1]))


def test_calls_get_ids_that_differ() -> None:
    twice = completion(None, ("now", "{}"), ("now", "{}"), finish="tool_calls")
    for call in twice["choices"][0]["message"]["tool_calls"]:
        call["id"] = ""
    found = examine(twice, TOOLS)
    ids = [call["id"] for call in found.completion["choices"][0]["message"]["tool_calls"]]
    assert all(ids) and len(set(ids)) == 2


def test_a_call_of_a_kind_that_is_no_function_is_left_alone() -> None:
    odd = completion(None, ("now", "{}"), finish="tool_calls")
    odd["choices"][0]["message"]["tool_calls"] = [{"id": "c", "type": "custom", "custom": {"name": "x", "input": "y"}}]
    assert examine(odd, TOOLS).flaw == ""


ARGS = '{"name": "weather", "arguments": {"city": "Oslo"}}'


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>\n{ARGS}\n</tool_call>",
        f"  <tool_call>{ARGS}</tool_call>",
        f"<tool_call>{ARGS}",
        '<function=weather>{"city": "Oslo"}</function>',
        f"<|python_tag|>{ARGS}",
        '<|python_tag|>{"name": "weather", "parameters": {"city": "Oslo"}}',
        f"[TOOL_CALLS][{ARGS}]",
    ],
)
def test_a_call_in_a_models_own_marks_is_a_flaw_and_is_made_a_call(text: str) -> None:
    assert may_be_call(text)
    found = examine(completion(text), TOOLS)
    assert found.flaw == "wrote a tool call as text"
    assert called(found.completion) == [("weather", '{"city": "Oslo"}')]
    assert found.completion["choices"][0]["finish_reason"] == "tool_calls"
    assert found.completion["choices"][0]["message"]["content"] is None


@pytest.mark.parametrize(
    "text",
    [
        ARGS,
        f"```json\n{ARGS}\n```",
        f"[{ARGS}]",
        '{"function": {"name": "weather", "arguments": "{\\"city\\": \\"Oslo\\"}"}}',
        '{"tool_calls": [{"type": "function", "function": {"name": "now", "arguments": {}}}]}',
        '{"tool": "now"}',
    ],
)
def test_bare_json_that_names_a_tool_is_a_flaw_but_is_never_run(text: str) -> None:
    found = examine(completion(text), TOOLS)
    assert found.flaw == "wrote a tool call as text"
    assert called(found.completion) == []


def test_two_calls_in_a_row_are_both_made() -> None:
    text = f'<tool_call>{ARGS}</tool_call>\n<tool_call>{{"name": "now", "arguments": {{}}}}</tool_call>'
    assert [name for name, _ in called(examine(completion(text), TOOLS).completion)] == ["weather", "now"]


def test_marks_with_nonsense_in_them_are_a_flaw_and_are_not_run() -> None:
    found = examine(completion("<tool_call>{weather: Oslo}</tool_call>"), TOOLS)
    assert found.flaw and called(found.completion) == []


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Ada", "age": 36}',
        '{"name": "unknown_tool", "arguments": {}}',
        '{"type": "object", "properties": {}}',
        '{"answer": 42}',
        "```json\n{}\n```",
        "[1, 2, 3]",
        "<p>Hello</p>",
        "The call would be " + ARGS,
    ],
)
def test_an_answer_that_only_looks_like_a_call_is_an_answer(text: str) -> None:
    assert examine(completion(text), TOOLS).flaw == ""


def test_without_tools_a_text_is_a_text() -> None:
    assert examine(completion(f"<tool_call>{ARGS}</tool_call>"), {}).flaw == ""


@pytest.mark.parametrize(
    "text", ["Hello", "The", "<p>", "[1", '{"answer"', "```python", "Ja", '{"named": ', "<tool_kit>"]
)
def test_ordinary_text_is_known_by_its_first_characters(text: str) -> None:
    assert not may_be_call(text)


@pytest.mark.parametrize("text", ["", "  ", "<", "<tool", "{", '{ "na', "`", "```js", "[", "[TOOL", '{"name": "x'])
def test_what_may_become_a_call_is_waited_for(text: str) -> None:
    assert may_be_call(text)


def test_a_text_of_blanks_and_brackets_takes_no_time() -> None:
    assert not may_be_call("{" + " " * 1_000_000 + "x")


def test_tools_that_are_none_are_left_out() -> None:
    body = {"tools": [{"type": "function", "function": {"name": "a"}}, {"type": "web_search"}, "x", {"function": None}]}
    assert tools_of(body) == {"a": None}
    assert tools_of({}) == tools_of({"tools": None}) == {}


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_whatever_a_model_writes_is_judged(content: str, name: str, arguments: str) -> None:
    found = examine(completion(content, (name, arguments), finish="tool_calls"), TOOLS)
    assert found.flaw or name.strip().removeprefix("functions.") in TOOLS
    examine(completion(content), TOOLS)
