"""What both SDK-backed providers share: a client made off the event loop, raw answers, patience and bounds.

The SDKs are used for connection, authentication and errors. Bodies go out as bytes and answers come in as bytes: an SDK
that builds models takes 6 ms a call, passing through takes less than one (measured, facts on performance).
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

import aiohttp
import orjson

from gateway_core.importing import importing
from gateway_core.model import JsonObject, ProviderStatus
from gateway_core.providers.base import UpstreamError, Wire
from gateway_core.providers.bodies import Undecodable, take_over
from gateway_core.providers.failures import Failures
from gateway_core.providers.sdk_imports import import_on_demand
from gateway_core.wire.ndjson import LineParser, LineTooLong
from gateway_core.wire.sse import SSEError, SSEEvent, SSEParser

if TYPE_CHECKING:
    import httpx2

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_EVENT_BYTES = 4 * 1024 * 1024
CONNECT_S = 10.0
_CHECK_S = 5.0
_IMPORTING = threading.Lock()
_LINGER_S = 0.2
"""How long a complete answer waits for the end of its connection, which can then be used again."""


@dataclass(frozen=True, slots=True)
class Sdk:
    """An SDK's client, its exception for an answer with an error status, and those of a broken connection."""

    client: Any
    status_error: type[Exception]
    broken: tuple[type[Exception], ...]
    stream_class: type[Any]


class Patience:
    """How long to wait for the next bytes: ``first_byte_s`` in all until content begins, then ``idle_s`` at a time."""

    def __init__(self, first_byte_s: float, idle_s: float) -> None:
        self._idle_s = idle_s
        self._first_byte_s = first_byte_s
        self._until = asyncio.get_running_loop().time() + first_byte_s
        self.begun = False

    def seconds(self) -> float:
        if self.begun:
            return self._idle_s
        return max(0.0, self._until - asyncio.get_running_loop().time())

    def end_within(self, seconds: float) -> None:
        """The answer is complete; the connection may take so long to say so, and can then be used again."""
        self.begun = True
        self._idle_s = min(seconds, self._idle_s)

    @property
    def promised_s(self) -> float:
        return self._idle_s if self.begun else self._first_byte_s


class Answer:
    """A successful answer, not yet read. ``patience.begun`` is for the reader to set."""

    def __init__(
        self,
        parts: AsyncGenerator[bytes],
        content_type: str,
        patience: Patience,
        failures: Failures,
        broken: tuple[type[Exception], ...],
    ) -> None:
        """``parts`` are the body as it comes, ``broken`` what its reading raises when the connection breaks."""
        self._parts = parts
        self._broken = broken
        self._failures = failures
        self.patience = patience
        self.done = False
        self.content_type = content_type.partition(";")[0].strip().lower()

    async def _bytes(self) -> AsyncGenerator[bytes]:
        size = 0
        async with aclosing(self._parts) as parts:
            while True:
                try:
                    async with asyncio.timeout(self.patience.seconds()):
                        part = await anext(parts, None)
                except TimeoutError:
                    raise self._failures.timeout(self.patience.promised_s, self.patience.begun) from None
                except self._broken as error:
                    raise self._failures.connection(error) from None
                if part is None:
                    return
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    raise self._failures.protocol("sent an answer without end")
                yield part

    def end(self) -> None:
        """The protocol's last event has come: what fails after it fails nobody."""
        self.done = True
        self.patience.end_within(_LINGER_S)

    async def events(self) -> AsyncGenerator[SSEEvent]:
        """The events of a stream, to the end of the connection. Raises :class:`UpstreamError`."""
        parser = SSEParser(MAX_EVENT_BYTES)
        try:
            async with aclosing(self._bytes()) as parts:
                async for part in parts:
                    for event in parser.feed(part):
                        yield event
            for event in parser.finish():
                yield event
        except SSEError:
            if not self.done:
                raise self._failures.protocol("sent an event that is too large") from None
        except UpstreamError:
            if not self.done:
                raise

    async def lines(self) -> AsyncGenerator[JsonObject]:
        """The objects of a stream of JSON lines, to the end of the connection. Raises :class:`UpstreamError`."""
        parser = LineParser(MAX_EVENT_BYTES)
        try:
            async with aclosing(self._bytes()) as parts:
                async for part in parts:
                    for line in parser.feed(part):
                        yield self.parse(line)
            for line in parser.finish():
                yield self.parse(line)
        except LineTooLong:
            raise self._failures.protocol("sent a line that is too large") from None

    async def json(self) -> JsonObject:
        """The whole answer as a JSON object. Raises :class:`UpstreamError`."""
        async with aclosing(self._bytes()) as parts:
            body = b"".join([part async for part in parts])
        return self.parse(body)

    def parse(self, data: bytes) -> JsonObject:
        """One JSON object of the answer. Raises :class:`UpstreamError`."""
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise self._failures.protocol("sent something that is not JSON") from None
        if not isinstance(value, dict):
            raise self._failures.protocol("sent JSON that is no object")
        return value


