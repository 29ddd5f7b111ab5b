"""Remembers what Claude thought, so that it gets its thinking back from clients that do not return it.

A turn that calls tools must be given back with the thinking it began with, unchanged, or thinking has to be switched
off for the rest of the loop (https://docs.claude.com/en/docs/build-with-claude/extended-thinking, November 2026).
Clients drop it: OpenClaw's openai-completions does, and its anthropic-messages for a model whose name is not Claude's
(seen with 2026.9.6). It is only valid for the model that wrote it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import orjson

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.wire.anthropic_native import signature_of
from gateway_core.wire.anthropic_thinking import thinking_of
from gateway_core.wire.messages_requests import THINKING, assistant_messages
from gateway_core.wire.openai_chat import call_arguments

REMEMBERED_TURNS = 2048
REMEMBERED_BYTES = 32 * 1024 * 1024


@frozen
class _Turn:
    model: str
    content: tuple[JsonObject, ...]
    size_bytes: int


class ThinkingMemory:
    """The latest turns with thinking, by the caller and the ids of their tool calls; the oldest are forgotten."""

    def __init__(self, turns: int = REMEMBERED_TURNS, size_bytes: int = REMEMBERED_BYTES) -> None:
        self._most_turns = turns
        self._most_bytes = size_bytes
        self._bytes = 0
        self._turns: OrderedDict[tuple[str, str], _Turn] = OrderedDict()
        self._writers: OrderedDict[str, str] = OrderedDict()
        """Signatures, and the model that made each."""

    def remember(self, caller: str, model: str, content: Iterable[JsonObject]) -> None:
        """Keeps a turn of ``model``'s that has thinking in it."""
        blocks = tuple(content)
        thoughts = [block for block in blocks if block.get("type") in THINKING]
        for block in thoughts:
            self._writers[signature_of(block)] = model
        while len(self._writers) > self._most_turns * 4:
            self._writers.popitem(last=False)
        calls = [str(block.get("id")) for block in blocks if block.get("type") == "tool_use"]
        if not thoughts or not calls:
            return
        try:
            turn = _Turn(model, blocks, len(orjson.dumps(blocks)))
        except TypeError:  # nested too deeply to be sent again
            return
        key = (caller, _stable(calls[0]))
        self._forget(key)
        self._turns[key] = turn
        self._bytes += turn.size_bytes
        while len(self._turns) > self._most_turns or self._bytes > self._most_bytes:
            self._forget(next(iter(self._turns)))

    def _forget(self, key: tuple[str, str]) -> None:
        if turn := self._turns.pop(key, None):
            self._bytes -= turn.size_bytes

    def foreign_to(self, model: str, messages: Iterable[JsonObject]) -> frozenset[str]:
        """The signatures in Messages ``messages`` that another model is known to have made."""
        contents = [message["content"] for message in messages if isinstance(message["content"], list)]
        marks = [signature_of(block) for content in contents for block in content if block["type"] in THINKING]
        return frozenset(mark for mark in marks if self._writers.get(mark, model) != model)

    def completed(self, caller: str, model: str, messages: Iterable[JsonObject]) -> list[JsonObject]:
        """Messages ``messages`` in which a turn that calls tools, given back without any thinking, has its own again.

        A turn that says anything else than ``model`` did is left as it is.
        """
        return [self._completed(caller, model, message) for message in messages]

    def _completed(self, caller: str, model: str, message: JsonObject) -> JsonObject:
        content = message["content"]
        if message["role"] != "assistant" or not isinstance(content, list):
            return message
        called = next((str(block.get("id")) for block in content if block["type"] == "tool_use"), None)
        turn = self._turns.get((caller, _stable(called))) if called else None
        if turn is None or turn.model != model:
            return message
        own = [block for block in turn.content if block["type"] not in THINKING]
        if [_said(block) for block in content] != [_said(block) for block in own]:
            return message
        self._turns.move_to_end((caller, _stable(called or "")))
        given = iter(content)
        return {**message, "content": [b if b["type"] in THINKING else next(given) for b in turn.content]}

    def restored(self, caller: str, model: str, messages: Iterable[JsonObject]) -> list[JsonObject]:
        """Chat ``messages`` with the thinking that belongs to them, and without another model's."""
        made: list[JsonObject] = []
        for message in messages:
            made += self._restored(caller, model, message) if message.get("role") == "assistant" else [message]
        return made

    def _restored(self, caller: str, model: str, message: JsonObject) -> list[JsonObject]:
        if message.get("thinking_blocks"):
            own = [b for b in thinking_of(message) if self._writers.get(signature_of(b), model) == model]
            message = {**message, "thinking_blocks": own}
        calls = message.get("tool_calls")
        if not isinstance(calls, list) or not calls or not isinstance(calls[0], dict):
            return [message]
        key = (caller, _stable(str(calls[0].get("id"))))
        turn = self._turns.get(key)
        if turn is None or turn.model != model:
            return [message]
        self._turns.move_to_end(key)
        thinking = [block for block in turn.content if block.get("type") in THINKING]
        ids = _same_turn(turn.content, message)
        given = [{**b, "id": ids[str(b["id"])]} if ids and b["type"] == "tool_use" else b for b in turn.content]
        turns = assistant_messages(given)
        if not ids or len(turns) == 1:
            return [{**message, "thinking_blocks": message.get("thinking_blocks") or thinking}]
        marked = {"cache_control": message["cache_control"]} if message.get("cache_control") else {}
        return [*turns[:-1], {**turns[-1], **marked}]


def _stable(call_id: str) -> str:
    """An id without what clients change in it: OpenClaw drops underscores."""
    return call_id.replace("_", "")


def _said(block: JsonObject) -> tuple[str, object, object]:
    """What a block says, whatever its id and its marker are."""
    return block["type"], block.get("text", block.get("name")), block.get("input")


def _same_turn(content: tuple[JsonObject, ...], message: JsonObject) -> dict[str, str]:
    """The client's ids by ours, where ``message`` says what ``content`` said; empty where somebody changed it."""
    said = message.get("content")
    parts = said if isinstance(said, list) else [{"type": "text", "text": said or ""}]
    text = "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))
    used = [block for block in content if block["type"] == "tool_use"]
    calls = message["tool_calls"]
    if any(block["type"] not in ("text", "tool_use", *THINKING) for block in content) or len(used) != len(calls):
        return {}
    if text.strip() != "".join(str(b.get("text") or "") for b in content if b["type"] == "text").strip():
        return {}
    ids: dict[str, str] = {}
    for block, call in zip(used, calls, strict=True):
        if not _is_same_call(block, call):
            return {}
        ids[str(block["id"])] = str(call["id"])
    return ids


def _is_same_call(block: JsonObject, call: Any) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(call.get("id"), str):
        return False
    same_name = function.get("name") == block.get("name")
    return same_name and call_arguments(function.get("arguments")) == (block.get("input") or {})
