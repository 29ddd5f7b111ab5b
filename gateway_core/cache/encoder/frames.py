"""How the gateway and the cache's child process talk: JSON objects, each behind its length in four bytes."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import orjson

LARGEST = 4 * 1024 * 1024
_LENGTH = struct.Struct(">I")
HEAD_BYTES = _LENGTH.size


def pack(message: dict[str, Any]) -> bytes:
    """A frame."""
    body = orjson.dumps(message)
    return _LENGTH.pack(len(body)) + body


def length(head: bytes) -> int:
    """The length of the body behind ``head``. Raises ``ValueError`` when it cannot be one."""
    (size,) = _LENGTH.unpack(head)
    if size > LARGEST:
        raise ValueError("a frame too large")
    return int(size)


def unpack(body: bytes) -> dict[str, Any]:
    """The message of a frame. Raises ``ValueError`` when it is none."""
    message = orjson.loads(body)
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message


def read(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message of a blocking stream; None at its end."""
    head = stream.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return None
    body = stream.read(length(head))
    return unpack(body) if body else None
