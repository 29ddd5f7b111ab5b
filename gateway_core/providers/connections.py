"""Connections to one server: a request's bytes out, its answer in, and every failure an ``UpstreamError``."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from gateway_core.providers.answer import BROKEN, Answer, Patience
from gateway_core.providers.base import Sending, UpstreamCall, UpstreamError
from gateway_core.providers.bodies import end_with_connection, error_body, unpacked
from gateway_core.providers.failures import Failures

CONNECT_S = 10.0
_MOST_AT_ONCE = 1000
_KEPT_S = 30.0
"""How long an idle connection is kept for the next request."""


class Connections:
    """Those to the server at ``base_url``. ``trusted`` may be set before the first request; else it is aiohttp's."""

    def __init__(
        self,
        base_url: str,
        failures: Failures,
        refused: Callable[[int, Mapping[str, str], bytes], Exception] | None = None,
        *,
        kept: bool = True,
    ) -> None:
        """``refused`` says what an answer with an error status means, in the place of ``failures``; ``kept`` that a
        connection may serve another request."""
        self.trusted: ssl.SSLContext | None = None
        self._base_url = base_url
        self._kept = kept
        self._failures = failures
        self._refused = refused or failures.status
        self._proxy: str | None = None
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        content: bytes | None,
        patience: Patience,
        call: UpstreamCall | None = None,
    ) -> Answer:
        """The answer, whose head has arrived and is a success: for a ``with`` block, which closes the connection.

        Redirects are not followed: the key would go with them. Raises :class:`UpstreamError`; the wire of
        ``call`` hears all, and its ``sending`` of what is written.
        """
        wire = None if call is None else call.wire
        data = content if content is None or call is None else _Body(content, call.sending)
        if wire is not None:
            wire.sent(method, str(url), headers.items(), content or b"")
        try:
            response = await self._head(method, url, headers, data, patience)
            try:
                if wire is not None:
                    wire.answered(response.status, response.headers.items())
                if not 200 <= response.status < 300:
                    raise self._refused(response.status, response.headers, await _error_of(response, patience))
            except BaseException:
                response.close()
                raise
        except BaseException as error:
            if wire is not None and isinstance(error, UpstreamError):
                wire.failed(error.message)
            raise
        content_type = response.headers.get("Content-Type", "")
        return Answer(_parts(response), content_type, patience, self._failures, response.close)

    async def _head(
        self, method: str, url: URL, headers: Mapping[str, str], data: bytes | _Body | None, patience: Patience
    ) -> aiohttp.ClientResponse:
        session = self._open()
        try:
            with patience.lasts():
                response = await session.request(
                    method, url, data=data, headers=headers, allow_redirects=False, proxy=self._proxy
                )
        except BROKEN as error:
            raise self._failures.broken(error, patience.promised_s, begun=False) from None
        end_with_connection(response)
        return response

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._proxy = _proxy_for(self._base_url)
            trusted = True if self.trusted is None else self.trusted
            if self._kept:
                connector = aiohttp.TCPConnector(limit=_MOST_AT_ONCE, keepalive_timeout=_KEPT_S, ssl=trusted)
            else:
                connector = aiohttp.TCPConnector(limit=0, force_close=True, ssl=trusted)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                auto_decompress=False,
            )
        return self._session

    async def close(self) -> None:
        """Closes them; a later request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class _Body(aiohttp.BytesPayload):
    """A request's body. aiohttp writes the headers together with its beginning, over a connection that it has got."""

    def __init__(self, content: bytes, sending: Sending) -> None:
        super().__init__(content)
        self._sending = sending

    def write(self, writer: aiohttp.abc.AbstractStreamWriter) -> Coroutine[Any, Any, None]:
        self._sending.writes()
        return super().write(writer)

    def write_with_length(
        self, writer: aiohttp.abc.AbstractStreamWriter, content_length: int | None
    ) -> Coroutine[Any, Any, None]:
        self._sending.writes()
        return super().write_with_length(writer, content_length)


async def _error_of(response: aiohttp.ClientResponse, patience: Patience) -> bytes:
    """As much as is needed of the body of an error; its status says enough where it cannot be read."""
    try:
        with patience.lasts():
            return b"".join([part async for part in error_body(_parts(response))])
    except BROKEN:
        return b""


def _parts(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    parts, packed = response.content.iter_any(), response.headers.getall("Content-Encoding", ())
    return unpacked(parts, ",".join(packed)) if packed else parts


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine: no proxy of the environment's then stands between."""
    return (urlsplit(url).hostname or "") in ("127.0.0.1", "localhost", "::1")


def _proxy_for(url: str) -> str | None:
    """The environment's proxy. aiohttp's own ``trust_env`` would put a password of ``~/.netrc`` in the key's place."""
    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
