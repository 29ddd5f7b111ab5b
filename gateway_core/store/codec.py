"""JSON in and out of columns. Foreign content must never cost a row: what cannot be kept exactly is kept nearly."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, is_dataclass
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter

T = TypeVar("T")
LEVEL = 1
"""Of zlib. Measured on 63 and 150 KB of code and of prose: 0.6 to 1.3 ms, a third of level 6's time; 3.9 to 4.3 times
smaller for code and 2.2 for prose, where level 6 makes 4.8 to 5.6 and 2.4."""
PLAIN_BYTES = 2_048
"""Up to which text is not compressed: zlib takes 30 to 50 µs for it, most of that to begin, and saves a kilobyte."""
_COMPRESSED = b"\x78"
"""What zlib's format begins with (RFC 1950, 2.2: deflate, a window of 32 kB), and no JSON does."""

_adapters: dict[object, TypeAdapter[Any]] = {}


def to_json(value: object) -> str:
    """JSON text of a value or a dataclass."""
    return to_bytes(value).decode()


def to_bytes(value: object) -> bytes:
    """The same in UTF-8."""
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError):  # lone surrogates, integers beyond 64 bits
        finite = json.loads(json.dumps(value, default=_plain), parse_constant=lambda name: None)
        return json.dumps(finite, ensure_ascii=False).encode("utf-8", "replace")


def from_json(kind: type[T], text: str) -> T:
    """The typed value of JSON text. Raises ``ValueError`` when it is not one."""
    adapter = _adapters.get(kind) or _adapters.setdefault(kind, TypeAdapter(kind))
    value: T = adapter.validate_json(text)
    return value


def pack(value: object) -> bytes:
    """JSON, compressed where that pays."""
    return pack_text(to_bytes(value))


def pack_text(text: bytes) -> bytes:
    """JSON text as :func:`pack` packs it."""
    return text if len(text) <= PLAIN_BYTES else zlib.compress(text, LEVEL)


def unpack(blob: bytes) -> Any:
    """What :func:`pack` packed. Raises ``ValueError`` when it is damaged."""
    return orjson.loads(unpack_text(blob))


def unpack_text(blob: bytes) -> bytes:
    """The JSON text of what was packed. Raises ``ValueError`` when it is damaged."""
    if not blob.startswith(_COMPRESSED):
        return blob
    try:
        return zlib.decompress(blob)
    except zlib.error as error:
        raise ValueError(str(error)) from None


def clean_text(text: str) -> str:
    """Text that SQLite can keep: lone surrogates become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _plain(value: object) -> object:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
