"""What OpenAI's Responses answers, as chat completions: for the money, the caches and the log."""

from __future__ import annotations

from typing import Any

import orjson

from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_object, as_objects
from gateway_core.wire.openai_chat import Aggregator, make_chunk
from gateway_core.wire.responses_items import SUMMARY_BREAK, chat_annotation, encrypted_details, reasoning_text
from gateway_core.wire.responses_shell import chat_usage
from gateway_core.wire.responses_tools import chat_name

_FINISH = {"max_output_tokens": "length", "max_messages": "length", "content_filter": "content_filter"}
_TYPES = {"rate_limit_exceeded": "rate_limit_error", "server_error": "api_error", "vector_store_timeout": "api_error"}
"""OpenAI's error codes that are not about the request, and the types they have in other answers."""
TERMINAL = ("response.completed", "response.incomplete")


class ResponsesError(Exception):
    """The answer says that it failed. ``report`` is an error object with ``type``, ``code`` and ``message``."""

    def __init__(self, report: JsonObject) -> None:
        super().__init__(report.get("code"))
        self.report = report


def error_of(report: Any) -> ResponsesError:
    """The error of a failed response or of an ``error`` event."""
    report = as_object(report)
    code = report.get("code")
    kind = _TYPES.get(str(code), "invalid_request_error") if isinstance(code, str) else "api_error"
    return ResponsesError({"type": kind, "code": code, "message": report.get("message") or ""})


def completion_of(response: JsonObject) -> JsonObject:
    """A whole Response as a ``chat.completion``. Raises :class:`ResponsesError` where it failed."""
    if response.get("error"):
        raise error_of(response["error"])
    aggregator, stream = Aggregator(), NativeStream()
    for chunk in stream.feed({"type": "response.created", "response": response}):
        aggregator.add(chunk)
    for index, item in enumerate(as_objects(response.get("output"))):
        for chunk in stream.feed({"type": "response.output_item.done", "output_index": index, "item": item}):
            aggregator.add(chunk)
    kind = "response.incomplete" if response.get("status") == "incomplete" else "response.completed"
    for chunk in stream.feed({"type": kind, "response": response}):
        aggregator.add(chunk)
    return aggregator.completion()


