"""What of a request's bodies is searched: what was new in it, and the answer.

A client sends the whole conversation with every turn (an OpenClaw body has 63 to 150 kB): what came before was new in
an earlier request and is found there. System prompts and the client's tools are not searched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway_core.model import JsonObject
from gateway_core.search_words import joined, words_of

MOST_CHARACTERS = 8_000
"""Of each message and of the answer: from a longer text its first and its last half of that."""
MOST_MESSAGES = 8
"""The last ones of a turn: a loop of tools may answer many calls at once."""


def said_words(messages: Sequence[JsonObject], answer: JsonObject | None) -> str:
    """The words of the messages behind the last answer, and of the answer, ``joined``."""
    fresh: list[JsonObject] = []
    for message in reversed(messages):
        if message.get("role") == "assistant" or len(fresh) == MOST_MESSAGES:
            break
        if message.get("role") not in ("system", "developer"):
            fresh.insert(0, message)
    texts = [*map(_text, fresh), _text(answer) if answer else ""]
    return joined(words_of(_bounded(text)) for text in texts)


def _bounded(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[: MOST_CHARACTERS // 2]} {text[-MOST_CHARACTERS // 2 :]}"


def _text(message: JsonObject) -> str:
    return "\n".join(_texts(message))


def _texts(message: JsonObject) -> Iterator[str]:
    """Everything a person could read in it; images and files are not text."""
    for name in ("content", "refusal"):
        content = message.get(name)
        if isinstance(content, str):
            yield content
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield from (str(function[name]) for name in ("name", "arguments") if function.get(name))
