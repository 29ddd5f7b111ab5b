"""Chunks of a chat completion as a stream of Anthropic's Messages API, legal event by event.

Blocks of a Messages stream follow each other, while the pieces of chat's texts and tool calls may interleave: the block
that stands first is written as it comes, what belongs to later ones waits. Nothing is written before the answer has
content, since until then another model may be tried.
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway_core.model import JsonObject
from gateway_core.wire.anthropic_thinking import is_signed
from gateway_core.wire.json_values import as_object, as_objects
from gateway_core.wire.messages_answers import ending, tool_id, usage_of
from gateway_core.wire.messages_requests import UNSIGNED
from gateway_core.wire.openai_chat import call_arguments, finish_of, first_choice, goes_on

_OPENINGS: dict[str, JsonObject] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
_DELTAS = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}
PING: JsonObject = {"type": "ping"}


class _Block:
    """One content block: how it opens, and the deltas that wait for their turn."""

    def __init__(self, kind: str, head: JsonObject | None = None) -> None:
        self.kind = kind
        self.head = head or {}
        """A call's index, id and name, or a whole block that has no deltas."""
        self.opened = False
        self.closed = False
        """Nothing more can come for it."""
        self.waiting: list[JsonObject] = []
        self.said: list[str] = []

    def say(self, text: str) -> None:
        if text:
            self.said.append(text)
            if self.kind != "tool_use" or self._begun().startswith("{"):
                self.waiting.append(self._delta(text))

    def close(self, signature: str = UNSIGNED) -> None:
        if self.kind == "thinking" and not self.closed:
            self.waiting.append({"type": "signature_delta", "signature": signature})
        elif self.kind == "tool_use" and not self.closed and self._begun()[:1] not in ("", "{"):
            self.waiting = [self._delta(orjson.dumps(call_arguments("".join(self.said))).decode())]
        self.closed = True

    def _delta(self, text: str) -> JsonObject:
        name, field = _DELTAS[self.kind]
        return {"type": name, field: text}

    def _begun(self) -> str:
        """How a call's arguments begin. What is no object (null, a list) waits for its end: a client could not give it
        back. White space before one is left out: the anthropic SDK (2.12) fails on a delta of nothing else."""
        return next((piece.lstrip() for piece in self.said if piece.strip()), "")

    def is_whole(self) -> bool:
        """Whether it ends where another block begins; pieces of a call may come between those of others."""
        if self.kind != "tool_use":
            return True
        if not (self.said and self.said[-1].rstrip().endswith("}")):
            return False
        try:
            orjson.loads("".join(self.said))
        except orjson.JSONDecodeError:
            return False
        return True

    def opening(self, message_id: str, number: int) -> JsonObject:
        if self.kind == "tool_use":
            made = tool_id(self.head["id"], message_id, number)
            return {"type": "tool_use", "id": made, "name": self.head["name"], "input": {}}
        return self.head or dict(_OPENINGS[self.kind])


