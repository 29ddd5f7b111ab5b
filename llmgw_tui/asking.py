"""Asks a gateway for one JSON document, over a bare socket: a prompt cannot wait for an HTTP library to be imported."""

from __future__ import annotations

import json
import socket
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

LONGEST_ANSWER_BYTES = 1_000_000


def wrong_key(address: str) -> str:
    """What is said of a gateway that refuses the key that was found here."""
    return f"a gateway runs at {address}, but the key here is not its key"


class NoAnswer(Exception):
    """Nothing, or nothing that makes sense, came in time. The text completes *llmgw: not running: …*."""


def ask(address: str, path: str, key: str | None, until: float) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the JSON object at ``path``; ``until`` is a time of ``time.monotonic``.

    HTTP/1.0, so that the answer ends where the connection does. Raises :class:`NoAnswer`.
    """
    where = urlsplit(address)
    head = [f"GET {path} HTTP/1.0", f"Host: {where.netloc}", *([f"Authorization: Bearer {key}"] if key else [])]
    try:
        with socket.create_connection((where.hostname or "", where.port or 80), _left(until)) as connection:
            connection.settimeout(_left(until))
            connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
            raw = _all(connection, until)
    except TimeoutError:
        raise NoAnswer(f"{address} did not answer in time") from None
    except (OSError, UnicodeError):
        raise NoAnswer(f"nothing answers at {address}") from None
    status, answer = _parsed(raw)
    if not isinstance(answer, dict):
        raise NoAnswer(f"something else answers at {address}")
    return status, answer


def _all(connection: socket.socket, until: float) -> bytes:
    pieces, size = [], 0
    while piece := connection.recv(65_536):
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST_ANSWER_BYTES:
            break
        connection.settimeout(_left(until))
    return b"".join(pieces)


def _parsed(raw: bytes) -> tuple[int, object]:
    head, _, body = raw.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    try:
        return (int(words[1]), json.loads(body)) if words[0].startswith(b"HTTP/1.") else (0, None)
    except (ValueError, IndexError, RecursionError):
        return 0, None


def _left(until: float) -> float:
    """Raises ``TimeoutError`` when nothing is left."""
    if (left := until - monotonic()) <= 0:
        raise TimeoutError
    return left
