"""What went over the wire for a request, as it is kept: headers masked when noted, bodies before they are written.

Bodies are kept as the objects they are until the store's thread asks for them: noting takes microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit
from zlib import crc32

import orjson

from gateway_core.cache.secrecy import PATTERNS, masked
from gateway_core.credentials import SECRET_NAME
from gateway_core.model import ChatRequest, JsonObject
from gateway_core.traces import MASKED, Headers, Received

_NO_SECRET = re.compile(
    r"^(?:idempotency-key|anthropic-ratelimit-.*|x-ratelimit-.*|ratelimit-.*|x-llmgw-.*|.*-authenticate|sec-websocket-key)$",
    re.IGNORECASE,
)
"""Headers that sound like a secret and are none: limits are counted in tokens."""
_SCHEME = re.compile(r"^(?:Bearer|Basic|Token|Digest) ", re.IGNORECASE)
_ESCAPED = (("\\n", "\n"), ('\\"', '"'), ("\\t", "\t"), ("\\r", "\r"), ("\\/", "/"), ("\\b", "\b"), ("\\f", "\f"))
"""RFC 8259, 7."""
_REMEMBERED_TEXTS = 4_096
_WORTH_REMEMBERING = 256


def masked_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """Headers without what is secret by its name or by its looks."""
    made = []
    for name, value in headers:
        if _is_secret(name):
            shown = _hidden(value)
        else:
            shown = _masked_short(value) if len(value) < _WORTH_REMEMBERING else masked(value)
        made.append((name, shown))
    return tuple(made)


@lru_cache(maxsize=256)
def masked_url(url: str) -> str:
    """A URL without user, password, and values of its query that are called a secret."""
    parts = urlsplit(url)
    query = "&".join(_masked_pair(pair) for pair in parts.query.split("&")) if parts.query else ""
    return masked(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query)))


def _masked_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MASKED}" if equals and SECRET_NAME.search(name) else pair


@lru_cache(maxsize=_REMEMBERED_TEXTS)
def _is_secret(name: str) -> bool:
    return SECRET_NAME.search(name) is not None and _NO_SECRET.match(name) is None


def _hidden(value: str) -> str:
    scheme = _SCHEME.match(value)
    return f"{scheme.group()}{MASKED}" if scheme else MASKED


@lru_cache(maxsize=_REMEMBERED_TEXTS)
def _masked_short(text: str) -> str:
    """Short texts, such as the names and types in JSON and the values of headers, are mostly the same ones."""
    return masked(text)


class LooksLikeSecrets:
    """Takes out of JSON text what looks like a key, a token or a password."""

    version = crc32(PATTERNS.encode()) or 1

    def without(self, text: bytes) -> bytes:
        """The same object where there is nothing."""
        flat = _flat(text)
        if flat is not None and masked(flat) == flat:
            return text
        value = orjson.loads(text)
        made = _masked_tree(value)
        return text if made == value else orjson.dumps(made)


def _flat(text: bytes) -> str | None:
    """JSON with the signs of its strings as they are meant: what is in a string is in this too, and nothing in a
    string goes over its end. None where it has signs that are told by their number."""
    flat = text.decode()
    if "\\" not in flat:
        return flat
    parts = flat.split("\\\\")
    for escaped, meant in _ESCAPED:
        parts = [part.replace(escaped, meant) for part in parts]
    return None if any("\\" in part for part in parts) else "\\".join(parts)


def _masked_tree(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {masked(name): _masked_tree(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_masked_tree(part) for part in value]
    return value


@dataclass(slots=True)
class _Sent:
    """As it was, secrets and all: they are taken out where it is written, in the store's thread."""

    attempt: int
    target: str
    method: str
    url: str = field(repr=False)
    headers: Headers = field(repr=False)
    content: bytes = field(repr=False)
    status: int | None = None
    answer_headers: Headers = field(default=(), repr=False)
    error: str = ""

    @property
    def head(self) -> JsonObject:
        """All but the body, secrets masked."""
        return {
            "attempt": self.attempt,
            "target": self.target,
            "method": self.method,
            "url": masked_url(self.url),
            "headers": masked_headers(self.headers),
            "status": self.status,
            "answer_headers": masked_headers(self.answer_headers),
            "error": self.error,
        }


@dataclass(slots=True)
class Recording:
    """The wire of one request; see :class:`gateway_core.traces.RequestParts`."""

    looks: ClassVar[LooksLikeSecrets] = LooksLikeSecrets()
    request: ChatRequest
    _sent: list[_Sent] = field(default_factory=list)

    def call(self, attempt: int, target: str) -> Wire:
        """What one call of an upstream is told to."""
        return Wire(self._sent, attempt, target)

    @property
    def received(self) -> Received | None:
        return self.request.received

    @property
    def body(self) -> JsonObject:
        """The client's, as sent."""
        request = self.request
        body = request.body if request.native is None else request.native
        extras = {"force_tier": request.force_tier.value} if request.force_tier else {}
        if isinstance(request.context, str):
            extras["context"] = request.context
        return {**body, **extras} if extras else body

    @property
    def sent(self) -> Sequence[tuple[JsonObject, bytes]]:
        """What went upstream: all but the body, and the body."""
        return [(sent.head, sent.content) for sent in self._sent]


class Wire:
    """Hears of one call: what was sent, what came back. A call that sends twice is two requests."""

    def __init__(self, sent: list[_Sent], attempt: int, target: str) -> None:
        self._all = sent
        self._attempt = attempt
        self._target = target
        self._last: _Sent | None = None

    def sent(self, method: str, url: str, headers: Iterable[tuple[str, str]], content: bytes) -> None:
        self._last = _Sent(self._attempt, self._target, method, url, tuple(headers), content)
        self._all.append(self._last)

    def answered(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        if self._last is not None:
            self._last.status, self._last.answer_headers = status, tuple(headers)

    def failed(self, why: str) -> None:
        if self._last is not None:
            self._last.error = masked(why)
