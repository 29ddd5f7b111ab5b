"""Reads what went over the wire as it was kept before there were pieces: each long text once, then as a number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LONG = 48
"""Characters from which a text that occurs again was a number."""
_REF = "\0ref"


def restored(kept: dict[str, Any], messages: Any) -> Any:
    """The tree, of the messages that were kept with it. Raises ``ValueError`` when they are others."""
    texts = list(dict.fromkeys(_long_texts(messages)))
    if kept["texts"] != len(texts):
        raise ValueError("the messages are not those that were kept with it")
    return _restored(kept["tree"], texts, set(texts))


def _long_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= LONG:
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _long_texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _long_texts(part)


def _restored(value: Any, texts: list[str], known: set[str]) -> Any:
    if isinstance(value, str):
        if len(value) >= LONG and value not in known:
            known.add(value)
            texts.append(value)
        return value
    if isinstance(value, dict):
        if isinstance(value.get(_REF), int):
            return texts[value[_REF]]
        value = value.get(_REF, value)
        return {name: _restored(part, texts, known) for name, part in value.items()}
    if isinstance(value, list):
        return [_restored(part, texts, known) for part in value]
    return value
