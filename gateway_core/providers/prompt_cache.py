"""Prompt caching done for the caller: what is marked in a Messages body, for how long, and whether it was then read."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from gateway_core.clients.messages import text_of
from gateway_core.clients.openclaw import is_carrier_text, steady_length
from gateway_core.frozen import frozen
from gateway_core.model import ApiKind, JsonObject, Reason, Usage
from gateway_core.providers.base import UpstreamCall
from gateway_core.providers.prompt_cache_breaks import Sent, explain, first_changed, keep
from gateway_core.providers.prompt_cache_policy import Ratios, Rhythm, choose, prior_of
from gateway_core.wire.claude_models import cacheable_from
from gateway_core.wire.prompt_cache import Part, Placed, Ttl, Wish, parts_of, place, split_system, steady_front

_MOST_KEPT = 256
_KEPT_BYTES = 8 * 1024 * 1024
"""How many conversations are remembered, and how much of their last prompts."""
_THREAD_FROM_BYTES = 128 * 1024
_FRESH = 0.05
"""The share of a conversation that a turn adds, before any was seen."""
Value = TypeVar("Value")

RUN_SESSION = "trace-"
"""A session's name that is good for one run only."""


@dataclass(slots=True)
class _Talk:
    """One conversation with one model."""

    rhythm: Rhythm
    fresh: float = _FRESH
    ttl: Ttl | None = None
    request: str = ""
    last: Sent | None = None


@dataclass(slots=True)
class _Front:
    """A steady front (tools and system prompt), which many conversations may share."""

    rhythm: Rhythm
    ttl: Ttl | None = None


@frozen
class _Reading:
    """A body as the cache will see it, and what the client sent."""

    body: JsonObject
    parts: tuple[Part, ...]
    kept: tuple[Part, ...]
    source: tuple[Any, ...]
    steady: Callable[[str], bool]
    passing: Callable[[str], bool]

    @property
    def turns(self) -> int:
        return self.parts[-1].path[1] + 1 if self.parts and self.parts[-1].path[0] == "messages" else 0

    @property
    def end(self) -> int:
        """Where what will stand in the same place next time ends."""
        end = len(self.parts)
        while end and self.passing(self.parts[end - 1].text or ""):
            end -= 1
        return end


@dataclass(slots=True)
class _Memory(Generic[Value]):
    """The most recently used values by key."""

    values: OrderedDict[Any, Value] = field(default_factory=OrderedDict)

    def get(self, key: Any, make: Callable[[], Value]) -> Value:
        if key not in self.values:
            self.values[key] = make()
            while len(self.values) > _MOST_KEPT:
                self.values.popitem(last=False)
        self.values.move_to_end(key)
        return self.values[key]


class PromptCaching:
    """Marks bodies on their way to Anthropic, and notices when a cache that should have been read was not.

    ``ratios`` tells of a model what written and read tokens cost, ``now`` the time in Unix seconds. What is known of a
    conversation is lost with the process; its cache is not, and is found again.
    """

    def __init__(self, ratios: Callable[[str], Ratios], now: Callable[[], float]) -> None:
        self._ratios = ratios
        self.now = now
        self._talks: _Memory[_Talk] = _Memory()
        self._fronts: _Memory[_Front] = _Memory()
        self._models: _Memory[dict[str, Sent]] = _Memory()

    async def track(self, call: UpstreamCall, body: JsonObject) -> Tracked:
        """The body to send, ``body`` with markers, as a context that lasts as long as the answer.

        ``body`` is a finished Messages request and is not changed. Big ones are read in a thread.
        """
        try:
            if call.request.size.body_bytes > _THREAD_FROM_BYTES:
                reading = await asyncio.to_thread(_read, call, body)
            else:
                reading = _read(call, body)
        except (TypeError, ValueError):  # nested too deep or no Unicode: sending it says so
            return Tracked(body)
        return self._begin(call, reading)

    def _begin(self, call: UpstreamCall, reading: _Reading) -> Tracked:
        model, at = call.target.model, self.now()
        prior = prior_of(call.request.view, call.request.size.tools > 0, reading.turns)
        key = _conversation(call, reading)
        talk = self._talks.get((key, model), lambda: _Talk(Rhythm(prior)))
        front = self._fronts.get((model, _front(reading)), lambda: _Front(Rhythm(prior)))
        same, anchor = _unchanged(talk.last, reading)
        if talk.request != call.request.id:  # the same request tried again says nothing about the rhythm
            talk.request = call.request.id
            talk.rhythm.note(at, same)
            front.rhythm.note(at)
        ratios = self._ratios(model)
        talk.ttl = choose(talk.rhythm.chances, ratios, talk.fresh, talk.ttl)
        front.ttl = choose(front.rhythm.chances, ratios, 0.0, front.ttl)
        wish = Wish(front.ttl, talk.ttl, cacheable_from(model), anchor)
        placed = place(reading.body, reading.parts, wish, steady=reading.steady, passing=reading.passing)
        return Tracked(placed.body, _Watch(self, call, key, talk, placed, reading, at))

    def end(self, watch: _Watch, usage: Usage, begun_at: float) -> None:
        """Takes the usage of an answer: remarks on it, and remembers the prompt."""
        placed, talk, call = watch.placed, watch.talk, watch.call
        cached = usage.cache_read_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
        images = any(part.kind == "image" for part in placed.parts)
        reading = watch.reading
        sent = Sent(watch.at, begun_at, reading.kept[: reading.end], placed.marks, cached, reading.source, images)
        if talk.last and usage.cache_read_tokens:
            sent = replace(sent, oldest=talk.last.oldest or talk.last.life)
        models = self._models.get(watch.key, dict)
        if placed.marks:
            call.remark(Reason("prompt cache", _named(placed)))
            read = usage.cache_read_tokens
            why = _missed(talk.last, sent, read, watch) if talk.last else _moved(models, sent, read, call.target.model)
            if why:
                call.remark(Reason("cache break", why))
        if talk.last is None or talk.last.at <= sent.at:
            talk.fresh = _smoothed(talk, placed)
            talk.last = sent
            models[call.target.model] = Sent(sent.at, begun_at, (), placed.marks, cached)
        self._forget()

    def _forget(self) -> None:
        """Drops the oldest prompts beyond what may be kept."""
        size = 0
        for talk in reversed(self._talks.values.values()):
            size += talk.last.size_bytes if talk.last else 0
            if size > _KEPT_BYTES:
                talk.last = None


