"""Chat completion chunks as the events of a Responses stream, and a whole completion as a Response object.

Events are numbered without a gap; an item is announced before its parts and finished after them; the last event carries
the whole Response. Reasoning and messages end when something else begins; tool calls, whose pieces may come mixed, end
with the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway_core.model import JsonObject, Refusal
from gateway_core.wire.json_values import as_object, as_objects
from gateway_core.wire.openai_chat import finish_reason, first_choice, implied_finish
from gateway_core.wire.responses_items import (
    annotation_of,
    logprob_of,
    message_item,
    openai_encrypted,
    reasoning_item,
)
from gateway_core.wire.responses_parts import CallItem, MessageItem, ReasoningItem
from gateway_core.wire.responses_shell import ended, failed
from gateway_core.wire.responses_tools import Tools

MARK = "_llmgw_"
"""In the id of every item that the gateway made: OpenAI does not know these."""
_PARTS = {"output_text": "text", "refusal": "refusal"}


class ResponseWriter:
    """Turns one answer into events. ``response`` is the Response as it stands; ``shell`` is how it begins."""

    def __init__(self, shell: JsonObject, tools: Tools) -> None:
        self.response = shell
        self.begun = False
        self._tools = tools
        self._number = 0
        self._items = 0
        self._output: dict[int, JsonObject] = {}
        self._reasoning: ReasoningItem | None = None
        self._message: MessageItem | None = None
        self._calls: list[CallItem] = []
        self._by_key: dict[Any, CallItem] = {}
        self._finish: str | None = None
        self._usage: Any = None
        self._suffix = str(shell["id"]).partition("_")[2]

    # --- the stream as a whole ---------------------------------------------------------------------------------

    def feed(self, chunk: JsonObject) -> list[JsonObject]:
        """The events of one chunk. A chunk that says nothing, sent to keep the client waiting, is an event too."""
        events = self._begin(chunk)
        self._usage = chunk.get("usage") or self._usage
        choice = first_choice(chunk)
        if choice is None:
            return events
        delta = choice.get("delta")
        if isinstance(delta, dict):
            events += self._said(delta, choice.get("logprobs"))
        self._finish = finish_reason(chunk) or self._finish
        if not events and finish_reason(chunk) is None:
            return [self._event("response.in_progress", response=self.response)]
        return events

    def finish(self, now: int) -> list[JsonObject]:
        """The last events, once everything was fed. ``now`` is Unix seconds."""
        events = self._begin({})
        finish = self._finish or ("tool_calls" if self._calls else "stop")
        if not self._items:
            events += self._say("output_text", "", [])
        status = "incomplete" if finish in ("length", "content_filter") else "completed"
        events += [*self._close_reasoning(), *self._close_message(status), *self._close_calls(status)]
        self.response = ended(self.response, self._so_far(), finish, self._usage, now)
        return [*events, self._event(f"response.{self.response['status']}", response=self.response)]

    def fail(self, refusal: Refusal) -> list[JsonObject]:
        """What ends the stream in the middle, and says why."""
        events = self._begin({})
        self.response = failed(self.response, self._so_far(), refusal)
        return [*events, self._event("response.failed", response=self.response)]

    def _begin(self, chunk: JsonObject) -> list[JsonObject]:
        model = chunk.get("model")
        if isinstance(model, str) and model:
            self.response = {**self.response, "model": model}
        if self.begun:
            return []
        self.begun = True
        return [self._event(f"response.{name}", response=self.response) for name in ("created", "in_progress")]

    def _so_far(self) -> list[JsonObject]:
        return [self._output[index] for index in sorted(self._output)]

    def _event(self, kind: str, **fields: Any) -> JsonObject:
        event = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        return event

    # --- items -------------------------------------------------------------------------------------------------

    def _new_item(self, prefix: str) -> tuple[int, str]:
        index = self._items
        self._items += 1
        return index, f"{prefix}{MARK}{self._suffix}_{index}"

    def _added(self, index: int, item: JsonObject) -> JsonObject:
        return self._event("response.output_item.added", output_index=index, item=item)

    def _done(self, index: int, item: JsonObject) -> JsonObject:
        self._output[index] = item
        return self._event("response.output_item.done", output_index=index, item=item)

    def _said(self, delta: JsonObject, logprobs: Any) -> list[JsonObject]:
        events: list[JsonObject] = []
        blocks, details = as_objects(delta.get("thinking_blocks")), openai_encrypted(delta.get("reasoning_details"))
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        text = thought if isinstance(thought, str) else ""
        if blocks or details or text:
            events += self._think(text, blocks, details)
        if isinstance(content := delta.get("content"), str) and content:
            events += self._say("output_text", content, _tokens(logprobs, "content"))
        elif self._message and (late := _tokens(logprobs, "content")):
            self._message.logprobs += late
        if isinstance(refusal := delta.get("refusal"), str) and refusal:
            events += self._say("refusal", refusal, [])
        for annotation in as_objects(delta.get("annotations")):
            events += self._annotate(annotation)
        for position, call in enumerate(as_objects(delta.get("tool_calls"))):
            events += self._call(call, position)
        return events

    # --- reasoning ---------------------------------------------------------------------------------------------

    def _think(self, text: str, blocks: list[JsonObject], details: list[JsonObject]) -> list[JsonObject]:
        events = self._close_message("completed")
        if self._reasoning is None:
            self._reasoning = ReasoningItem(*self._new_item("rs"))
            events.append(self._added(self._reasoning.index, self._reasoning.item()))
        reasoning = self._reasoning
        reasoning.blocks += blocks
        reasoning.details += details
        if text:
            where = {"item_id": reasoning.id, "output_index": reasoning.index, "summary_index": 0}
            if not reasoning.text:
                part = {"type": "summary_text", "text": ""}
                events.append(self._event("response.reasoning_summary_part.added", **where, part=part))
            reasoning.text.append(text)
            events.append(self._event("response.reasoning_summary_text.delta", **where, delta=text))
        return events

    def _close_reasoning(self) -> list[JsonObject]:
        reasoning, self._reasoning = self._reasoning, None
        if reasoning is None:
            return []
        events: list[JsonObject] = []
        if reasoning.text:
            text = "".join(reasoning.text)
            where = {"item_id": reasoning.id, "output_index": reasoning.index, "summary_index": 0}
            events.append(self._event("response.reasoning_summary_text.done", **where, text=text))
            part = {"type": "summary_text", "text": text}
            events.append(self._event("response.reasoning_summary_part.done", **where, part=part))
        events.append(self._done(reasoning.index, reasoning.item()))
        for detail in reasoning.details if reasoning.blocks else reasoning.details[1:]:
            index, item_id = self._new_item("rs")
            item = reasoning_item(item_id, "", detail["data"])
            events += [self._added(index, item), self._done(index, item)]
        return events

    # --- messages ----------------------------------------------------------------------------------------------

    def _say(self, kind: str, text: str, logprobs: list[JsonObject]) -> list[JsonObject]:
        events = self._close_reasoning()
        if self._message is None:
            self._message = MessageItem(*self._new_item("msg"))
            events.append(self._added(self._message.index, message_item(self._message.id, [], "in_progress")))
        message = self._message
        if message.kind != kind:
            events += self._close_part()
            message.kind = kind
            events.append(self._event("response.content_part.added", **self._where(message), part=message.part()))
        message.text.append(text)
        message.logprobs += logprobs
        if text:
            more = {"logprobs": [_light(entry) for entry in logprobs]} if kind == "output_text" else {}
            events.append(self._event(f"response.{kind}.delta", **self._where(message), delta=text, **more))
        return events

    def _annotate(self, annotation: JsonObject) -> list[JsonObject]:
        made = annotation_of(annotation)
        if made is None:
            return []
        events = [] if self._message and self._message.kind == "output_text" else self._say("output_text", "", [])
        message = self._message
        assert message is not None
        message.annotations.append(made)
        number = len(message.annotations) - 1
        kind = "response.output_text.annotation.added"
        return [*events, self._event(kind, **self._where(message), annotation_index=number, annotation=made)]

    @staticmethod
    def _where(message: MessageItem) -> JsonObject:
        return {"item_id": message.id, "output_index": message.index, "content_index": len(message.parts)}

    def _close_part(self) -> list[JsonObject]:
        message = self._message
        if message is None or not message.kind:
            return []
        part, where, text = message.part(), self._where(message), "".join(message.text)
        more = {"logprobs": [_light(entry) for entry in message.logprobs]} if message.kind == "output_text" else {}
        told = {_PARTS[message.kind]: text, **more}
        events = [
            self._event(f"response.{message.kind}.done", **where, **told),
            self._event("response.content_part.done", **where, part=part),
        ]
        message.parts.append(part)
        message.kind, message.text, message.annotations, message.logprobs = "", [], [], []
        return events

    def _close_message(self, status: str) -> list[JsonObject]:
        message = self._message
        if message is None:
            return []
        events = self._close_part()
        self._message = None
        return [*events, self._done(message.index, message_item(message.id, message.parts, status))]

    # --- tool calls --------------------------------------------------------------------------------------------

    def _call(self, piece: JsonObject, position: int) -> list[JsonObject]:
        call = self._call_for(piece, position)
        function = as_object(piece.get("function"))
        if isinstance(call_id := piece.get("id"), str):
            call.call_id = call.call_id or call_id
        if isinstance(name := function.get("name"), str) and name != call.name and call.index is None:
            call.name += name
        events = self._open_call(call) if call.index is None and call.name else []
        text = function.get("arguments")
        if isinstance(text, str) and text:
            call.arguments.append(text)
            if call.index is not None:
                events += self._arguments(call, text)
        return events

    def _call_for(self, piece: JsonObject, position: int) -> CallItem:
        """By index, or by id where a server gives every call the same index; see ``openai_chat.Aggregator``."""
        key = piece.get("index", position)
        call = self._by_key.get(key)
        call_id = piece.get("id")
        if call is None or (call_id and call.call_id and call_id != call.call_id):
            call = CallItem(len(self._calls))
            self._calls.append(call)
            self._by_key[key] = call
        return call

    def _open_call(self, call: CallItem) -> list[JsonObject]:
        events = [*self._close_reasoning(), *self._close_message("completed")]
        call.called = self._tools.called(call.name)
        call.index, call.id = self._new_item("ctc" if call.called.kind == "custom" else "fc")
        call.call_id = call.call_id or f"call{MARK}{self._suffix}_{call.number}"
        early, call.arguments = "".join(call.arguments), []
        events.append(self._added(call.index, call.item("in_progress")))
        if early:
            call.arguments.append(early)
            events += self._arguments(call, early)
        return events

    def _arguments(self, call: CallItem, text: str) -> list[JsonObject]:
        """A custom tool's input is told when it is whole: until then it is a piece of JSON."""
        if call.called.kind == "custom":
            return []
        where = {"item_id": call.id, "output_index": call.index}
        return [self._event("response.function_call_arguments.delta", **where, delta=text)]

    def _close_calls(self, status: str) -> list[JsonObject]:
        events: list[JsonObject] = []
        for call in self._calls:
            if call.index is None:
                events += self._open_call(call)
            item = call.item(status)
            where = {"item_id": call.id, "output_index": call.index}
            if call.called.kind == "custom":
                kind = "response.custom_tool_call_input"
                events.append(self._event(f"{kind}.delta", **where, delta=item["input"]))
                events.append(self._event(f"{kind}.done", **where, input=item["input"]))
            else:
                kind = "response.function_call_arguments.done"
                told = {"name": item["name"], "arguments": item["arguments"]}
                events.append(self._event(kind, **where, **told))
            assert call.index is not None
            events.append(self._done(call.index, item))
        return events


def response_of(completion: JsonObject, shell: JsonObject, tools: Tools, now: int) -> JsonObject:
    """A whole chat completion as a Response object. ``now`` is Unix seconds."""
    writer = ResponseWriter(shell, tools)
    choice = first_choice(completion) or {}
    delta = choice.get("message")
    whole = {**choice, "delta": delta, "finish_reason": implied_finish(choice)}
    writer.feed({**completion, "choices": [whole]})
    writer.finish(now)
    return writer.response


def _tokens(logprobs: Any, name: str) -> list[JsonObject]:
    listed: Iterable[Any] = as_object(logprobs).get(name) or ()
    return [made for entry in listed if (made := logprob_of(entry))]


def _light(entry: JsonObject) -> JsonObject:
    """A log probability as events carry it: without bytes."""
    tops = [{"token": top["token"], "logprob": top["logprob"]} for top in entry["top_logprobs"]]
    return {"token": entry["token"], "logprob": entry["logprob"], "top_logprobs": tops}
