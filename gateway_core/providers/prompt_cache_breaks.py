"""Why a prompt cache that should have been read was not: the first bytes that differ, and who changed them."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import Any

import orjson

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.wire.prompt_cache import LOOKBACK, Part, Placed, Ttl, reachable

_AROUND = 80
"""Characters shown on each side of a difference."""
_LONGEST_KEPT = 64 * 1024
_HEAD = 4 * 1024


@frozen
class Sent:
    """An answered request: what the cache saw of it but for what will have moved on, and how much was read or written.

    ``source`` is what the client sent, piece by piece, empty where its own body went upstream.
    ``at`` and ``begun_at`` are when it was sent and when its answer began, in Unix seconds.
    """

    at: float
    begun_at: float
    parts: tuple[Part, ...]
    marks: tuple[tuple[int, Ttl], ...]
    cached_tokens: int
    source: tuple[Any, ...] = ()
    images: bool = False
    oldest: Ttl | None = None
    """The lifetime that what this request read was once written with, None where it read nothing or nobody knows."""

    @property
    def size_bytes(self) -> int:
        return sum(len(part.data) for part in self.parts)

    @property
    def life(self) -> Ttl | None:
        """The lifetime of the last marked part, None without one."""
        return self.marks[-1][1] if self.marks else None

    @property
    def tail(self) -> int:
        """The index of the last marked part, -1 without one."""
        return self.marks[-1][0] if self.marks else -1


def keep(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts as they are remembered: of a very long one (an image) only the head and a digest."""
    return tuple(part if len(part.data) <= _LONGEST_KEPT else _shortened(part) for part in parts)


def _shortened(part: Part) -> Part:
    digest = blake2b(part.data, digest_size=16).hexdigest().encode()
    return replace(part, data=part.data[:_HEAD] + b"..." + digest, text=None)


def first_changed(before: Sent, now: tuple[Part, ...]) -> int | None:
    """The index of the first part that differs from what was sent before, None where something was at most added."""
    for index, kept in enumerate(before.parts):
        if index >= len(now) or kept.data != now[index].data:
            return index
    return None


def explain(before: Sent, now: Sent, kept: tuple[Part, ...], placed: Placed) -> str:
    """Why the request ``now``, whose whole prompt is ``kept``, did not read what the one ``before`` it had cached."""
    age = now.at - before.at
    for life in (before.life, before.oldest):
        if life and age > life.seconds:
            return f"The {_lifetime(life)} cache of the request before had expired: that was {_span(age)} ago."
    changed = first_changed(before, kept)
    if changed is not None and changed <= before.tail:
        return _changed(before, now, kept, changed)
    marker = "The client's" if placed.own else "The gateway's"
    if not reachable(now.marks, placed.parts, before.tail):
        written = before.parts[before.tail].where
        return (
            f"{marker} markers moved: none is within {LOOKBACK} blocks behind {written}, where the cache was written."
        )
    if now.at < before.begun_at:
        return "It was sent before the answer that writes the cache had begun."
    if now.images != before.images:
        return (
            f"The client {'added the first image' if now.images else 'took the last image away'}: that ends the cache."
        )
    return f"Anthropic read less than it had, though every byte is the same and the cache is {_span(age)} old."


def _changed(before: Sent, now: Sent, parts: tuple[Part, ...], index: int) -> str:
    who = "the gateway's translation" if _same_source(before, now) else "the client"
    old = before.parts[index]
    if index >= len(parts):
        return f"Changed by {who}: {old.where} is no longer there: {_quoted(old.data.decode('utf-8', 'replace'), 0)}"
    new = parts[index]
    if old.where != new.where:
        return (
            f"Changed by {who}: {new.where} stands where {old.where} stood: "
            f"was {_quoted(old.data.decode('utf-8', 'replace'), 0)}, "
            f"now {_quoted(new.data.decode('utf-8', 'replace'), 0)}"
        )
    path, was, is_now = _first_difference(old.data, new.data)
    offset = _common_length(was, is_now)
    return (
        f"Changed by {who}: {old.where}{path} differs from character {offset} on: "
        f"was {_quoted(was, offset)}, now {_quoted(is_now, offset)}"
    )


def _same_source(before: Sent, now: Sent) -> bool:
    """Whether the client only added to what it had sent. The order of fields counts: it is in the bytes."""
    try:
        return bool(before.source) and orjson.dumps(now.source[: len(before.source)]) == orjson.dumps(before.source)
    except TypeError:  # nested too deep to be compared
        return False


# --- the first differing bytes ---------------------------------------------------------------------------------


def _first_difference(old: bytes, new: bytes) -> tuple[str, str, str]:
    """The path inside a part to the first value that differs, and the value's text before and now."""
    was, now = _parsed(old), _parsed(new)
    path = ""
    while was is not None and now is not None:
        step = _step(was, now)
        if step is None:
            break
        path += step[0]
        was, now = step[1], step[2]
    if was is None or now is None or (not path and isinstance(was, dict)):
        return path, old.decode("utf-8", "replace"), new.decode("utf-8", "replace")
    return path, _text(was), _text(now)


def _parsed(data: bytes) -> Any:
    start = max(0, data.find(b"{"))
    role = data[:start].rstrip(b":").decode("utf-8", "replace")
    try:
        value = orjson.loads(data[start:])
    except orjson.JSONDecodeError:
        return None
    return {"role": role, **value} if role and isinstance(value, dict) else value


def _step(was: Any, now: Any) -> tuple[str, Any, Any] | None:
    """One step towards the first difference, None where both are no longer of one shape."""
    if isinstance(was, dict) and isinstance(now, dict):
        return _object_step(was, now)
    if isinstance(was, list) and isinstance(now, list):
        for index, (old, new) in enumerate(zip(was, now, strict=False)):
            if old != new:
                return f"[{index}]", old, new
    return None


def _object_step(was: JsonObject, now: JsonObject) -> tuple[str, Any, Any] | None:
    for (old_name, old), (new_name, new) in zip(was.items(), now.items(), strict=False):
        if old_name != new_name:
            return None
        if orjson.dumps(old) != orjson.dumps(new):
            return f".{old_name}", old, new
    return None


def _common_length(was: str, now: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(was), len(now))
    while low < high:
        middle = (low + high + 1) // 2
        if was[low:middle] == now[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode("utf-8", "replace")


def _quoted(text: str, offset: int) -> str:
    start, end = max(0, offset - _AROUND), offset + _AROUND
    shown = "".join(letter if letter.isprintable() else _escaped(letter) for letter in text[start:end])
    return f"«{'…' if start else ''}{shown}{'…' if end < len(text) else ''}»"


def _escaped(letter: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(letter, "?")


def _lifetime(ttl: Ttl) -> str:
    return "5-minute" if ttl is Ttl.SHORT else "1-hour"


def _span(seconds: float) -> str:
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