def _missed(last: Sent, sent: Sent, read: int, watch: _Watch) -> str | None:
    """Why less was read than the request before had cached, None where it was all read."""
    if read >= last.cached_tokens:
        return None
    why = explain(last, sent, watch.reading.kept, watch.placed)
    return f"{last.cached_tokens - read:,} of {last.cached_tokens:,} cached tokens were not read. {why}"


def _moved(models: dict[str, Sent], sent: Sent, read: int, model: str) -> str | None:
    """That another model had this conversation in its cache, where that was so."""
    others = [(other.at, name, other) for name, other in models.items() if name != model and other.marks]
    if read or not others:
        return None
    _, name, other = max(others, key=lambda found: found[0])
    warm = other.cached_tokens and sent.at - other.at <= other.marks[-1][1].seconds
    return f"The model changed from {name} to {model}, which has a cache of its own." if warm else None


@frozen
class _Watch:
    """What is known of a request while it is answered."""

    caching: PromptCaching
    call: UpstreamCall
    key: Any
    talk: _Talk
    placed: Placed
    reading: _Reading
    at: float


class Tracked:
    """A request on its way. What it used is known once :meth:`see` was told of it, however the answer ends."""

    def __init__(self, body: JsonObject, watch: _Watch | None = None) -> None:
        self.body = body
        self._watch = watch
        self._usage: Usage | None = None
        self._begun_at: float | None = None

    def see(self, usage: Usage | None) -> None:
        """A piece of the answer has come, with what has been reported so far."""
        if self._watch and self._begun_at is None:
            self._begun_at = self._watch.caching.now()
        self._usage = usage or self._usage

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._watch and self._usage and self._begun_at is not None:
            self._watch.caching.end(self._watch, self._usage, self._begun_at)


def _read(call: UpstreamCall, body: JsonObject) -> _Reading:
    """Everything that has to be read of the whole body."""
    if call.request.view.client != "openclaw":
        parts = parts_of(body)
        return _Reading(body, parts, keep(parts), _source(call), lambda _: True, lambda _: False)
    body = split_system(body, steady_length)
    parts = parts_of(body)
    return _Reading(body, parts, keep(parts), _source(call), _is_steady, is_carrier_text)


def _is_steady(system: str) -> bool:
    return steady_length(system) == len(system)


def _unchanged(last: Sent | None, now: _Reading) -> tuple[bool, int | None]:
    """Whether the conversation goes on from the request before, and its last marker in what has not changed since."""
    if last is None:
        return True, None
    changed = first_changed(last, now.kept)
    same = [index for index, _ in last.marks if changed is None or index < changed]
    anchor = same[-1] if same and now.parts[same[-1]].path[0] == "messages" else None
    return changed is None or anchor is not None, anchor


def _source(call: UpstreamCall) -> tuple[Any, ...]:
    """What the client sent, piece by piece in its own order; nothing where its body goes upstream as it is.

    OpenClaw's context at the end is left out, for it moves on. Over Responses it stays in front of a tool loop and is
    taken away afterwards (seen with 2026.9.6): that is a change of the client's.
    """
    if call.request.api is ApiKind.MESSAGES and call.request.native is not None:
        return ()
    body = call.request.body
    front = {name: body.get(name) for name in ("tools", "tool_choice", "reasoning_effort", "thinking")}
    messages = list(body.get("messages") or ())
    while messages and is_carrier_text(text_of(messages[-1].get("content"))):
        messages.pop()
    return (front, *messages)


def _conversation(call: UpstreamCall, reading: _Reading) -> Any:
    """What holds a conversation together: its session, else its first message. Utility calls are apart."""
    request = call.request
    session = request.view.session
    if session and not session.startswith(RUN_SESSION):
        return request.caller, session, request.view.purpose in ("recap", "title")
    first = next((part.data for part in reading.parts if part.path[0] == "messages"), b"")
    return request.caller, blake2b(first, digest_size=16).digest()


def _front(reading: _Reading) -> bytes:
    digest = blake2b(digest_size=16)
    for part in steady_front(reading.parts, reading.steady):
        digest.update(part.data)
    return digest.digest()


def _smoothed(talk: _Talk, placed: Placed) -> float:
    """The share of the marked prompt that a turn adds."""
    if talk.last is None or not talk.last.marks or not placed.marks:
        return talk.fresh
    sizes = [len(part.data) for part in placed.parts[: placed.marks[-1][0] + 1]]
    return 0.8 * talk.fresh + 0.2 * sum(sizes[talk.last.tail + 1 :]) / max(1, sum(sizes))


def _named(placed: Placed) -> str:
    """The breakpoints in a line."""
    lives = {ttl: "5 min" if ttl is Ttl.SHORT else "1 h" for ttl in Ttl}
    places = [f"{placed.parts[index].where} ({lives[ttl]})" for index, ttl in placed.marks]
    return f"{'The client marked' if placed.own else 'Breakpoints at'} {', '.join(places)}"
