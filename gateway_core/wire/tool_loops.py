"""Whether a model turns in circles: the same call of a tool, again and again, with the same result."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import orjson

from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_object, as_objects
from gateway_core.wire.openai_chat import first_choice

CIRCLES_AT = 3
"""Calls that are the same, one after the other, of a model that turns in circles."""
_WAITS = re.compile(r"poll|wait|sleep|status|watch|progress", re.IGNORECASE)
"""A call that says so asks whether something is done meanwhile: OpenClaw's ``process`` with ``action: poll``."""
_DONE = re.compile(r"\W*(ok(ay)?|done|success\w*|true|erledigt|fertig)\b", re.IGNORECASE)
"""A result that says so is of a call that did something: to press a key or to turn a page again is no circle."""

_Calls = tuple[tuple[str, str], ...]


def circling(messages: Sequence[Any], answer: JsonObject | None = None) -> str:
    """The name of the tool that the model calls for the third time with the same arguments; empty where it does not.

    ``messages`` are a chat request's; with ``answer``, a completion, that has the newest calls. What the tool gave in
    between must have been the same as well, and nobody may have said anything since. A call that waits is none.
    """
    steps: Iterator[tuple[_Calls, tuple[str, ...] | None]] = _steps(messages)
    if answer is not None:
        steps = chain([(_calls_of((first_choice(answer) or {}).get("message")), None)], steps)
    newest = list(islice(steps, CIRCLES_AT))
    if len(newest) < CIRCLES_AT or not (calls := newest[0][0]) or any(one != calls for one, _ in newest):
        return ""
    given = {results for _, results in newest if results is not None}
    if len(given) > 1 or any(_DONE.match(result) for results in given for result in results):
        return ""
    return "" if any(_WAITS.search(f"{name} {arguments}") for name, arguments in calls) else calls[0][0]


def call_ids(message: Any) -> tuple[str, ...]:
    """The ids of an assistant message's tool calls. OpenClaw drops underscores from them, so they go."""
    calls = as_object(message).get("tool_calls")
    if not calls:
        return ()
    ids = (call.get("id") for call in as_objects(calls))
    return tuple(one.replace("_", "") for one in ids if isinstance(one, str))


def _steps(messages: Sequence[Any]) -> Iterator[tuple[_Calls, tuple[str, ...]]]:
    """Each step of the tool loop that ``messages`` end in, the newest first: what was called, and what it gave."""
    results: list[str] = []
    for message in map(as_object, reversed(messages)):
        if message.get("role") in ("tool", "function"):
            results.append(_text(message.get("content")))
        elif message.get("role") == "assistant" and message.get("tool_calls"):
            yield _calls_of(message), tuple(results)
            results = []
        elif message.get("role") not in ("system", "developer"):
            return


def _calls_of(message: Any) -> _Calls:
    functions = [as_object(call.get("function")) for call in as_objects(as_object(message).get("tool_calls"))]
    return tuple((str(one.get("name") or ""), _canonical(one.get("arguments"))) for one in functions)


def _canonical(arguments: Any) -> str:
    """The arguments, however they are spaced and ordered."""
    text = str(arguments or "{}")
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS).decode()
    except (orjson.JSONDecodeError, TypeError):
        return text


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", part)) for part in as_objects(content))
    return str(content or "")
