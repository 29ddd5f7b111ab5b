"""Anthropic's messages and stream events as OpenAI chat completions.

What chat has no field for travels in extensions: ``thinking_blocks`` (thinking as signed, to be given back unchanged),
``untranslated_blocks`` (the types of blocks that are left out), and on the choice ``native_finish_reason`` and
``stop_sequence`` where the finish reason says less.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from gateway_core.model import JsonObject, Usage
from gateway_core.wire.json_values import as_list, as_object
from gateway_core.wire.messages_requests import THINKING
from gateway_core.wire.openai_chat import make_chunk
from gateway_core.wire.usage import count, searches_of, usage_json

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_SAID_LESS = ("pause_turn", "model_context_window_exceeded")
"""Stop reasons that their finish reason does not tell."""
_TRANSLATED = ("text", "tool_use", *THINKING)


class AnthropicStreamError(Exception):
    """The stream carried an error event. ``type`` is Anthropic's, for example ``overloaded_error``."""

    def __init__(self, type_: str, message: str) -> None:
        super().__init__(type_)
        self.type = type_
        self.message = message


def read_anthropic_usage(report: Any, before: Usage | None = None) -> Usage | None:
    """What a ``usage`` object says, over what was known ``before``: counts in a stream are cumulative.

    Cache writes whose lifetime is not told, or told as nothing at all (anthropic-sdk-java#353), count as 5-minute
    writes. A compaction's tokens, which Anthropic leaves out of its own sums, are added; the advisor's are apart, for
    it is another model. None where nothing usable was ever said.
    """
    if not isinstance(report, dict):
        return before
    base = before or Usage()
    added, others = _iterations(report.get("iterations"))
    known: dict[str, Any] = {}
    for theirs, ours in _COUNTS.items():
        if (number := count(report.get(theirs))) is not None:
            known[ours] = number + getattr(added, ours)
    written = count(report.get("cache_creation_input_tokens"))
    split = report.get("cache_creation")
    if isinstance(split, dict):
        short = count(split.get("ephemeral_5m_input_tokens")) or 0
        long = count(split.get("ephemeral_1h_input_tokens")) or 0
        known["cache_write_5m_tokens"] = max(short, (written or 0) - long) + added.cache_write_5m_tokens
        known["cache_write_1h_tokens"] = long + added.cache_write_1h_tokens
    elif written is not None:
        written += added.cache_write_5m_tokens + added.cache_write_1h_tokens
        if written != base.cache_write_5m_tokens + base.cache_write_1h_tokens:
            known["cache_write_5m_tokens"] = max(0, written - base.cache_write_1h_tokens)
    thought = count(as_object(report.get("output_tokens_details")).get("thinking_tokens"))
    if thought is not None:
        known["reasoning_tokens"] = min(thought, known.get("output_tokens", base.output_tokens))
    if isinstance(report.get("server_tool_use"), dict):
        known["web_searches"] = searches_of(report["server_tool_use"])
    if others:
        known["others"] = others
    if not known:
        return before
    return replace(base, **known, **_way(report))


_COUNTS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
}


def _way(report: JsonObject) -> dict[str, Any]:
    """How the answer was made, where that changes its price. Said once, when a stream starts."""
    way: dict[str, Any] = {}
    if isinstance(report.get("service_tier"), str):
        way["service_tier"] = "batch" if report["service_tier"] == "batch" else ""
    if isinstance(report.get("speed"), str):
        way["fast"] = report["speed"] == "fast"
    if isinstance(report.get("inference_geo"), str):
        way["us_only"] = report["inference_geo"] == "us"
    return way


def _iterations(reports: Any) -> tuple[Usage, tuple[tuple[str, Usage], ...]]:
    """What a compaction and an advisor used. All other iterations are in the sums already."""
    added, others = Usage(), []
    for report in as_list(reports):
        kind = as_object(report).get("type")
        used = (
            read_anthropic_usage({**report, "iterations": None}) if kind in ("compaction", "advisor_message") else None
        )
        if used is None:
            continue
        if kind == "advisor_message" and isinstance(report.get("model"), str):
            others.append((report["model"], used))
        else:
            added = Usage(
                added.input_tokens + used.input_tokens,
                added.output_tokens + used.output_tokens,
                added.cache_read_tokens + used.cache_read_tokens,
                added.cache_write_5m_tokens + used.cache_write_5m_tokens,
                added.cache_write_1h_tokens + used.cache_write_1h_tokens,
            )
    return added, tuple(others)


