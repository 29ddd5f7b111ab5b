"""A model that turns in circles is told by its calls and by what they gave."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway_core.wire.tool_loops import call_ids, circling


def call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "call_x", "type": "function", "function": {"name": name, "arguments": arguments}}


def step(result: Any, *calls: dict[str, Any]) -> list[dict[str, Any]]:
    results = [{"role": "tool", "tool_call_id": "call_x", "content": result} for _ in calls]
    return [{"role": "assistant", "content": None, "tool_calls": list(calls)}, *results]


READ = call("read", '{"path": "a.md", "limit": 2}')
ASK: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Read it."}]
MISSING = step("No such file.", READ)


def completion(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": list(calls)}}]}


def test_the_same_call_with_the_same_result_for_the_third_time_is_a_circle() -> None:
    assert circling([*ASK, *MISSING * 3]) == "read"
    assert circling([*ASK, *MISSING * 2]) == ""


def test_the_answer_counts_as_the_newest_call() -> None:
    assert circling([*ASK, *MISSING * 2], completion(READ)) == "read"
    assert circling([*ASK, *MISSING], completion(READ)) == ""
    assert circling([*ASK, *MISSING * 2], completion(call("read", '{"path":"b.md"}'))) == ""
    assert circling([*ASK, *MISSING * 2], completion()) == ""
    assert circling([*ASK, *MISSING * 3], {"choices": [{"message": {"content": "It is missing."}}]}) == ""


def test_spaces_and_the_order_of_arguments_make_no_other_call() -> None:
    other = step("No such file.", call("read", '{"limit":2,"path":"a.md"}'))
    assert circling([*ASK, *MISSING, *other, *MISSING]) == "read"


@pytest.mark.parametrize(
    "between",
    [
        step("# Notes", READ),
        step("No such file.", call("list", "{}")),
        [*MISSING, {"role": "user", "content": "Once more, please."}],
        [*MISSING, {"role": "assistant", "content": "Well."}],
        step("No such file.", READ, READ),
    ],
)
def test_whatever_is_new_is_progress(between: list[dict[str, Any]]) -> None:
    assert circling([*ASK, *MISSING, *between, *MISSING]) == ""


def test_a_call_that_waits_may_be_made_again() -> None:
    poll = call("process", '{"action":"poll","sessionId":"amber-reef"}')
    assert circling([*ASK, *step("still running", poll) * 5]) == ""


@pytest.mark.parametrize("result", ["ok", "Successfully wrote 4 bytes to fruit.txt", '{"ok": true}', "Erledigt."])
def test_what_was_done_may_be_done_again(result: str) -> None:
    assert circling([*ASK, *step(result, call("key", '{"key":"Down"}')) * 4]) == ""


def test_another_picture_is_another_result() -> None:
    shots = [step([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{n}"}}], READ) for n in "abc"]
    assert circling([*ASK, *shots[0], *shots[1], *shots[2]]) == ""
    assert circling([*ASK, *shots[0] * 3]) == "read"


def test_markers_of_a_prompt_cache_change_no_result() -> None:
    marked = step([{"type": "text", "text": "No such file.", "cache_control": {"type": "ephemeral"}}], READ)
    plain = step([{"type": "text", "text": "No such file."}], READ)
    assert circling([*ASK, *plain, *plain, *marked]) == "read"


def test_what_has_no_shape_is_no_circle() -> None:
    assert circling([]) == ""
    assert circling([None, 3, {"role": "assistant", "tool_calls": ["x"]}, {"role": "assistant", "tool_calls": 7}]) == ""
    broken = step("?", {"function": {"name": None, "arguments": "{"}}) * 3
    assert circling(broken, json.loads("{}")) == ""


def test_ids_are_told_without_what_clients_drop() -> None:
    assert call_ids({"tool_calls": [{"id": "call_1_a"}, {"id": None}, "x"]}) == ("call1a",)
    assert call_ids(None) == ()
