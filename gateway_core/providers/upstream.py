"""What both SDK-backed providers share: the SDK's envelope, a connection, raw answers.

The SDKs say where a request goes and with which headers; bodies go out and come in as bytes. An SDK that builds models
takes 6 ms a call (measured, facts on performance).
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import orjson

from gateway_core.model import JsonObject, ProviderStatus
from gateway_core.providers.answer import Answer, Patience
from gateway_core.providers.base import UpstreamCall, UpstreamError
from gateway_core.providers.connections import Connections
from gateway_core.providers.envelopes import Envelope, trusted, write_envelope
from gateway_core.providers.failures import Failures

_CHECK_S = 5.0


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
        self._envelopes: dict[tuple[str, str], Envelope] = {}
        self._writing = asyncio.Lock()
        self.failures = Failures(name, self.base_url, self.key_setting, [secret or "", parts.password or ""])
        self._connections = Connections(self.base_url, self.failures)

    def make_client(self, carrier: Any) -> Any:
        """The SDK's client around an ``httpx2.Client``; runs in a thread, since importing an SDK takes a second."""
        raise NotImplementedError

    def request_headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        return {**headers, "Authorization": self._basic} if self._basic else headers

    async def post(
        self,
        path: str,
        body: JsonObject,
        headers: Mapping[str, str] | None = None,
        patience_s: float | None = None,
        *,
        call: UpstreamCall | None = None,
    ) -> Answer:
        """Sends ``body``; the answer's head has arrived and is a success: for a ``with`` block, which closes it.

        ``headers`` go over those of every request; ``patience_s`` is all the time there is for a short answer;
        ``call`` hears what is sent.
        """
        try:
            content = orjson.dumps(body)
        except TypeError:
            raise self.failures.too_deep() from None
        envelope = await self._envelope("POST", path)
        patience = Patience(patience_s or self._first_byte_s, patience_s or self._idle_s)
        outside = envelope.with_headers(headers)
        return await self._connections.ask(envelope.method, envelope.url, outside, content, patience, call)

    async def _envelope(self, method: str, path: str) -> Envelope:
        """What the SDK writes on such a request; asked of it once."""
        if (found := self._envelopes.get((method, path))) is not None:
            return found
        async with self._writing:
            if (method, path) not in self._envelopes:
                written = await self._written(method, path)
                if written.url.scheme == "https" and self._connections.trusted is None:
                    self._connections.trusted = await asyncio.to_thread(trusted)
                self._envelopes[method, path] = written
            return self._envelopes[method, path]

    async def _written(self, method: str, path: str) -> Envelope:
        try:
            return await asyncio.to_thread(write_envelope, self.make_client, method, path, self.request_headers())
        except ImportError:
            raise
        except Exception:
            raise self.failures.address() from None

    async def check(self) -> ProviderStatus:
        """Whether the upstream can be used, asked of its list of models."""
        state, detail = "ok", ""
        if self._secret is None and not self.may_lack_a_key:
            state, detail = "no_key", f"Set {self.key_setting}."
        else:
            try:
                envelope = await self._envelope("GET", self.models_path)
                patience = Patience(_CHECK_S, _CHECK_S)
                with await self._connections.ask("GET", envelope.url, envelope.headers, None, patience):
                    pass
            except UpstreamError as error:
                state, detail = "down", error.message
        return ProviderStatus(self.name, self.kind, self.base_url, state, detail, self._simulated)

    async def close(self) -> None:
        """Closes the connections; a later call opens new ones."""
        await self._connections.close()


def _basic(parts: SplitResult) -> str | None:
    """The header for a user and password in a base URL, which never stay in it."""
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + b64encode(pair.encode()).decode()