def from_message(message: JsonObject, created: int | None = None) -> JsonObject:
    """A whole Message as a ``chat.completion``."""
    said = _Said()
    for block in message.get("content") or ():
        if isinstance(block, dict):
            said.add(block)
    answer: JsonObject = {"role": "assistant", "content": said.text if said.text or not said.calls else None}
    if said.thoughts:
        answer["reasoning_content"] = said.thoughts
    if said.thinking:
        answer["thinking_blocks"] = said.thinking
    if said.untranslated:
        answer["untranslated_blocks"] = said.untranslated
    if refusal := _refusal(message):
        answer["refusal"] = refusal
    if said.calls:
        answer["tool_calls"] = said.calls
    finish = FINISH_REASONS.get(str(message.get("stop_reason")), "stop")
    shell = make_chunk(str(message.get("id", "")), str(message.get("model", "")), {}, created=created)
    usage = read_anthropic_usage(message.get("usage")) or Usage()
    return {
        **shell,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": answer, "finish_reason": finish, **_ending(message)}],
        "usage": usage_json(usage, None),
    }


class _Said:
    """The contents of a message, sorted."""

    def __init__(self) -> None:
        self.text = ""
        self.thoughts = ""
        self.calls: list[JsonObject] = []
        self.thinking: list[JsonObject] = []
        self.untranslated: list[str] = []

    def add(self, block: JsonObject) -> None:
        self.untranslated += _untranslated(block)
        if block.get("type") in THINKING:
            self.thinking.append(block)
        if block.get("type") == "text":
            self.text += str(block.get("text") or "")
        elif block.get("type") == "thinking":
            self.thoughts += str(block.get("thinking") or "")
        elif block.get("type") == "tool_use":
            self.calls.append(_call(block, _json(block.get("input"))))


def _untranslated(block: JsonObject) -> list[str]:
    """What of a block chat cannot say."""
    kind = str(block.get("type"))
    return (["citations"] if block.get("citations") else []) if kind in _TRANSLATED else [kind]


def _ending(ended: JsonObject) -> JsonObject:
    """What a choice tells besides its finish reason."""
    reason, sequence = ended.get("stop_reason"), ended.get("stop_sequence")
    made: JsonObject = {"native_finish_reason": reason} if reason in _SAID_LESS else {}
    return {**made, "stop_sequence": sequence} if isinstance(sequence, str) else made


def _call(block: JsonObject, arguments: str) -> JsonObject:
    function = {"name": block.get("name", ""), "arguments": arguments}
    return {"id": block.get("id", ""), "type": "function", "function": function}


def _json(value: Any) -> str:
    return orjson.dumps(value or {}).decode()


def _refusal(ended: JsonObject) -> str | None:
    """Why Claude refused, where it says so."""
    text = as_object(ended.get("stop_details")).get("explanation")
    return text if isinstance(text, str) and text else None


