"""What an SDK writes on the outside of a request: its address, authentication and headers.

An SDK is asked once for each address. aiohttp carries the requests: through an SDK's own client, each of them cost half
as much CPU again as the whole rest of its way (openai 3.54, anthropic 2.12, httpx2 2.16; profiled 2026-11).
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict
from yarl import URL

from gateway_core.frozen import frozen
from gateway_core.importing import importing

if TYPE_CHECKING:
    import httpx2

_IMPORTING = threading.Lock()
_NOT_THE_SDKS = (
    *("host", "content-length", "transfer-encoding"),
    *("x-stainless-timeout", "x-stainless-read-timeout", "x-stainless-retry-count"),
)
"""What the connection writes for each body, and how patient an SDK would be."""


@frozen
class Envelope:
    """``headers`` must not be changed."""

    method: str
    url: URL
    headers: CIMultiDict[str]

    def with_headers(self, more: Mapping[str, str] | None) -> CIMultiDict[str]:
        """The headers, ``more`` over them."""
        if not more:
            return self.headers
        headers = self.headers.copy()
        headers.update(more)
        return headers


def write_envelope(make_client: Callable[[Any], Any], method: str, path: str, headers: Mapping[str, str]) -> Envelope:
    """What the client that ``make_client`` makes around an ``httpx2.Client`` sends with ``headers`` to ``path``.

    For a thread: importing an SDK takes a second or two. Raises what the SDK raises where an address is none.
    """
    with _IMPORTING, importing():
        request = _written(make_client, method, path, headers)
    outside = CIMultiDict(pair for pair in request.headers.multi_items() if pair[0].lower() not in _NOT_THE_SDKS)
    if outside.get("Connection", "").lower() == "keep-alive":
        del outside["Connection"]
    return Envelope(method, URL(str(request.url), encoded=True), outside)


def _written(make_client: Callable[[Any], Any], method: str, path: str, headers: Mapping[str, str]) -> httpx2.Request:
    import httpx2

    written: list[httpx2.Request] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        written.append(request)
        return httpx2.Response(200, json={})

    body = {} if method == "GET" else {"content": b"{}"}
    with httpx2.Client(transport=httpx2.MockTransport(keep), trust_env=False) as carrier:
        ask = getattr(make_client(carrier), method.lower())
        ask(path, cast_to=httpx2.Response, options={"headers": dict(headers)}, **body)
    return written[0]


def trusted() -> ssl.SSLContext:
    """Whom the SDKs trust; for a thread, since reading the certificates takes a while."""
    import httpx2

    return httpx2.create_ssl_context()
