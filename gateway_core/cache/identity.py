"""What two requests must share for one answer to serve both, as two hashes of everything that can change an answer.

The client's noise (dates, session ids) is left out by hashing ``ClientView.messages``, but only where the answer cannot
depend on it: a question about now is known by its body as sent, time stamp and all.
"""

from __future__ import annotations

from hashlib import sha256

import orjson

from gateway_core.cache.code_context import UNKNOWN
from gateway_core.cache.eligibility import asks_for_sampling
from gateway_core.cache.freshness import depends_on_now
from gateway_core.frozen import frozen
from gateway_core.model import CacheMode, ChatRequest, CodeContext, JsonObject

VERSION = b"llmgw-identity-1"
"""Part of every key; raise it when keys change their meaning."""

CANNOT_CHANGE_THE_ANSWER = frozenset(
    ("messages", "stream", "stream_options", "metadata", "store", "service_tier")
    + ("prompt_cache_key", "prompt_cache_retention")
)
"""Fields of the body outside an identity (``messages`` is hashed by itself). All others are in it, unknown ones too."""

SAID_IN_CHAT = frozenset(("input", "instructions", "system", "previous_response_id", "conversation"))
"""Fields of a native body that the chat messages hold, without the client's noise."""

TURNS_LOOKED_AT = 3
"""User turns whose words are looked at for what depends on now."""

NEVER_COMPARED = frozenset({"sampled", "choices", "unreadable"})
"""Why a request is known by no cache, where the same one asked for once more is no complaint either: its hashes are
asked for by nobody, and of 63 kB they take .1 ms."""

CACHEABLE_PURPOSES = frozenset({"chat", "recap", "title"})
"""Heartbeats, cron jobs and whatever else runs by itself ask to do something now."""


@frozen
class Identity:
    """``exact_key`` of the whole request; ``scope_key`` of all but the last user text. Both are 64 hex digits, empty
    for a request that is :data:`NEVER_COMPARED`."""

    exact_key: str
    scope_key: str
    user_text: str
    depends_on_now: bool
    """Asks about time, place, state or chance: an answer holds for a minute, and only for the very same request."""
    bypass: str = ""
    """Why no cache may answer or keep this request, in a word; empty if one may."""


def identity(request: ChatRequest, target_scope: str, code: str = UNKNOWN, *, team: str = "") -> Identity:
    """The identity of ``request``; ``target_scope`` says who would answer it: model or tier, forced tiers included.

    ``code`` is the fingerprint of the code that a caller with a :class:`CodeContext` asks about, empty where it does
    not matter (:class:`~gateway_core.cache.code_context.CodeContexts`); such a request without one bypasses the caches.
    ``team`` takes the caller's place in the scope: its members share semantic answers (:mod:`gateway_core.cache.team`).
    """
    view, bypass = request.view, _bypass(request, code)
    fresh = _asks_of_now(request)
    if bypass in NEVER_COMPARED:
        return Identity("", "", view.user_text.strip(), fresh, bypass)
    messages = request.body.get("messages") if fresh else view.messages
    listed = list(messages) if isinstance(messages, list | tuple) else [messages]
    try:
        exact, scope = _hashes(request, target_scope, listed, code, team)
    except TypeError:  # lone surrogates or integers beyond 64 bits: nothing that could be compared safely
        return Identity("", "", view.user_text, fresh, "unreadable")
    return Identity(exact, scope, view.user_text.strip(), fresh, bypass)


def _bypass(request: ChatRequest, code: str) -> str:
    if isinstance(request.context, CodeContext) and code == UNKNOWN:
        return "context unknown"
    if request.cache_mode is CacheMode.BYPASS:
        return "asked"
    if request.view.purpose not in CACHEABLE_PURPOSES:
        return "purpose"
    if request.body.get("n") not in (None, 1):
        return "choices"
    return "sampled" if asks_for_sampling(request) else ""


def _asks_of_now(request: ChatRequest) -> bool:
    """Looks at the last words of the user: what the turn before asked of now still matters to a follow-up."""
    view = request.view
    if depends_on_now(view.user_text):
        return True
    turns = 0
    for message in reversed(view.messages):
        if message.get("role") == "user":
            turns += 1
            content = message.get("content")
            if isinstance(content, str) and content != view.user_text and depends_on_now(content):
                return True
            if turns == TURNS_LOOKED_AT:
                return False
    return False


def _hashes(request: ChatRequest, target_scope: str, messages: list[object], code: str, team: str) -> tuple[str, str]:
    """Both hashes in one pass: they part at the last user message, those of a team at the caller."""
    last = len(messages) - 1
    while last >= 0 and not _is_user(messages[last]):
        last -= 1
    context = [code] * bool(code) or None if isinstance(request.context, CodeContext) else request.context
    head = [request.caller, target_scope, request.model, request.force_tier, context, _options(request.body)]
    if request.view.surroundings:
        head.append({"surroundings": request.view.surroundings})
    if request.native is not None:
        head += [request.api, _options(request.native, SAID_IN_CHAT), dict(request.native_headers)]
    before, rest = _canonical(messages[: max(last, 0)]), _canonical(messages[last + 1 :])
    common = sha256(VERSION + _canonical(head) + before)
    scope = sha256(VERSION + _canonical([["team", team], *head[1:]]) + before) if team else common.copy()
    scope.update(b"[scope]" + rest)
    common.update(b"[exact]" + _canonical(messages[last] if last >= 0 else None) + rest)
    return common.hexdigest(), scope.hexdigest()


def _options(body: JsonObject, said: frozenset[str] = frozenset()) -> JsonObject:
    return {name: value for name, value in body.items() if name not in CANNOT_CHANGE_THE_ANSWER and name not in said}


def _is_user(message: object) -> bool:
    return isinstance(message, dict) and message.get("role") == "user"


def _canonical(value: object) -> bytes:
    """The value as bytes, without prompt-cache markers: they move from turn to turn and change no answer."""
    data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return orjson.dumps(_unmarked(value), option=orjson.OPT_SORT_KEYS) if b'"cache_control"' in data else data


def _unmarked(value: object) -> object:
    if isinstance(value, dict):
        return {name: _unmarked(inner) for name, inner in value.items() if not _is_marker(name, inner)}
    return [_unmarked(inner) for inner in value] if isinstance(value, list) else value


def _is_marker(name: str, value: object) -> bool:
    return name == "cache_control" and isinstance(value, dict) and value.get("type") == "ephemeral"
