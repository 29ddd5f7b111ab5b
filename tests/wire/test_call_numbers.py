"""Every call of a stream under an index and an id of its own, whatever the server gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from gateway_core.model import JsonObject
from gateway_core.wire.call_numbers import CallNumbers, with_own_ids
from gateway_core.wire.openai_chat import make_chunk


def piece(index: Any, call_id: str | None, name: str | None, arguments: str) -> JsonObject:
    head = {name: value for name, value in (("index", index), ("id", call_id)) if value is not None}
    function = {"arguments": arguments, **({"name": name} if name is not None else {})}
    return {**head, "type": "function", "function": function}


def made_ids() -> Callable[[], str]:
    """Ids that can be told from those of a server."""
    numbers = itertools.count(1)
    return lambda: f"made{next(numbers)}"


def called(*pieces: JsonObject) -> list[tuple[str, str, str]]:
    """Id, name and arguments of the calls as the openai SDK puts them together."""
    numbers, state = CallNumbers(made_ids()), ChatCompletionStreamState()
    for one in pieces:
        chunk = numbers.put_right(make_chunk("c", "m", {"tool_calls": [one]}))
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    state.handle_chunk(ChatCompletionChunk.model_validate(make_chunk("c", "m", {}, finish="tool_calls")))
    calls: Any = state.get_final_completion().choices[0].message.tool_calls or ()
    return [(call.id, call.function.name, call.function.arguments) for call in calls]


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(0, "a", "f", '{"x":'), piece(1, "b", "g", "{"), piece(0, None, None, "1}"), piece(1, None, None, "}")],
        [piece(0, "a", "f", '{"x":1}'), piece(0, "b", "g", "{}")],
        [piece(None, "a", "f", '{"x":'), piece(None, None, None, "1}"), piece(None, "b", "g", "{}")],
        [piece(7, "a", "f", '{"x":1}'), piece(3, "b", "g", "{}")],
        [piece([1], "a", "f", '{"x":1}'), piece([2], "b", "g", "{}")],
        [piece(0, "a", "f", '{"x":'), piece(0, "a", "f", "1}"), piece(1, "b", "g", ""), piece(1, "b", "g", "{}")],
    ],
)
def test_two_calls_are_two_for_the_sdk(pieces: list[JsonObject]) -> None:
    assert called(*pieces) == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_two_calls_of_one_id_can_be_told_apart() -> None:
    pieces = [piece(0, "a", "f", "{"), piece(1, "a", "f", "{}"), piece(0, "a", None, "}")]
    assert called(*pieces) == [("a", "f", "{}"), ("a_2", "f", "{}")]
    calls = [{"id": "a"}, {"id": "a"}, {"id": "b"}, {"id": ""}, {}]
    made = with_own_ids({"choices": [{"index": 0, "message": {"tool_calls": calls}}]}, made_ids())
    assert [call["id"] for call in made["choices"][0]["message"]["tool_calls"]] == ["a", "a_2", "b", "made1", "made2"]


@pytest.mark.parametrize("none", [None, ""])
def test_calls_without_ids_get_one_each(none: str | None) -> None:
    pieces = [piece(0, none, "f", "{"), piece(0, none, None, "}"), piece(1, "b", "g", ""), piece(2, none, "f", "{}")]
    assert called(*pieces) == [("made1", "f", "{}"), ("b", "g", ""), ("made2", "f", "{}")]


def test_an_id_that_comes_late_is_not_put_behind_the_one_that_was_made() -> None:
    pieces = [piece(0, None, "f", "{"), piece(0, "late", None, "}"), piece(0, "late", None, "")]
    assert called(*pieces) == [("made1", "f", "{}")]


def test_a_name_in_pieces_stays_whole() -> None:
    assert called(piece(0, "a", "wea", ""), piece(0, None, "ther", "{}")) == [("a", "weather", "{}")]


def test_what_is_right_is_left_as_it_is() -> None:
    chunk = make_chunk("c", "m", {"tool_calls": [piece(0, "a", "f", "{}")]})
    assert CallNumbers(made_ids()).put_right(chunk) is chunk
    completion = {"choices": [{"index": 0, "message": {"tool_calls": [{"id": "a"}, {"id": "b"}]}}]}
    assert with_own_ids(completion, made_ids()) is completion
