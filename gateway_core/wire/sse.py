"""Server-sent events, read in any split and written (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable

import orjson

from gateway_core.model import JsonObject

DONE = b"data: [DONE]\n\n"
"""What ends a stream of OpenAI's chat completions."""
_EVENT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class SSEError(ValueError):
    """The bytes are no usable event stream."""


class SSEParser:
    """Cuts bytes into events, whatever pieces they come in. An event is its data lines, joined by newlines.

    Every byte is looked at once. Comments, names, ids, retry times and events without data are left out: the protocols
    read here repeat an event's name in its data. Raises :class:`SSEError` when one event grows past
    ``max_event_bytes``.
    """

    def __init__(self, max_event_bytes: int = 16 * 1024 * 1024) -> None:
        self._limit = max_event_bytes
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that ``chunk`` completes."""
        if self._at_start or self._after_cr or b"\r" in chunk:
            chunk = self._normalise(chunk)
        lines = chunk.split(b"\n")
        last = lines.pop()
        events: list[bytes] = []
        if lines:
            if self._tail:
                self._keep(lines[0])
                lines[0] = b"".join(self._tail)
                self._tail, self._tail_bytes = [], 0
            events = self._read(lines)
        if last:
            self._keep(last)
        return events

    def finish(self) -> list[bytes]:
        """The event the stream ended in, where its last blank line is missing."""
        rest = b"".join(self._tail)
        self._tail, self._tail_bytes = [], 0
        return self._read([rest, b""])

    def _normalise(self, chunk: bytes) -> bytes:
        """The same with ``\\n`` alone at the ends of its lines."""
        if self._at_start and chunk:
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
        self._tail.append(part)
        self._tail_bytes += len(part)
        self._check(self._tail_bytes)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise SSEError(f"an event is larger than {self._limit} bytes")

    def _read(self, lines: list[bytes]) -> list[bytes]:
        """The events that whole lines complete."""
        events: list[bytes] = []
        for line in lines:
            if not line:
                if self._data:
                    events.append(b"\n".join(self._data))
                    self._data, self._data_bytes = [], 0
                continue
            field, _, value = line.partition(b":")
            if field == b"data":
                self._data.append(value.removeprefix(b" "))
                self._data_bytes += len(value) + 1
                self._check(self._data_bytes)
        return events


def encode(data: JsonObject | bytes, event: str | None = None) -> bytes:
    """One event as bytes; an object is written as JSON on one line."""
    body = data.replace(b"\n", b"\ndata: ") if isinstance(data, bytes) else orjson.dumps(data)
    return b"event: %s\ndata: %s\n\n" % (event.encode(), body) if event else b"data: %s\n\n" % body


def encode_typed(events: Iterable[JsonObject]) -> bytes:
    """Events of a protocol that names each by its ``type``; a type that can be no name does not get into one."""
    return b"".join([encode(event, _name(event)) for event in events])


def _name(event: JsonObject) -> str:
    name = str(event.get("type"))
    return name if _EVENT_NAME.fullmatch(name) else "message"
