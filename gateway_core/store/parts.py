"""Keeps what went over the wire for a request beside its messages, each long text once.

What a client sent, what went upstream and the messages that are kept anyway are mostly the same words: a text that
occurs again is a number. Measured on a request of 65 kB that went to Claude: 5 kB instead of 39 kB, in 0.4 ms instead
of 2.1; masking before that takes 2.2 ms of words seen first, and 0.5 ms of a conversation that goes on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from gateway_core.store.codec import pack, to_json, unpack
from gateway_core.traces import RequestParts

LONG = 48
"""Characters from which a text that occurs again is worth a number."""
_REF = "\0ref"


def write_parts(connection: sqlite3.Connection, request_id: str, tree: dict[str, Any], messages: Any) -> None:
    """Adds ``tree`` to the bodies of a request, whose ``messages`` are there as they are given."""
    texts = _Texts(messages)
    blob = pack({"texts": len(texts.texts), "tree": _shortened(tree, texts)})
    connection.execute(
        "UPDATE bodies SET parts = ?, size_bytes = size_bytes + ? WHERE request_id = ?", (blob, len(blob), request_id)
    )


def read_parts(connection: sqlite3.Connection, request_id: str) -> RequestParts | None:
    """What is kept; None where nothing is. Raises ``ValueError`` when it is damaged."""
    found = connection.execute("SELECT messages, parts FROM bodies WHERE request_id = ?", (request_id,)).fetchone()
    if found is None or found[1] is None:
        return None
    texts, kept = _Texts(unpack(found[0]) if found[0] else ()), unpack(found[1])
    if kept["texts"] != len(texts.texts):
        raise ValueError("the messages are not those that were kept with it")
    tree = _restored(kept["tree"], texts)
    for sent in tree["upstream"]:
        sent["body"] = sent["body"] if isinstance(sent["body"], str) else to_json(sent["body"])
    parts = _kind().validate_python(tree)
    return replace(parts, body=tree["body"])


@cache
def _kind() -> TypeAdapter[RequestParts]:
    return TypeAdapter(RequestParts)


class _Texts:
    """The long texts met so far, by their number; those of the messages come first."""

    def __init__(self, messages: Any) -> None:
        self.texts: list[str] = []
        self.numbers: dict[str, int] = {}
        for text in _long_texts(messages):
            self.met(text)

    def met(self, text: str) -> None:
        if self.numbers.setdefault(text, len(self.texts)) == len(self.texts):
            self.texts.append(text)


def _long_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= LONG:
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _long_texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _long_texts(part)


def _shortened(value: Any, texts: _Texts) -> Any:
    if isinstance(value, str):
        if len(value) < LONG:
            return value
        number = texts.numbers.get(value)
        if number is not None:
            return {_REF: number}
        texts.met(value)
        return value
    if isinstance(value, dict):
        short = {name: _shortened(part, texts) for name, part in value.items()}
        return {_REF: short} if _REF in value else short
    if isinstance(value, (list, tuple)):
        return [_shortened(part, texts) for part in value]
    return value


def _restored(value: Any, texts: _Texts) -> Any:
    if isinstance(value, str):
        if len(value) >= LONG:
            texts.met(value)
        return value
    if isinstance(value, dict):
        if isinstance(value.get(_REF), int):
            return texts.texts[value[_REF]]
        value = value.get(_REF, value)
        return {name: _restored(part, texts) for name, part in value.items()}
    if isinstance(value, list):
        return [_restored(part, texts) for part in value]
    return value
