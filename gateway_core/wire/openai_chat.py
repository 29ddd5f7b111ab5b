"""OpenAI chat completions: whole from chunks, chunks from whole, and small questions about either.

``body`` stands for a ``chat.completion`` or a ``chat.completion.chunk``. There is one choice: `validate` refuses more.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_list, as_object, as_objects

if TYPE_CHECKING:
    import regex  # type: ignore[import-untyped]

_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
"""Message fields that stream as pieces of one text."""
_THINKING = "thinking_blocks"
"""Anthropic's thinking as it was signed; streamed after the reasoning it is the whole of."""
_PIECE_CHARACTERS = 48
"""Characters of a piece, to the end of the word that reaches them."""
_WORDS = re.compile(r"\S{1,24}\s*|\s+")
"""A word and the space behind it, or a part of a long one."""


@cache
def _joins() -> re.Pattern[str]:
    """A character that may be one with its neighbour to a reader: none of Latin, punctuation, Chinese or Japanese."""
    return re.compile(
        "[^\x00-\u02ff\u2010-\u2027\u2030-\u205e\u20a0-\u20c0\u2190-\u22ff\u2500-\u259f"
        "\u3001-\u3020\u3041-\u3096\u30a1-\u30fe\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e]"
    )


@cache
def _joined_words() -> regex.Pattern[str]:
    """The same words, with what a reader takes for one character kept together. It takes ten times as long."""
    import regex

    return regex.compile(r"(?:(?!\s)\X){1,24}(?:(?=\s)\X)*|(?:(?=\s)\X)+")


def first_choice(body: JsonObject) -> JsonObject | None:
    """The one choice of a completion or a chunk; None in a chunk that only carries usage."""
    choices = body.get("choices")
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and ("index" not in choice or choice["index"] == 0):
                return choice
    return None


def said_in(choice: JsonObject) -> JsonObject:
    """The delta of a chunk's choice, the message of a completion's."""
    said = choice.get("delta") or choice.get("message")
    return said if isinstance(said, dict) else {}


def _said(body: JsonObject) -> JsonObject:
    return said_in(first_choice(body) or {})


def finish_reason(body: JsonObject) -> str | None:
    """Why the answer ended; None while it has not."""
    return finish_of(first_choice(body) or {})


def finish_of(choice: JsonObject) -> str | None:
    """The same, of its choice."""
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) and reason else None


def implied_finish(choice: JsonObject) -> str:
    """Why a whole completion ended, by its choice, also where that does not say: clients run tool calls only where it
    does."""
    return finish_of(choice) or ("tool_calls" if said_in(choice).get("tool_calls") else "stop")


def has_content(body: JsonObject) -> bool:
    """Whether something of the answer itself is in it: text, reasoning, a refusal or a tool call."""
    return holds_content(_said(body))


def holds_content(said: JsonObject) -> bool:
    """The same, of a delta or a message."""
    return any(map(said.get, _TEXTS)) or bool(said.get("tool_calls"))


def says_something(body: JsonObject) -> bool:
    """Whether a reader sees something of the answer in it: text, reasoning or a refusal, no tool call."""
    return any(map(_said(body).get, _TEXTS))


def text_of(body: JsonObject) -> str:
    """All that the model wrote, tool calls included, for counting."""
    return written_in(_said(body))


def written_in(said: JsonObject) -> str:
    """The same, of a delta or a message."""
    parts = [said[name] for name in _TEXTS if name in said and isinstance(said[name], str)]
    if calls := said.get("tool_calls"):
        for call in as_objects(calls):
            function = as_object(call.get("function"))
            parts += [part for name in ("name", "arguments") if isinstance(part := function.get(name), str)]
    return parts[0] if len(parts) == 1 else "".join(parts)


def call_arguments(arguments: Any) -> JsonObject:
    """A tool call's arguments as an object, whatever the model wrote. Some write null where there are none."""
    if not isinstance(arguments, str) or not arguments.strip():
        return {}
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        value = arguments
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"arguments": value}


def goes_on(piece: JsonObject, index: Any, call_id: Any) -> bool:
    """Whether a streamed piece belongs to the call that began with ``index`` and ``call_id``.

    Told by the index, and by the id where a server gives every call the same index.
    """
    other_id = bool(piece.get("id")) and bool(call_id) and piece["id"] != call_id
    return piece.get("index") in (None, index) and not other_id


