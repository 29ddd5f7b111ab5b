"""Gives every tool call of a chat completion an index and an id of its own.

Clients put the pieces of a stream together by index and answer calls by id. Some servers give every call the index 0,
none at all, or one id to several calls or to none, and some repeat id and name with every piece, which the openai SDK
joins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from gateway_core.model import JsonObject
from gateway_core.wire.openai_chat import first_choice, goes_on


def new_call_id() -> str:
    """For a call that came without one: no other in its conversation has it."""
    return f"call{uuid4().hex[:24]}"


class _Call:
    """One call: its index as the server and as the client has it, its id likewise."""

    def __init__(self, given_index: Any, index: int) -> None:
        self.given_index = given_index
        self.index = index
        self.begun = False
        self.given_id: Any = None
        self.name = ""


class CallNumbers:
    """Puts the pieces of one stream right, chunk by chunk. Calls are told apart as the ``Aggregator`` does; one without
    an id gets that of ``make_id``."""

    def __init__(self, make_id: Callable[[], str]) -> None:
        self._make_id = make_id
        self._calls: list[_Call] = []
        self._ids: set[str] = set()

    def put_right(self, chunk: JsonObject) -> JsonObject:
        """The chunk itself, or a copy where its tool calls had to be changed."""
        choice = first_choice(chunk)
        delta = choice.get("delta") if choice else None
        pieces = delta.get("tool_calls") if isinstance(delta, dict) else None
        if choice is None or not isinstance(delta, dict) or not isinstance(pieces, list):
            return chunk
        made = [self._piece(piece) for piece in pieces if isinstance(piece, dict)]
        if made == pieces:
            return chunk
        return {**chunk, "choices": [{**choice, "delta": {**delta, "tool_calls": made}}]}

    def _piece(self, piece: JsonObject) -> JsonObject:
        call = self._call_for(piece)
        made = {**piece, "index": call.index}
        given, function = piece.get("id"), piece.get("function")
        if not call.begun:
            made["id"] = unique(str(given or self._make_id()), self._ids)
        elif given:
            del made["id"]
        call.begun, call.given_id = True, call.given_id or given
        if isinstance(function, dict) and isinstance(name := function.get("name"), str):
            if name and name == call.name:
                made["function"] = {key: value for key, value in function.items() if key != "name"}
            else:
                call.name += name
        return made

    def _call_for(self, piece: JsonObject) -> _Call:
        for call in reversed(self._calls):
            if goes_on(piece, call.given_index, call.given_id):
                return call
        self._calls.append(_Call(piece.get("index"), len(self._calls)))
        return self._calls[-1]


def unique(wished: str, taken: set[str]) -> str:
    """``wished``, or the next free name after it; it is taken from now on."""
    made, number = wished, 1
    while made in taken:
        number += 1
        made = f"{wished}_{number}"
    taken.add(made)
    return made


def with_own_ids(completion: JsonObject, make_id: Callable[[], str]) -> JsonObject:
    """A whole completion whose calls have different ids: itself where they do. One without gets that of ``make_id``."""
    choice = first_choice(completion)
    message = choice.get("message") if choice else None
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    if choice is None or not isinstance(message, dict) or not isinstance(calls, list):
        return completion
    taken: set[str] = set()
    made = [{**call, "id": unique(str(call.get("id") or make_id()), taken)} for call in calls]
    if made == calls:
        return completion
    return {**completion, "choices": [{**choice, "message": {**message, "tool_calls": made}}]}
