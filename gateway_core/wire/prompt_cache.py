"""Where prompt-cache breakpoints go in a finished Messages body, and what the cache sees of it. Pure: no state.

Anthropic's rules (platform.claude.com, "Prompt caching" and "Tool use with prompt caching", as of October 2026): the
prefix runs tools, system, messages; a marker writes one entry, a hash of everything up to and with its block; a request
reads the longest entry found by looking back over 20 positions from each of its markers, the marker's own counted; at
most 4 markers, 1-hour ones before 5-minute ones; thinking and empty text cannot carry one, nor can deferred tools. The
lifetime is no part of the match, and a read renews an entry for the lifetime it was written with.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import orjson

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_list, as_object

MOST_MARKERS = 4
LOOKBACK = 20
_CHARACTERS_PER_TOKEN = 3.2
"""Fewer than the estimate's 4.4: a marker below the minimum does nothing, one that is missing costs the whole read."""
_STRIDE = 15
"""How far apart the resting places of a long conversation are, and how far behind its end at least: the next request
finds an entry whenever up to 35 blocks were added, also when nobody remembers where the one before ended."""
_MARKABLE = frozenset({
    "text", "image", "document", "search_result", "tool_use", "tool_result", "server_tool_use", "container_upload",
    "web_search_tool_result", "web_fetch_tool_result", "tool_search_tool_result", "code_execution_tool_result",
    "bash_code_execution_tool_result", "text_editor_code_execution_tool_result",
})  # fmt: skip
"""Blocks that take ``cache_control`` in the types of anthropic 2.12."""


class Ttl(StrEnum):
    """How long an entry lives after the start of the request that wrote or last read it."""

    SHORT = "5m"
    LONG = "1h"

    @property
    def seconds(self) -> float:
        return 300.0 if self is Ttl.SHORT else 3600.0

    @property
    def marker(self) -> JsonObject:
        return {"type": "ephemeral"} if self is Ttl.SHORT else {"type": "ephemeral", "ttl": "1h"}


@frozen
class Part:
    """One position of the prompt in the cache's order. ``data`` is its JSON as sent, without a marker.

    ``where`` names it as a person would look for it: ``tools[3]``, ``system[0]``, ``messages[2].content[1]``. ``path``
    leads there: level, index, and the block in a message. Settings that the cache counts (the tool choice, thinking)
    stand between system and messages with an empty path.
    """

    where: str
    path: tuple[str, int, int]
    data: bytes
    kind: str = ""
    markable: bool = False
    ttl: Ttl | None = None
    """The caller's own marker."""
    text: str | None = None


@frozen
class Wish:
    """What is worth marking: lifetimes for the steady front and for the conversation, None where it would not pay.

    ``anchor`` is the index of the part where the previous request of the conversation had its last marker, if all up to
    it is unchanged. ``minimum`` is the model's least cacheable length in tokens.
    """

    prefix: Ttl | None
    tail: Ttl | None
    minimum: int
    anchor: int | None = None


@frozen
class Placed:
    """A body with its markers. ``marks`` are the indices of the marked parts and their lifetimes, in order."""

    body: JsonObject
    parts: tuple[Part, ...]
    marks: tuple[tuple[int, Ttl], ...]
    own: bool
    """The caller set markers; ``marks`` has these too."""


def parts_of(body: JsonObject) -> tuple[Part, ...]:
    """The prompt in the order in which the cache sees it. Takes any JSON object; what is malformed is left out."""
    parts = [
        _part(
            f"tools[{index}]", ("tools", index, 0), tool, markable=bool(tool) and tool.get("defer_loading") is not True
        )
        for index, tool in enumerate(_objects(body.get("tools")))
    ]
    parts += [
        _part(f"system[{index}]", ("system", index, 0), block, markable=_takes_marker(block))
        for index, block in enumerate(_blocks(body.get("system")))
    ]
    parts += _settings(body)
    for index, message in enumerate(_objects(body.get("messages"))):
        head = f"{message.get('role')}:".encode("utf-8", "replace")
        for number, block in enumerate(_blocks(message.get("content"))):
            where = f"messages[{index}].content[{number}]"
            parts.append(_part(where, ("messages", index, number), block, markable=_takes_marker(block), head=head))
    return tuple(parts)