class Upstream:
    """One server behind an SDK. Subclasses build the client and speak the protocol."""

    key_setting = "its key"
    models_path = "/models"
    may_lack_a_key = False

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        base_url: str,
        secret: str | None,
        first_byte_s: float = 120.0,
        idle_s: float = 90.0,
        simulated: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        parts = urlsplit(base_url.rstrip("/"))
        self.base_url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._basic = _basic(parts) if secret is None else None
        self._secret = secret
        self._first_byte_s = first_byte_s
        self._idle_s = idle_s
        self._simulated = simulated
        self._sdk: Sdk | None = None
        self._making = asyncio.Lock()
        self.failures = Failures(name, self.base_url, self.key_setting, [secret or "", parts.password or ""])

    def make_client(self, http_options: dict[str, Any]) -> tuple[Any, Any]:
        """The SDK's client and its module; runs in a thread, since importing an SDK takes a second."""
        raise NotImplementedError

    def request_headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        return {**headers, "Authorization": self._basic} if self._basic else headers

    @asynccontextmanager
    async def post(
        self,
        path: str,
        body: JsonObject,
        headers: Mapping[str, str] | None = None,
        patience_s: float | None = None,
        *,
        wire: Wire | None = None,
    ) -> AsyncIterator[Answer]:
        """Sends ``body``; the answer's head has arrived and is a success. Leaving the block closes the connection.

        ``headers`` go over those of every request; ``patience_s`` is all the time there is for a short answer;
        ``wire`` hears what the SDK really sent.
        """
        try:
            content = orjson.dumps(body)
        except TypeError:
            raise self.failures.too_deep() from None
        sdk = await self._ready()
        patience = Patience(patience_s or self._first_byte_s, patience_s or self._idle_s)
        with _heard_by(wire):
            response = await self._ask(sdk, "post", path, patience, headers, content=content)
        try:
            kind = response.headers.get("content-type", "")
            yield Answer(response.aiter_bytes(), kind, patience, self.failures, sdk.broken)
        finally:
            await response.aclose()

    async def _ask(
        self,
        sdk: Sdk,
        method: str,
        path: str,
        patience: Patience,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        import httpx2

        call = getattr(sdk.client, method)
        options = {"headers": {**self.request_headers(), **(headers or {})}}
        try:
            async with asyncio.timeout(patience.seconds()):
                response: httpx2.Response = await call(
                    path, cast_to=httpx2.Response, stream=True, stream_cls=sdk.stream_class, options=options, **more
                )
                return response
        except sdk.status_error as error:
            failed: Any = error
            raise self.failures.status(failed.status_code, failed.response.headers, failed.response.content) from None
        except TimeoutError:
            raise self.failures.timeout(patience.promised_s, begun=False) from None
        except sdk.broken as error:
            raise self.failures.connection(error) from None

    async def _ready(self) -> Sdk:
        if self._sdk is None:
            async with self._making:
                if self._sdk is None:
                    self._sdk = await asyncio.to_thread(self._make)
        return self._sdk

    def _make(self) -> Sdk:
        with _IMPORTING, importing():
            import_on_demand()
            import httpx2

            client, module = self.make_client(
                {
                    "follow_redirects": False,
                    "trust_env": not is_loopback(self.base_url),
                    "verify": tls_of(self.base_url),
                    "timeout": httpx2.Timeout(max(self._first_byte_s, self._idle_s) + 5, connect=CONNECT_S),
                    "limits": httpx2.Limits(max_connections=1000, keepalive_expiry=30.0),
                    "event_hooks": {"request": [_tell_request], "response": [_tell_answer, take_over]},
                }
            )
            broken = (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL)
            transport = (*broken, aiohttp.ClientError, OSError, Undecodable)
            return Sdk(client, module.APIStatusError, (module.APIError, *transport), module.AsyncStream)

    async def check(self) -> ProviderStatus:
        """Whether the upstream can be used, asked of its list of models."""
        state, detail = "ok", ""
        if self._secret is None and not self.may_lack_a_key:
            state, detail = "no_key", f"Set {self.key_setting}."
        else:
            try:
                sdk = await self._ready()
                response = await self._ask(sdk, "get", self.models_path, Patience(_CHECK_S, _CHECK_S))
                await response.aclose()
            except UpstreamError as error:
                state, detail = "down", error.message
        return ProviderStatus(self.name, self.kind, self.base_url, state, detail, self._simulated)

    async def close(self) -> None:
        """Closes the connections; a later call opens new ones."""
        sdk, self._sdk = self._sdk, None
        if sdk is not None:
            await sdk.client.close()


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine: no proxy of the environment's then stands between."""
    return (urlsplit(url).hostname or "") in ("127.0.0.1", "localhost", "::1")


def tls_of(url: str) -> ssl.SSLContext | bool:
    """The certificates to trust. Reading them takes 60 ms, for nothing where no TLS is spoken: such a client has none.

    It follows no redirect, and no proxy stands before a loopback address.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http://") and is_loopback(url) else True


def _basic(parts: SplitResult) -> str | None:
    """The header for a user and password in a base URL, which never stay in it."""
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + b64encode(pair.encode()).decode()


_WIRE: ContextVar[Wire | None] = ContextVar("wire", default=None)
"""Who hears of the call that this task makes: the hooks of a client are those of all its calls."""


@contextmanager
def _heard_by(wire: Wire | None) -> Iterator[None]:
    token = _WIRE.set(wire)
    try:
        yield
    except UpstreamError as error:
        if wire is not None:
            wire.failed(error.message)
        raise
    finally:
        _WIRE.reset(token)


async def _tell_request(request: httpx2.Request) -> None:
    if wire := _WIRE.get():
        wire.sent(request.method, str(request.url), request.headers.multi_items(), await request.aread())


async def _tell_answer(response: httpx2.Response) -> None:
    if wire := _WIRE.get():
        wire.answered(response.status_code, response.headers.multi_items())