class NativeStream:
    """Turns the events of a Responses stream into chunks. ``finished`` is set by the event that ends it."""

    def __init__(self) -> None:
        self.finished = False
        self._head = make_chunk("", "", {})
        self._calls: dict[Any, int] = {}
        self._streamed: set[tuple[Any, str]] = set()
        """Which parts of which items came piece by piece."""
        self._thought: tuple[Any, Any] | None = None
        self._unsaid: str | None = None
        """The type of an item that chat completions have no word for."""

    def feed(self, event: JsonObject) -> list[JsonObject]:
        """The chunks of one event. Raises :class:`ResponsesError` where it says that the answer failed."""
        kind, index = str(event.get("type")), event.get("output_index")
        delta = event.get("delta")
        if kind == "response.output_text.delta":
            return self._piece(index, "content", delta, event.get("logprobs"))
        if kind == "response.refusal.delta":
            return self._piece(index, "refusal", delta)
        if kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            return self._think(index, event.get("summary_index", event.get("content_index")), delta)
        if kind == "response.function_call_arguments.delta" and index in self._calls:
            self._streamed.add((index, "arguments"))
            return [self._chunk({"tool_calls": [{"index": self._calls[index], "function": {"arguments": delta}}]})]
        if kind == "response.output_item.added":
            return self._opened(index, as_object(event.get("item")))
        if kind == "response.output_item.done":
            return self._done(index, as_object(event.get("item")))
        if kind == "response.output_text.annotation.added":
            self._streamed.add((index, "annotations"))
            return self._annotations([event.get("annotation")])
        if kind == "response.created":
            return self._start(as_object(event.get("response")))
        if kind in TERMINAL:
            return self._end(as_object(event.get("response")))
        if kind == "response.failed":
            raise error_of(as_object(event.get("response")).get("error"))
        if kind == "error":
            raise error_of(event.get("error") or event)
        return []

    def _chunk(self, delta: JsonObject, finish: str | None = None, logprobs: Any = None) -> JsonObject:
        choice: JsonObject = {"index": 0, "delta": delta, "finish_reason": finish}
        if isinstance(logprobs, list) and logprobs:
            entries = [{"bytes": None, "top_logprobs": [], **entry} for entry in as_objects(logprobs)]
            choice["logprobs"] = {"content": entries, "refusal": None}
        return {**self._head, "choices": [choice]}

    def _start(self, response: JsonObject) -> list[JsonObject]:
        self._head["id"] = str(response.get("id", ""))
        self._head["model"] = str(response.get("model", ""))
        created = response.get("created_at")
        if isinstance(created, int | float):
            self._head["created"] = int(created)
        return [self._chunk({"role": "assistant", "content": ""})]

    def _piece(self, index: Any, name: str, text: Any, logprobs: Any = None) -> list[JsonObject]:
        if not isinstance(text, str) or not text:
            return []
        self._streamed.add((index, name))
        return [self._chunk({name: text}, logprobs=logprobs)]

    def _think(self, index: Any, part: Any, text: Any) -> list[JsonObject]:
        if not isinstance(text, str) or not text:
            return []
        before, self._thought = self._thought, (index, part)
        self._streamed.add((index, "reasoning"))
        broken = before is not None and before != self._thought
        return [self._chunk({"reasoning_content": SUMMARY_BREAK + text if broken else text})]

    def _opened(self, index: Any, item: JsonObject) -> list[JsonObject]:
        if item.get("type") != "function_call" or index in self._calls:
            return []
        self._calls[index] = len(self._calls)
        return [self._called(index, item, "")]

    def _called(self, index: Any, item: JsonObject, arguments: str) -> JsonObject:
        namespace = item.get("namespace")
        name = chat_name(str(item.get("name") or ""), namespace if isinstance(namespace, str) else None)
        call = {
            "index": self._calls[index],
            "id": str(item.get("call_id") or item.get("id") or ""),
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        return self._chunk({"tool_calls": [call]})

    def _done(self, index: Any, item: JsonObject) -> list[JsonObject]:
        """What of a finished item has not been said yet."""
        kind = item.get("type")
        if kind == "message":
            return self._message(index, item)
        if kind == "reasoning":
            text = "" if (index, "reasoning") in self._streamed else reasoning_text(item)
            details = encrypted_details(item)
            return [
                *self._think(index, None, text),
                *([self._chunk({"reasoning_details": details})] if details else []),
            ]
        if kind == "function_call":
            arguments = str(item.get("arguments") or "")
            chunks = self._opened(index, item)
            if arguments and (index, "arguments") not in self._streamed:
                call = {"index": self._calls[index], "function": {"arguments": arguments}}
                chunks.append(self._chunk({"tool_calls": [call]}))
            return chunks
        self._calls.setdefault(index, len(self._calls))
        if kind == "custom_tool_call":
            return [self._called(index, item, orjson.dumps({"input": str(item.get("input") or "")}).decode())]
        self._unsaid = str(kind)
        return [self._called(index, {**item, "name": self._unsaid}, orjson.dumps(item).decode())]

    def _message(self, index: Any, item: JsonObject) -> list[JsonObject]:
        chunks: list[JsonObject] = []
        said = {name for at, name in self._streamed if at == index}
        for part in as_objects(item.get("content")):
            name, field = ("refusal", "refusal") if part.get("type") == "refusal" else ("content", "text")
            if name not in said:
                chunks += self._piece(index, name, part.get(field), part.get("logprobs"))
            if "annotations" not in said:
                chunks += self._annotations(part.get("annotations"))
        return chunks

    def _annotations(self, annotations: Any) -> list[JsonObject]:
        made = [chat for annotation in as_objects(annotations) if (chat := chat_annotation(annotation))]
        return [self._chunk({"annotations": made})] if made else []

    def _end(self, response: JsonObject) -> list[JsonObject]:
        self.finished = True
        reason = as_object(response.get("incomplete_details")).get("reason")
        finish = _FINISH.get(str(reason)) or self._unsaid or ("tool_calls" if self._calls else "stop")
        usage = chat_usage(response.get("usage"))
        last = self._chunk({}, finish)
        return [last, {**self._head, "choices": [], "usage": usage}] if usage else [last]