def make_chunk(
    completion_id: str, model: str, delta: JsonObject, finish: str | None = None, created: int | None = None
) -> JsonObject:
    """One chunk. ``created`` is now where it is not given."""
    return {
        "id": completion_id,
        "object": "chat.completion.chunk",
        "created": int(time.time()) if created is None else created,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def canned_completion(completion_id: str, model: str, text: str, finish: str = "stop") -> JsonObject:
    """A whole completion that no model wrote."""
    return {
        "id": completion_id,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
    }


class Aggregator:
    """Puts the chunks of a stream together again.

    Texts are joined, tool calls collected by index (or by id, where a server gives every call the index 0), lists of
    unknown fields extended, other unknown fields kept as last seen.
    """

    def __init__(self) -> None:
        self._head: JsonObject = {}
        self._choice: JsonObject = {}
        self._message: JsonObject = {}
        self._texts: dict[str, list[str]] = {}
        self._logprobs: JsonObject | None = None
        self._calls: list[_ToolCall] = []

    def add(self, chunk: JsonObject) -> JsonObject | None:
        """Takes a chunk, and returns its choice."""
        self._head.update(chunk)
        choice = first_choice(chunk)
        if choice is None:
            return None
        for key, value in choice.items():
            if key == "delta":
                if isinstance(value, dict):
                    self._add_delta(value)
            elif key == "logprobs" and value is not None:
                self._add_logprobs(value)
            elif key != "index" and (value is not None or key not in self._choice):
                self._choice[key] = value
        return choice

    def _add_delta(self, delta: JsonObject) -> None:
        for key, value in delta.items():
            if key == "tool_calls":
                for call in as_objects(value):
                    self._call_for(call).add(call)
            elif key in _TEXTS and isinstance(value, str):
                if (parts := self._texts.get(key)) is None:
                    parts = self._texts[key] = []
                    self._message[key] = None
                parts.append(value)
            elif isinstance(value, list) and isinstance(self._message.get(key), list):
                self._message[key] = [*self._message[key], *value]
            elif value is not None or key not in self._message:
                self._message[key] = value

    def _call_for(self, piece: JsonObject) -> _ToolCall:
        for call in reversed(self._calls):
            if goes_on(piece, call.index, call.head.get("id")):
                return call
        self._calls.append(_ToolCall(piece.get("index")))
        return self._calls[-1]

    def _add_logprobs(self, value: Any) -> None:
        if not isinstance(value, dict):
            self._choice.setdefault("logprobs", None)
            return
        merged = dict(as_object(self._choice.get("logprobs")))
        for key, part in value.items():
            before = merged.get(key)
            merged[key] = [*before, *part] if isinstance(before, list) and isinstance(part, list) else part or before
        self._choice["logprobs"] = merged

    def completion(self) -> JsonObject:
        """The whole completion as far as the chunks go. ``usage`` is as the upstream gave it."""
        message: JsonObject = {"role": "assistant", "content": None, **self._message}
        for name, parts in self._texts.items():
            message[name] = "".join(parts)
        if self._calls:
            message["tool_calls"] = [call.whole() for call in self._calls]
        choice = {"index": 0, "message": message, "finish_reason": None, **self._choice}
        head = {key: value for key, value in self._head.items() if key not in ("choices", "object")}
        return {**head, "object": "chat.completion", "choices": [choice]}


class _ToolCall:
    """One tool call in the making."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.head: JsonObject = {}
        self._name: list[str] = []
        self._arguments: list[str] = []

    def add(self, piece: JsonObject) -> None:
        for key, value in piece.items():
            if key == "function" and isinstance(value, dict):
                self._add_function(value)
            elif key != "index" and value is not None and (value != "" or key not in self.head):
                self.head[key] = value

    def _add_function(self, function: JsonObject) -> None:
        name, arguments = function.get("name"), function.get("arguments")
        if isinstance(name, str) and name and name != "".join(self._name):
            self._name.append(name)
        if isinstance(arguments, str):
            self._arguments.append(arguments)

    def whole(self) -> JsonObject:
        function = {"name": "".join(self._name), "arguments": "".join(self._arguments)}
        return {"id": "", "type": "function", **self.head, "function": function}


def as_chunks(completion: JsonObject, *, by_word: bool = False) -> list[JsonObject]:
    """A whole completion as the stream it would have been, usage aside.

    A chunk with the role, the texts in pieces of whole words (one each if ``by_word``), the tool calls, and last a
    chunk with nothing but the finish reason.
    """
    head = {key: value for key, value in completion.items() if key not in ("choices", "usage", "object")}
    choice = first_choice(completion) or {}
    message = as_object(choice.get("message"))
    deltas = [_opening(message), *_text_deltas(message, 1 if by_word else _PIECE_CHARACTERS), *_call_deltas(message)]
    rest = {key: value for key, value in choice.items() if key not in ("index", "message", "finish_reason", "logprobs")}

    def chunk(delta: JsonObject, **more: Any) -> JsonObject:
        return {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, **more}]}

    chunks = [chunk(delta, finish_reason=None) for delta in deltas]
    if "logprobs" in choice:
        chunks[-1]["choices"][0]["logprobs"] = choice["logprobs"]
    return [*chunks, chunk({}, finish_reason=implied_finish(choice), **rest)]


def _opening(message: JsonObject) -> JsonObject:
    texts = {name: "" if isinstance(message[name], str) else None for name in _TEXTS if name in message}
    rest = {key: value for key, value in message.items() if key not in (*_TEXTS, "role", "tool_calls", _THINKING)}
    return {"role": "assistant", **texts, **rest}


def _text_deltas(message: JsonObject, least: int) -> Iterator[JsonObject]:
    blocks = as_objects(message.get(_THINKING))
    thoughts = [str(block.get("thinking") or "") for block in blocks]
    in_blocks = "".join(thoughts) == (message.get("reasoning_content") or "")
    for thought, block in zip(thoughts, blocks, strict=True):
        yield from ({"reasoning_content": piece} for piece in _pieces(thought if in_blocks else "", least))
        yield {_THINKING: [block]}
    for name in ("reasoning_content", "reasoning", "refusal", "content"):
        text = None if name == "reasoning_content" and blocks and in_blocks else message.get(name)
        if isinstance(text, str):
            yield from ({name: piece} for piece in _pieces(text, least))


def _call_deltas(message: JsonObject) -> Iterator[JsonObject]:
    for index, call in enumerate(as_list(message.get("tool_calls"))):
        function = call.get("function") or {}
        opening = {**call, "index": index, "function": {**function, "arguments": ""}}
        yield {"tool_calls": [opening]}
        for piece in _pieces(function.get("arguments") or ""):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(text: str, least: int = _PIECE_CHARACTERS) -> Iterator[str]:
    """The text in pieces of whole words, of at least so many characters each."""
    held = ""
    for word in (_joined_words() if _joins().search(text) else _WORDS).findall(text):
        held += word
        if len(held) >= least:
            yield held
            held = ""
    if held:
        yield held
