"""HTTP/1.1 as bytes, for the two ends of a measurement: where a message ends, and its body. Nothing else of it is read.

The tools have to be several times faster than what they measure, so that no library is between them and the socket.
"""

from __future__ import annotations

import re

HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_IN_CHUNKS, _UNTIL_CLOSE = -1, -2


class Message:
    """A request or an answer as it comes in. ``head`` is empty until all of it is there; it ends with a line break.

    ``rest`` is what came after the end, once it is ``whole``: the beginning of the next one.
    """

    __slots__ = ("_left", "head", "rest", "whole")

    def __init__(self) -> None:
        self.head = self.rest = b""
        self.whole = False
        self._left = 0

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.head[9:12])

    @property
    def closes(self) -> bool:
        """Whether the connection ends with it."""
        return self._left == _UNTIL_CLOSE or _CLOSES.search(self.head) is not None

    def feed(self, data: bytes) -> bytes:
        """Takes what was read; returns the part of the body that is in it. Raises ``ValueError`` for a chunk without a
        size."""
        if not self.head:
            data = self.rest + data if self.rest else data
            end = data.find(HEAD_END)
            if end < 0:
                self.rest = data
                return b""
            self.head, self.rest = data[: end + 2], b""
            self._left = self._body_length()
            data = data[end + 4 :]
        if self._left == _IN_CHUNKS:
            return self._from_chunks(data)
        if self._left == _UNTIL_CLOSE:
            return data
        body = data[: self._left]
        self._left -= len(body)
        if not self._left:
            self.whole, self.rest = True, data[len(body) :]
        return body

    def _body_length(self) -> int:
        if found := _LENGTH.search(self.head):
            return int(found[1])
        if _CHUNKED.search(self.head):
            return _IN_CHUNKS
        return _UNTIL_CLOSE if self.head.startswith(b"HTTP/") else 0

    def _from_chunks(self, data: bytes) -> bytes:
        """The chunks that are there from their beginning to their end."""
        if self.rest:
            data = self.rest + data
        at, parts = 0, []
        while (line_end := data.find(b"\r\n", at)) >= 0:
            size = int(data[at:line_end].partition(b";")[0], 16)
            begin = line_end + 2
            if begin + size + 2 > len(data):
                break
            at = begin + size + 2
            if not size:
                self.whole = True
                break
            parts.append(data[begin : begin + size])
        self.rest = data[at:]
        return b"".join(parts)


def chunk(payload: bytes) -> bytes:
    """The payload as one chunk."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


LAST_CHUNK = b"0\r\n\r\n"


def answer(body: bytes, status: str = "200 OK") -> bytes:
    """A whole answer in JSON."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
