"""What went over the wire for a request, as it is kept: headers masked when noted, bodies before they are written.

Bodies are kept as the objects they are until the store's thread asks for them: noting takes microseconds.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from gateway_core.cache.secrecy import masked
from gateway_core.credentials import SECRET_NAME
from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import ChatRequest, JsonObject
from gateway_core.traces import MASKED, Headers

_NO_SECRET = re.compile(
    r"^(?:idempotency-key|anthropic-ratelimit-.*|x-ratelimit-.*|ratelimit-.*|x-llmgw-.*|.*-authenticate|sec-websocket-key)$",
    re.IGNORECASE,
)
"""Headers that sound like a secret and are none: limits are counted in tokens."""
_SCHEME = re.compile(r"^(?:Bearer|Basic|Token|Digest) ", re.IGNORECASE)
_REMEMBERED_TEXTS = 4_096
_WORTH_REMEMBERING = 256


def masked_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """Headers without what is secret by its name or by its looks."""
    return tuple((name, _masked_value(name, value)) for name, value in headers)


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


def _masked_value(name: str, value: str) -> str:
    if _is_secret(name):
        scheme = _SCHEME.match(value)
        return f"{scheme.group()}{MASKED}" if scheme else MASKED
    return _masked_short(value) if len(value) < _WORTH_REMEMBERING else masked(value)


@lru_cache(maxsize=_REMEMBERED_TEXTS)
def _masked_short(text: str) -> str:
    """Short texts, such as the names and types in JSON and the values of headers, are mostly the same ones."""
    return masked(text)


@dataclass(slots=True)
class _Sent:
    attempt: int
    target: str
    method: str
    url: str
    headers: Headers
    content: bytes
    status: int | None = None
    answer_headers: Headers = ()
    error: str = ""


@dataclass(slots=True)
class Recording:
    """The wire of one request; see :class:`gateway_core.traces.RequestParts`."""

    request: ChatRequest
    _sent: list[_Sent] = field(default_factory=list)

    def call(self, attempt: int, target: str) -> Wire:
        """What one call of an upstream is told to."""
        return Wire(self._sent, attempt, target)

    def kept(self, known: KnownSecrets) -> JsonObject:
        """All of it without secrets, as a tree of JSON; ``body`` of what was sent is a tree too. May take milliseconds
        for a large body: to be called off the event loop."""
        request, mask = self.request, _Mask(known)
        body = request.body if request.native is None else request.native
        extras = {"force_tier": request.force_tier.value} if request.force_tier else {}
        if isinstance(request.context, str):
            extras["context"] = request.context
        upstream = []
        for sent in self._sent:
            fields = {name: getattr(sent, name) for name in _Sent.__slots__ if name != "content"}
            upstream.append({**fields, "body": mask(_tree(sent.content))})
        received = asdict(request.received) if request.received else None
        made = {"received": received, "body": mask({**body, **extras}), "upstream": upstream}
        return {**known.without(made), "masked": mask.found}


class Wire:
    """Hears of one call: what was sent, what came back. A call that sends twice is two requests."""

    def __init__(self, sent: list[_Sent], attempt: int, target: str) -> None:
        self._all = sent
        self._attempt = attempt
        self._target = target
        self._last: _Sent | None = None

    def sent(self, method: str, url: str, headers: Iterable[tuple[str, str]], content: bytes) -> None:
        self._last = _Sent(self._attempt, self._target, method, masked_url(url), masked_headers(headers), content)
        self._all.append(self._last)

    def answered(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        if self._last is not None:
            self._last.status, self._last.answer_headers = status, masked_headers(headers)

    def failed(self, why: str) -> None:
        if self._last is not None:
            self._last.error = masked(why)


class _Texts:
    """Long texts that were looked at and hold no secret: a conversation sends its history again and again."""

    def __init__(self) -> None:
        self._clean: OrderedDict[int, None] = OrderedDict()

    def masked(self, text: str) -> str:
        if len(text) < _WORTH_REMEMBERING:
            return _masked_short(text)
        name = hash(text)
        if name in self._clean:
            return text
        made = masked(text)
        if made is text:
            self._clean[name] = None
            while len(self._clean) > _REMEMBERED_TEXTS:
                self._clean.popitem(last=False)
        return made


_TEXTS = _Texts()


class _Mask:
    """Masks a tree of JSON. ``found`` says that there was something to mask."""

    def __init__(self, known: KnownSecrets) -> None:
        self._known = known
        self.found = False

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            made = _TEXTS.masked(self._known.masked(value))
            self.found = self.found or made != value
            return made
        if isinstance(value, dict):
            return {self(name): self(part) for name, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [self(part) for part in value]
        return value


def _tree(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")
