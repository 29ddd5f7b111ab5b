"""What every request must pass: Host, Origin, key and how far it goes, content type.

A web page in the developer's browser can reach loopback (DNS rebinding, plain form posts), so neither an unknown Host
nor a foreign Origin nor a body that is not JSON is served, and no CORS header is ever sent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway_core.http.bodies import CONTINUE
from gateway_core.http.replies import refuse_in_kind
from gateway_core.keys import Access, KeyRing
from gateway_core.model import Refusal
from gateway_core.wire import errors

OPEN_PATHS = frozenset({"/health"})
MONITOR_PATHS = ("/metrics", "/api/status", "/api/metrics", "/api/budget", "/api/spend", "/api/local/models")
"""What the read-only token may GET: sums and states, no word of a prompt, an answer, an error or a setting."""
READS = frozenset({"GET", "HEAD", "OPTIONS"})
CALLER = web.RequestKey("caller", str)
Refused = Callable[[str, str], None]
"""Hears why a caller was not let in, and its address."""
ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})
"""Of a body: what aiohttp decodes; any other one would be read as if it were not there."""
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def guard(ring: KeyRing, host: str, refused: Refused) -> Middleware:
    """The checks for a gateway that listens on ``host`` and whose clients send a key of ``ring``."""
    allowed = LOCAL_NAMES | {host.lower()}
    wide = _is_any(host)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _host_is_known(request.host, allowed, wide):
            refused("a Host that is not served", _address(request))
            return refuse_in_kind(request, Refusal("invalid_request", "This Host is not served.", 421))
        headers = request.headers
        origin = headers.get("Origin")
        if origin is not None and not _host_is_known(_netloc(origin), allowed, wide=False):
            refused("a web page", _address(request))
            return refuse_in_kind(request, Refusal("invalid_request", "Web pages may not call the gateway.", 403))
        if request.path not in OPEN_PATHS:
            key = _key(request)
            access = ring.access(key)
            if access is None:
                refused("a wrong key" if key else "no key", _address(request))
                return refuse_in_kind(request, errors.invalid_api_key())
            if access is Access.MONITOR and not _may_monitor(request):
                refused("the read-only token, which may only look at sums and states", _address(request))
                return refuse_in_kind(request, Refusal("read_only_token", _MONITORS_ONLY, 403))
            request[CALLER] = ring.keys.caller
        if request.method not in READS and request.content_type != "application/json" and request.can_read_body:
            unread = Refusal("invalid_request", "Send the body as Content-Type: application/json.", 415)
            return refuse_in_kind(request, unread)
        encoding = headers.get("Content-Encoding")
        if encoding is not None and encoding.strip().lower() not in ENCODINGS:
            text = "Send the body as it is, or with Content-Encoding: gzip or deflate."
            return refuse_in_kind(request, Refusal("invalid_request", text, 415))
        expected = headers.get("Expect")
        if expected is not None and expected.lower() != CONTINUE:
            text = f"Expect: {CONTINUE} is all that can be expected here."
            return refuse_in_kind(request, Refusal("invalid_request", text, 417))
        return await handler(request)

    return check


_MONITORS_ONLY = (
    f"This is the read-only token of monitors. It may GET {', '.join(MONITOR_PATHS)}; all else takes the gateway's key."
)


def _address(request: web.Request) -> str:
    return request.remote or "an unknown address"


def _may_monitor(request: web.Request) -> bool:
    return request.method in ("GET", "HEAD") and request.path in MONITOR_PATHS


def _key(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.headers.get("x-api-key", "")


def _netloc(origin: str) -> str:
    """The host of an Origin; one that no browser sends has a host that nobody knows."""
    try:
        return urlsplit(origin).netloc or "null"
    except ValueError:
        return "null"


def _host_is_known(netloc: str, allowed: frozenset[str] | set[str], wide: bool) -> bool:
    """Whether a Host header names this machine. One that listens everywhere also answers to its plain addresses."""
    name = _name_in(netloc)
    return name is not None and (name in allowed or (wide and _is_address(name)))


@lru_cache(maxsize=32)
def _name_in(netloc: str) -> str | None:
    """The name in a Host header, None where it is none. A client sends the same one with every request."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    """An IP address cannot be rebound by DNS; a name can."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_any(host: str) -> bool:
    return host in ("0.0.0.0", "::", "")
