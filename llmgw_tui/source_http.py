"""The source of ``llmgw attach``: the same gateway over HTTP. It reconnects by itself and says how old its data is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from urllib.parse import urlencode

import aiohttp
from pydantic import TypeAdapter, ValidationError

from gateway_core.bus import Bus
from gateway_core.cache_entries import KINDS, merged
from gateway_core.events import EVENT_TYPES, Event
from gateway_core.model import (
    CacheEntryDetail,
    CacheHit,
    CachePage,
    CommandResult,
    RequestDetail,
    Snapshot,
    SpendReport,
)
from llmgw_tui.source import MOST_HITS

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 15.0
REFRESH_S = 0.5
"""How often a snapshot is fetched while things happen; at rest, every :data:`REST_S`."""
REST_S = 2.0
MOST_ENTRIES = 500
"""Of each cache; the gateway tells no more at once."""
TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=5)

_SNAPSHOT = TypeAdapter(Snapshot)
_DETAIL = TypeAdapter(RequestDetail)
_PAGE = TypeAdapter(CachePage)
_ENTRY = TypeAdapter(CacheEntryDetail)
_HITS = TypeAdapter(dict[str, tuple[CacheHit, ...]])
_SPEND = TypeAdapter(SpendReport)
_OTHER_VERSION = "The gateway's answer is of another version."


class Unreachable(Exception):
    """The gateway did not answer as a gateway does; the message says what to do."""


class HttpSource:
    """A gateway at ``url``, authorised by ``key``. ``now`` is Unix time, given by tests."""

    attached = True

    def __init__(
        self, url: str, key: str, *, now: Callable[[], float] = time.time, first_retry_s: float = FIRST_RETRY_S
    ) -> None:
        self._url = url.rstrip("/").removesuffix("/v1")
        self._headers = {"Authorization": f"Bearer {key}"}
        self._now = now
        self._first_retry_s = first_retry_s
        self._snapshot: Snapshot | None = None
        self._heard_at: float | None = None
        self._connected = False
        self._status = f"connecting to {self._url}"
        self._bus = Bus()
        self._changed = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool:
        return self._connected

    @property
    def stale_since(self) -> float | None:
        return None if self._connected else self._heard_at

    @property
    def status(self) -> str:
        return self._status

    def snapshot(self) -> Snapshot | None:
        return self._snapshot

    async def events(self) -> AsyncIterator[Event]:
        with self._bus.subscribe() as subscription:
            async for event in subscription:
                yield event

    def open(self) -> None:
        """Makes requests possible; :meth:`start` does it too."""
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=TIMEOUT)

    async def fetch(self) -> Snapshot:
        """A snapshot of now. Raises :class:`Unreachable`."""
        try:
            return _SNAPSHOT.validate_json(await self._get("/api/snapshot"))
        except ValidationError:
            raise Unreachable(_OTHER_VERSION) from None

    async def start(self) -> None:
        """Begins to fetch and to listen. Returns at once."""
        self.open()
        self._tasks = [asyncio.create_task(self._keep_fresh()), asyncio.create_task(self._listen())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._bus.close()
        if self._session is not None:
            await self._session.close()

    async def detail(self, request_id: str) -> RequestDetail | None:
        with contextlib.suppress(Unreachable, ValidationError):
            return _DETAIL.validate_json(await self._get(f"/api/requests/{request_id}"))
        return None

    async def cache_entries(self, query: str = "", order: str = "newest") -> CachePage:
        pages = await asyncio.gather(*(self._cache_page(kind, query, order) for kind in KINDS))
        problems = dict.fromkeys(page.problem for page in pages if page.problem)
        return replace(merged(pages, order), problem=" ".join(problems))

    async def _cache_page(self, kind: str, query: str, order: str) -> CachePage:
        asked = urlencode({"kind": kind, "q": query, "order": order, "limit": MOST_ENTRIES}, errors="replace")
        try:
            return _PAGE.validate_json(await self._get(f"/api/cache/entries?{asked}"))
        except Unreachable as error:
            return CachePage(problem=str(error))
        except ValidationError:
            return CachePage(problem=_OTHER_VERSION)

    async def cache_entry(self, entry_id: str) -> CacheEntryDetail | None:
        with contextlib.suppress(Unreachable, ValidationError):
            return _ENTRY.validate_json(await self._get(f"/api/cache/entries/{entry_id}"))
        return None

    async def cache_hits(self) -> tuple[CacheHit, ...] | None:
        with contextlib.suppress(Unreachable, ValidationError):
            return _HITS.validate_json(await self._get(f"/api/cache/hits?limit={MOST_HITS}"))["hits"]
        return None

    async def spend(self, period: str, by: str) -> SpendReport:
        try:
            return _SPEND.validate_json(await self._get(f"/api/spend?{urlencode({'period': period, 'by': by})}"))
        except Unreachable as error:
            return SpendReport(period, by, problem=str(error))
        except ValidationError:
            return SpendReport(period, by, problem=_OTHER_VERSION)

    async def spend_csv(self, period: str, by: str) -> str | None:
        asked = urlencode({"period": period, "by": by, "format": "csv"})
        with contextlib.suppress(Unreachable):
            return (await self._get(f"/api/spend?{asked}")).decode("utf-8", "replace")
        return None

    async def run(self, command: str, **arguments: object) -> CommandResult:
        try:
            async with self._http.post(f"{self._url}/api/commands/{command}", json=arguments) as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return CommandResult(False, f"{command} did not reach the gateway: {_explain(error)}")
        finally:
            self._changed.set()
        if isinstance(answer, dict) and isinstance(answer.get("ok"), bool):
            return CommandResult(answer["ok"], str(answer.get("message", "")))
        return CommandResult(False, _refusal(answer, response.status))

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the source was not started")
        return self._session

    async def _get(self, path: str) -> bytes:
        try:
            async with self._http.get(self._url + path) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"{self._url} does not answer: {_explain(error)}") from None
        if response.status != 200:
            raise Unreachable(_refusal(_parsed(body), response.status))
        return body

    async def _keep_fresh(self) -> None:
        retry_s = self._first_retry_s
        while True:
            try:
                self._snapshot = _SNAPSHOT.validate_json(await self._get("/api/snapshot"))
            except (Unreachable, ValidationError) as error:
                self._lost("its snapshot is of another version" if isinstance(error, ValidationError) else str(error))
                await asyncio.sleep(retry_s)
                retry_s = min(LAST_RETRY_S, retry_s * 2)
                continue
            self._connected, self._status, self._heard_at = True, "", self._now()
            retry_s = self._first_retry_s
            busy = self._snapshot.in_flight > 0
            await asyncio.sleep(REFRESH_S if busy else 0.1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 0.05 if busy else REST_S)
            self._changed.clear()

    def _lost(self, why: str) -> None:
        self._connected, self._status = False, why

    async def _listen(self) -> None:
        retry_s = self._first_retry_s
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
                endless = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
                async with self._http.get(f"{self._url}/api/events", timeout=endless) as response:
                    if response.status == 200:
                        retry_s = self._first_retry_s
                        await self._read_events(response.content)
            self._changed.set()
            await asyncio.sleep(retry_s)
            retry_s = min(LAST_RETRY_S, retry_s * 2)

    async def _read_events(self, stream: aiohttp.StreamReader) -> None:
        kind, data = "", ""
        async for raw in stream:
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            if text.startswith("event:"):
                kind = text[6:].strip()
            elif text.startswith("data:"):
                data += text[5:].strip()
            elif not text:
                if kind in EVENT_TYPES and data:
                    with contextlib.suppress(ValidationError):
                        self._bus.publish(TypeAdapter(EVENT_TYPES[kind]).validate_json(data))
                        self._changed.set()
                kind, data = "", ""


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _refusal(answer: object, status: int) -> str:
    """What a refusal says, or what its status means."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict) and error.get("message"):
        return str(error["message"])
    if status == 401:
        return "the gateway wants another key: set GATEWAY_SECRET to the one that llmgw connect shows"
    if status == 404:
        return "the gateway does not know this; is it an older version?"
    return f"the gateway answered {status}"


def _explain(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"nothing listens at {error.host}:{error.port}"
    return str(error) or type(error).__name__