def split_system(body: JsonObject, steady_length: Callable[[str], int]) -> JsonObject:
    """The body with each system text that has a steady front cut in two behind it; not a letter is changed or moved.

    ``steady_length`` tells how many characters of a text stay the same from turn to turn and day to day. Where the
    caller marked something of the system prompt itself, nothing is cut.
    """
    blocks = _blocks(body.get("system"))
    if any(block.get("cache_control") for block in blocks):
        return body
    made: list[JsonObject] = []
    for block in blocks:
        text = block.get("text")
        at = steady_length(text) if isinstance(text, str) else 0
        if isinstance(text, str) and text[:at].strip() and text[at:].strip():
            made += [{**block, "text": text[:at]}, {**block, "text": text[at:]}]
        else:
            made.append(block)
    return {**body, "system": made} if len(made) > len(blocks) else body


def steady_front(parts: tuple[Part, ...], steady: Callable[[str], bool]) -> tuple[Part, ...]:
    """The tools and as much of the system prompt as stands in front of what changes."""
    for index, part in enumerate(parts):
        if part.path[0] != "tools" and (part.path[0] != "system" or not steady(part.text or "")):
            return parts[:index]
    return parts


def place(
    body: JsonObject,
    parts: tuple[Part, ...],
    wish: Wish,
    *,
    steady: Callable[[str], bool] = lambda _: True,
    passing: Callable[[str], bool] = lambda _: False,
) -> Placed:
    """Sets the markers; ``body`` itself is left as it is.

    ``steady`` tells of a system text whether it stays from turn to turn, ``passing`` of a message's text whether it
    will stand elsewhere in the next turn. A caller's own markers are kept as they are, and nothing is written that the
    caller did not ask for: only a place further back, where an older entry is, is added in front of the last of them.
    """
    own = [(index, part.ttl) for index, part in enumerate(parts) if part.ttl]
    if automatic := _ttl_of(body.get("cache_control")):
        last = _last(parts, "messages", lambda part: not part.ttl)
        own += [] if last is None else [(last, automatic)]
        added = []
    elif own:
        added = _own_anchor(parts, own, wish)
    else:
        added = _places(parts, wish, steady, passing)
    marked = body
    for index, ttl in added:
        marked = _with_marker(marked, parts[index].path, ttl)
    return Placed(marked, parts, tuple(sorted([*own, *added])), own=bool(own))


def reachable(marks: tuple[tuple[int, Ttl], ...], parts: tuple[Part, ...], entry: int) -> bool:
    """Whether an entry at part ``entry`` is found from one of the markers.

    A run of tool calls counts as one position of the look-back, and so does a run of their results.
    """
    return any(entry <= mark and _steps(parts, entry, mark) < LOOKBACK for mark, _ in marks)


def _steps(parts: tuple[Part, ...], start: int, end: int) -> int:
    kinds = [part.kind for part in parts[start : end + 1] if part.path[0]]
    pairs = zip(kinds, kinds[1:], strict=False)
    return sum(1 for before, kind in pairs if kind != before or kind not in ("tool_use", "tool_result"))


# --- which places ----------------------------------------------------------------------------------------------


def _places(
    parts: tuple[Part, ...], wish: Wish, steady: Callable[[str], bool], passing: Callable[[str], bool]
) -> list[tuple[int, Ttl]]:
    tail = wish.tail
    front = Ttl.LONG if Ttl.LONG in (wish.prefix, tail) else wish.prefix or tail
    found: dict[int, Ttl] = {}
    if front:
        tools = _last(parts, "tools", lambda part: True)
        system = _last(steady_front(parts, steady), "system", lambda part: True)
        found.update({index: front for index in (tools, system) if index is not None})
    if tail:
        last = _last(parts, "messages", lambda part: not passing(part.text or ""))
        if last is not None:
            found[last] = tail
            back = _anchor(parts, last, wish.anchor)
            if back is not None:
                found.setdefault(back, tail)
    long_enough = _first_cacheable(parts, wish.minimum)
    return sorted((index, ttl) for index, ttl in found.items() if index >= long_enough)