class MessageStream:
    """Turns the chunks of one answer into Messages events, chunk by chunk.

    ``input_tokens`` is the estimate that ``message_start`` carries: the true count is only known at the end, and
    ``message_delta`` has it. ``mild`` is as in :func:`~gateway_core.wire.messages_answers.to_message`.
    """

    def __init__(self, message_id: str, input_tokens: int, *, mild: bool = False) -> None:
        self._id = message_id
        self._input_tokens = input_tokens
        self._mild = mild
        self._model = ""
        self._started = False
        self._queue: list[_Block] = []
        """Blocks that are not closed; the first is written as it comes."""
        self._calls: list[_Block] = []
        self._index = 0
        self._refusal: list[str] = []
        self._has_text = False
        self._reasoning = ""
        """The field that carries the reasoning: some servers send it in both."""

    def feed(self, chunk: JsonObject) -> list[JsonObject]:
        """The events of one chunk; a ping where a chunk says that the answer is still to come."""
        self._model = str(chunk.get("model") or self._model)
        choice = first_choice(chunk) or {}
        delta = as_object(choice.get("delta"))
        finish = finish_of(choice)
        self._add(delta)
        if finish:
            return [*self._start(), *self._flush(), *self._end(chunk, choice, finish)]
        events = [*self._start(), *self._flush()] if self._queue else []
        return events or ([PING] if delta == {"content": ""} else [])

    def _start(self) -> list[JsonObject]:
        if self._started:
            return []
        self._started = True
        usage = {"input_tokens": self._input_tokens, "output_tokens": 0}
        usage |= {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        message: JsonObject = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        return [{"type": "message_start", "message": message}, PING]

    # --- pieces into blocks ---

    def _add(self, delta: JsonObject) -> None:
        for name in ("reasoning_content", "reasoning"):
            if delta.get(name) and self._reasoning in ("", name):
                self._reasoning = name
                self._say("thinking", delta[name])
        for block in as_objects(delta.get("thinking_blocks")):
            self._sign(block)
        self._say("text", delta.get("content"))
        if isinstance(refusal := delta.get("refusal"), str):
            self._refusal.append(refusal)
        for call in as_objects(delta.get("tool_calls")):
            self._call(call)

    def _say(self, kind: str, text: Any) -> None:
        if not isinstance(text, str) or not text:
            return
        self._has_text = self._has_text or kind == "text"
        if not self._queue or self._queue[-1].kind != kind or self._queue[-1].closed:
            self._queue.append(_Block(kind))
        self._queue[-1].say(text)

    def _sign(self, signed: JsonObject) -> None:
        """A whole block of Claude's: what was already streamed of it is signed, else it is written whole."""
        if not is_signed(signed):
            return
        last = self._queue[-1] if self._queue else None
        if signed["type"] != "thinking":
            last = _Block("whole", signed)
            self._queue.append(last)
        elif not (last and last.kind == "thinking" and "".join(last.said) == signed["thinking"]):
            last = _Block("thinking")
            last.say(signed["thinking"])
            self._queue.append(last)
        last.close(signed.get("signature", UNSIGNED))

    def _call(self, piece: JsonObject) -> None:
        function = as_object(piece.get("function"))
        block = self._call_for(piece)
        name, arguments = function.get("name"), function.get("arguments")
        if isinstance(name, str) and name != block.head["name"]:
            block.head["name"] += name
        block.say(arguments if isinstance(arguments, str) else "")

    def _call_for(self, piece: JsonObject) -> _Block:
        """The call that a piece belongs to."""
        index, call_id = piece.get("index"), piece.get("id")
        for block in reversed(self._calls):
            if goes_on(piece, block.head["index"], block.head["id"]):
                block.head["id"] = block.head["id"] or call_id
                return block
        self._calls.append(_Block("tool_use", {"index": index, "id": call_id, "name": ""}))
        self._queue.append(self._calls[-1])
        return self._calls[-1]

    # --- blocks into events ---

    def _flush(self, ended: bool = False) -> list[JsonObject]:
        """What can be written: the first block's pieces, and blocks behind it once it is whole."""
        events: list[JsonObject] = []
        while self._queue:
            first = self._queue[0]
            if ended or (len(self._queue) > 1 and first.is_whole()):
                first.close()
            if first.closed or first.said:
                events += self._written(first)
            if not first.closed:
                break
            self._queue.pop(0)
            events.append({"type": "content_block_stop", "index": self._index})
            self._index += 1
        return events

    def _written(self, block: _Block) -> list[JsonObject]:
        """Its deltas so far, behind its opening. A call opens with its arguments: only then is its name whole."""
        events: list[JsonObject] = []
        if not block.opened:
            block.opened = True
            number = self._calls.index(block) if block in self._calls else 0
            opening = block.opening(self._id, number)
            events.append({"type": "content_block_start", "index": self._index, "content_block": opening})
        for delta in block.waiting:
            events.append({"type": "content_block_delta", "index": self._index, "delta": delta})
        block.waiting = []
        return events

    def _end(self, chunk: JsonObject, choice: JsonObject, finish: str) -> list[JsonObject]:
        refusal = "".join(self._refusal)
        if refusal and not self._has_text and not self._calls:
            self._say("text", refusal)
        delta = ending(choice, finish, refusal, calls=bool(self._calls), mild=self._mild)
        return [
            *self._flush(ended=True),
            {"type": "message_delta", "delta": delta, "usage": usage_of(chunk)},
            {"type": "message_stop"},
        ]
