"""Server-sent events, read in any split and written (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from gateway_core.model import JsonObject

DONE = b"data: [DONE]\n\n"
"""What ends a stream of OpenAI's chat completions."""
_EVENT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class SSEError(ValueError):
    """The bytes are no usable event stream."""


@dataclass(frozen=True, slots=True)
class SSEEvent:
    """One event. ``name`` is None where the stream gives none; ``data`` are its data lines, joined by newlines."""

    name: str | None
    data: bytes


class SSEParser:
    """Cuts bytes into events, whatever pieces they come in.

    Every byte is looked at once. Comments, ids, retry times and events without data are left out. Raises
    :class:`SSEError` when one event grows past ``max_event_bytes``.
    """

    def __init__(self, max_event_bytes: int = 16 * 1024 * 1024) -> None:
        self._limit = max_event_bytes
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._name: str | None = None
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[SSEEvent]:
        """The events that ``chunk`` completes."""
        if not chunk:
            return []
        lines = self._normalise(chunk).split(b"\n")
        if len(lines) == 1:
            self._keep(lines[0])
            return []
        self._keep(lines[0])
        lines[0] = b"".join(self._tail)
        last = lines.pop()
        self._tail, self._tail_bytes = [], 0
        events: list[SSEEvent] = []
        for line in lines:
            if event := self._line(line):
                events.append(event)
        self._keep(last)
        return events

    def finish(self) -> list[SSEEvent]:
        """The event the stream ended in, where its last blank line is missing."""
        rest = b"".join(self._tail)
        self._tail, self._tail_bytes = [], 0
        if rest:
            self._line(rest)
        event = self._line(b"")
        return [event] if event else []

    def _normalise(self, chunk: bytes) -> bytes:
        if self._at_start:
            self._at_start = False
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _keep(self, part: bytes) -> None:
        if part:
            self._tail.append(part)
            self._tail_bytes += len(part)
            self._check(self._tail_bytes)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise SSEError(f"an event is larger than {self._limit} bytes")

    def _line(self, line: bytes) -> SSEEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
            self._check(self._data_bytes)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        return None

    def _dispatch(self) -> SSEEvent | None:
        name, data = self._name, self._data
        self._name, self._data, self._data_bytes = None, [], 0
        return SSEEvent(name, b"\n".join(data)) if data else None


def encode(data: JsonObject | bytes, event: str | None = None) -> bytes:
    """One event as bytes; an object is written as JSON on one line."""
    body = data if isinstance(data, bytes) else orjson.dumps(data)
    if b"\n" in body:
        body = body.replace(b"\n", b"\ndata: ")
    head = f"event: {event}\n".encode() if event else b""
    return b"%sdata: %s\n\n" % (head, body)


def encode_typed(events: Iterable[JsonObject]) -> bytes:
    """Events of a protocol that names each by its ``type``; a type that can be no name does not get into one."""
    return b"".join(encode(event, _name(event)) for event in events)


def _name(event: JsonObject) -> str:
    name = str(event.get("type"))
    return name if _EVENT_NAME.fullmatch(name) else "message"