def _own_anchor(parts: tuple[Part, ...], own: list[tuple[int, Ttl]], wish: Wish) -> list[tuple[int, Ttl]]:
    """A place further back for a caller that marks itself, where none of its markers finds the older entry.

    With the lifetime of the caller's next marker it costs nothing: what lies between is written so anyway.
    """
    back = wish.anchor
    later = [ttl for index, ttl in own if back is not None and index > back]
    if back is None or not later or len(own) >= MOST_MARKERS or not parts[back].markable:
        return []
    return [] if reachable(tuple(own), parts, back) else [(back, later[0])]


def _anchor(parts: tuple[Part, ...], last: int, known: int | None) -> int | None:
    """Where the previous request's entry is, else a resting place that a few requests in a row agree on."""
    first = next((index for index, part in enumerate(parts) if part.path[0] == "messages"), 0)
    if known is not None and first <= known < last and parts[known].markable:
        return known
    at = first + (last - first - _STRIDE - 1) // _STRIDE * _STRIDE
    return next((index for index in range(at, max(first, at - _STRIDE + 1) - 1, -1) if parts[index].markable), None)


def _last(parts: tuple[Part, ...], level: str, good: Callable[[Part], bool]) -> int | None:
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        if part.path[0] == level and part.markable and good(part):
            return index
    return None


def _first_cacheable(parts: tuple[Part, ...], minimum: int) -> int:
    """The first part with which the prompt may have the model's least cacheable length."""
    size = 0
    for index, part in enumerate(parts):
        size += len(part.data)
        if size / _CHARACTERS_PER_TOKEN >= minimum:
            return index
    return len(parts)


# --- reading and marking ---------------------------------------------------------------------------------------


def _objects(value: Any) -> list[JsonObject]:
    """The items of a list, in their places: what is no object counts as an empty one."""
    return [as_object(item) for item in as_list(value)]


def _blocks(content: Any) -> list[JsonObject]:
    return [{"type": "text", "text": content}] if isinstance(content, str) and content else _objects(content)


def _takes_marker(block: JsonObject) -> bool:
    kind = block.get("type")
    return (
        isinstance(kind, str) and kind in _MARKABLE and (kind != "text" or bool(str(block.get("text") or "").strip()))
    )


def _part(where: str, path: tuple[str, int, int], value: JsonObject, *, markable: bool, head: bytes = b"") -> Part:
    ttl = _ttl_of(value.get("cache_control"))
    if "cache_control" in value:
        value = {name: inner for name, inner in value.items() if name != "cache_control"}
    kind, text = value.get("type"), value.get("text")
    return Part(
        where,
        path,
        head + orjson.dumps(value),
        kind=kind if isinstance(kind, str) else "",
        markable=markable,
        ttl=ttl,
        text=text if isinstance(text, str) else None,
    )


def _ttl_of(marker: Any) -> Ttl | None:
    if not marker:
        return None
    return Ttl.LONG if isinstance(marker, dict) and marker.get("ttl") == "1h" else Ttl.SHORT


def _settings(body: JsonObject) -> list[Part]:
    """What besides the prompt's own words the cache of the messages depends on."""
    thinks, effort = body.get("thinking"), as_object(body.get("output_config")).get("effort")
    found = {"tool_choice": body.get("tool_choice"), "thinking": thinks, "output_config.effort": effort}
    return [Part(name, ("", 0, 0), orjson.dumps(value)) for name, value in found.items() if value is not None]


def _with_marker(body: JsonObject, path: tuple[str, int, int], ttl: Ttl) -> JsonObject:
    level, index, number = path
    if level != "messages":
        return {**body, level: _marked(body[level], index, ttl)}
    messages = list(body[level])
    messages[index] = {**messages[index], "content": _marked(messages[index]["content"], number, ttl)}
    return {**body, level: messages}


def _marked(content: Any, at: int, ttl: Ttl) -> list[Any]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    blocks[at] = {**blocks[at], "cache_control": ttl.marker}
    return blocks
