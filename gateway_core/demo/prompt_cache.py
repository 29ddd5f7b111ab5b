"""A prompt cache accounted as Anthropic's: what of a request is read, what is written, and what costs full price.

After platform.claude.com, "Prompt caching", as of October 2026. Where that page says nothing the dearer way is taken: a
marker in front of what was read writes nothing, and a lapsed entry does not come back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject

_LOOKBACK = 20
_LIVES_S = {"5m": 300.0, "1h": 3600.0}
_RUNS = ("tool_use", "tool_result")


@frozen
class _Point:
    """A block's end: the hash of all up to it, the tokens up to it, its place in the look-back, and its marker."""

    prefix: str
    tokens: int
    position: int
    ttl: str | None


@dataclass(slots=True)
class _Entry:
    ttl: str
    until: float


@frozen
class Lookup:
    """What the cache does for one request; counts are tokens. ``writes`` can be read once the answer has begun."""

    read: int
    written_5m: int
    written_1h: int
    plain: int
    at: float
    writes: tuple[tuple[str, str], ...]

    @property
    def usage(self) -> JsonObject:
        """The input side of ``usage``."""
        return {
            "input_tokens": self.plain,
            "cache_creation_input_tokens": self.written_5m + self.written_1h,
            "cache_read_input_tokens": self.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.written_5m,
                "ephemeral_1h_input_tokens": self.written_1h,
            },
        }


class PromptCache:
    """Entries by hash of the whole prefix, the model included.

    ``count`` is the tokenizer, ``minimum`` tells a model's least cacheable length in tokens, ``now`` gives seconds.
    """

    def __init__(self, count: Callable[[object], int], minimum: Callable[[str], int], now: Callable[[], float]) -> None:
        self._count = count
        self._minimum = minimum
        self._now = now
        self._entries: dict[str, _Entry] = {}

    def look_up(self, body: JsonObject) -> Lookup:
        """What is read and what will be written. Whatever is read lives on as long as when it was written."""
        at = self._now()
        self._entries = {prefix: entry for prefix, entry in self._entries.items() if entry.until >= at}
        points = list(self._points(body))
        least = self._minimum(str(body.get("model")))
        marked = [point for point in points if point.ttl and point.tokens >= least]
        hit = self._longest_hit(points, marked)
        read = hit.tokens if hit else 0
        for point in points:
            if point.tokens <= read and (entry := self._entries.get(point.prefix)):
                entry.until = at + _LIVES_S[entry.ttl]
        new = [point for point in marked if point.tokens > read]
        long = max((point.tokens for point in new if point.ttl == "1h"), default=read)
        last = max((point.tokens for point in new), default=read)
        total = points[-1].tokens if points else 0
        writes = tuple((point.prefix, point.ttl) for point in new if point.ttl)
        return Lookup(read, last - long, long - read, total - last, at, writes)

    def begin(self, found: Lookup) -> None:
        """The answer has begun: from now on others can read what the request wrote, for a time since its start."""
        for prefix, ttl in found.writes:
            made, old = _Entry(ttl, found.at + _LIVES_S[ttl]), self._entries.get(prefix)
            self._entries[prefix] = old if old and old.until > made.until else made

    def count(self, body: JsonObject) -> int:
        """The tokens of the whole prompt."""
        return max((point.tokens for point in self._points(body)), default=0)

    def _longest_hit(self, points: list[_Point], marked: list[_Point]) -> _Point | None:
        for point in reversed(points):
            seen = any(
                0 <= mark.position - point.position < _LOOKBACK for mark in marked if mark.tokens >= point.tokens
            )
            if seen and point.prefix in self._entries:
                return point
        return None

    def _points(self, body: JsonObject) -> Iterator[_Point]:
        digest = hashlib.sha256(str(body.get("model")).encode())
        tokens, position, before = 0, -1, ""
        blocks = list(_blocks(body))
        last = max((number for number, (_, block) in enumerate(blocks) if block), default=-1)
        for number, (context, block) in enumerate(blocks):
            digest.update(context.encode("utf-8", "surrogatepass"))
            if not block:
                continue
            plain = {name: value for name, value in block.items() if name != "cache_control"}
            digest.update(json.dumps(plain, ensure_ascii=False).encode("utf-8", "surrogatepass"))
            tokens += self._count(plain)
            kind = str(block.get("type"))
            position += kind != before or kind not in _RUNS
            before = kind
            marker = block.get("cache_control") or (body.get("cache_control") if number == last else None)
            yield _Point(digest.hexdigest(), tokens, position, marker.get("ttl", "5m") if marker else None)


def _blocks(body: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """The prompt in the cache's order. A context without a block is a setting on which all that follows depends."""
    for tool in body.get("tools") or ():
        yield "tool", tool
    yield f"speed {body.get('speed')}", {}
    yield from (("system", block) for block in _as_blocks(body.get("system")))
    contents = [(str(message.get("role")), _as_blocks(message.get("content"))) for message in body["messages"]]
    effort = (body.get("output_config") or {}).get("effort")
    images = any(block.get("type") == "image" for _, blocks in contents for block in blocks)
    yield json.dumps([body.get("tool_choice"), body.get("thinking"), effort, images]), {}
    for role, blocks in contents:
        yield from ((role, block) for block in blocks)


def _as_blocks(content: object) -> list[JsonObject]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