class StreamTranslator:
    """Turns a Messages stream into chunks, event by event.

    Thinking becomes ``reasoning_content``, and ``thinking_blocks`` once a block is whole. Tool calls are numbered in
    their order. ``usage`` is what has been reported so far; the last chunk carries it alone, as with OpenAI's
    ``include_usage``. ``message_stop`` sets ``finished``.
    """

    def __init__(self, created: int | None = None) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._head = make_chunk("", "", {}, created=created)
        self._calls: dict[Any, int] = {}
        self._open_calls: dict[Any, str] = {}
        """Calls whose arguments have not begun, with the arguments to send if none come."""
        self._blocks: dict[Any, JsonObject] = {}
        self._pieces: dict[Any, list[str]] = {}

    @property
    def content(self) -> list[JsonObject]:
        """The blocks of the message so far, in their order. Those that chat has no words for are as they began."""
        return list(self._blocks.values())

    def feed(self, event: JsonObject) -> list[JsonObject]:
        """The chunks of one event. Raises :class:`AnthropicStreamError` for an error event."""
        kind, index = event.get("type"), event.get("index")
        if not isinstance(index, int):
            index = None
        if kind == "content_block_delta":
            return self._delta(index, as_object(event.get("delta")))
        if kind == "content_block_start":
            return self._start_block(index, as_object(event.get("content_block")))
        if kind == "content_block_stop":
            return self._stop_block(index)
        if kind == "message_start":
            return self._start(as_object(event.get("message")))
        if kind == "message_delta":
            return self._end(event)
        if kind == "message_stop":
            self.finished = True
            return [{**self._head, "choices": [], "usage": usage_json(self.usage or Usage(), None)}]
        if kind == "error":
            error = as_object(event.get("error"))
            raise AnthropicStreamError(str(error.get("type", "api_error")), str(error.get("message", "")))
        return []

    @property
    def has_begun(self) -> bool:
        """Whether a block has come, also one that chat has no words for."""
        return bool(self._blocks)

    def empty_chunk(self) -> JsonObject:
        """A chunk that says nothing, for an event that chat has no words for."""
        return {**self._head, "choices": []}

    def _chunk(self, delta: JsonObject, finish: str | None = None) -> JsonObject:
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    def _start(self, message: JsonObject) -> list[JsonObject]:
        self._head["id"] = str(message.get("id", ""))
        self._head["model"] = str(message.get("model", ""))
        self.usage = read_anthropic_usage(message.get("usage"), self.usage)
        return [self._chunk({"role": "assistant", "content": ""})]

    def _start_block(self, index: Any, block: JsonObject) -> list[JsonObject]:
        kind = block.get("type")
        self._blocks[index] = dict(block)
        self._pieces[index] = []
        if untranslated := _untranslated(block):
            return [self._chunk({"untranslated_blocks": untranslated})]
        if kind == "tool_use":
            number = self._calls.setdefault(index, len(self._calls))
            self._open_calls[index] = _json(block.get("input"))
            return [self._chunk({"tool_calls": [{"index": number, **_call(block, "")}]})]
        if kind == "text":
            return self._said("content", block.get("text"))
        if kind == "thinking":
            return self._said("reasoning_content", block.get("thinking"))
        return []

    def _delta(self, index: Any, delta: JsonObject) -> list[JsonObject]:
        kind = delta.get("type")
        if kind == "text_delta":
            self._grow(index, delta.get("text"))
            return self._said("content", delta.get("text"))
        if kind == "thinking_delta":
            self._grow(index, delta.get("thinking"))
            return self._said("reasoning_content", delta.get("thinking"))
        if kind == "input_json_delta" and index in self._calls:
            self._grow(index, delta.get("partial_json"))
            return self._arguments(index, delta.get("partial_json"))
        if kind == "signature_delta" and index in self._blocks:
            block = self._blocks[index]
            block["signature"] = str(block.get("signature") or "") + str(delta.get("signature") or "")
        if kind == "citations_delta" and index in self._blocks and not self._blocks[index].get("citations"):
            self._blocks[index]["citations"] = [delta.get("citation")]
            return [self._chunk({"untranslated_blocks": ["citations"]})]
        return []

    def _grow(self, index: Any, text: Any) -> None:
        if isinstance(text, str) and index in self._pieces:
            self._pieces[index].append(text)

    def _said(self, name: str, text: Any) -> list[JsonObject]:
        return [self._chunk({name: text})] if isinstance(text, str) and text else []

    def _arguments(self, index: Any, text: Any) -> list[JsonObject]:
        if not isinstance(text, str) or not text:
            return []
        self._open_calls.pop(index, None)
        call = {"index": self._calls[index], "function": {"arguments": text}}
        return [self._chunk({"tool_calls": [call]})]

    def _stop_block(self, index: Any) -> list[JsonObject]:
        block, pieces = self._blocks.get(index, {}), self._pieces.pop(index, [])
        kind = block.get("type")
        if kind in ("text", "thinking"):
            block[kind] = str(block.get(kind) or "") + "".join(pieces)
        elif kind == "tool_use" and pieces:
            block["input"] = _parsed("".join(pieces))
        if kind in THINKING:
            return [self._chunk({"thinking_blocks": [block]})]
        return self._arguments(index, self._open_calls.get(index))

    def _end(self, event: JsonObject) -> list[JsonObject]:
        self.usage = read_anthropic_usage(event.get("usage"), self.usage)
        ended = as_object(event.get("delta"))
        reason = ended.get("stop_reason")
        if not isinstance(reason, str):
            return []
        refusal = _refusal(ended)
        told = [self._chunk({"refusal": refusal})] if refusal else []
        last = self._chunk({}, FINISH_REASONS.get(reason, "stop"))
        last["choices"][0].update(_ending(ended))
        return [*told, last]


def _parsed(arguments: str) -> Any:
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
