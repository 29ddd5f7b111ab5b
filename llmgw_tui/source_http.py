"""The source of ``llmgw attach``: the same gateway over HTTP. It reconnects by itself and says how old its data is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from importlib.metadata import version
from typing import TypedDict, TypeVar
from urllib.parse import urlencode

import aiohttp
from pydantic import TypeAdapter, ValidationError

from gateway_core.bus import Bus
from gateway_core.cache_entries import KINDS, merged
from gateway_core.events import EVENT_TYPES, Event
from gateway_core.learning_values import LearningStatus
from gateway_core.log_entries import LogPage
from gateway_core.model import (
    CacheEntryDetail,
    CacheHit,
    CachePage,
    CommandResult,
    Fit,
    FitVerdict,
    RequestDetail,
    RequestParts,
    Snapshot,
    SpendReport,
)
from gateway_core.replay_values import ReplayOffers, ReplayProgress
from gateway_core.request_pages import PAGE_ROWS, RequestsPage
from gateway_core.routing_values import RouteTrial, RoutingStatus
from gateway_core.setting_values import SettingsReport
from gateway_core.snapshot_changes import Follower
from gateway_core.whatif_values import Outcome, Policy, query_of
from llmgw_tui.source import MOST_HITS

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 5.0
REFRESH_S = 0.5
"""How often a snapshot is fetched while things happen; at rest, every :data:`REST_S`."""
REST_S = 2.0
SILENT_S = 6.0
"""Without a word for so long its data is called stale, though a request may still be under way."""
NOT_TOLD = frozenset(("request.started", "request.routed", "request.finished", "budget.changed"))
"""Events that are only waited for, not read: that something has changed is enough."""
MOST_ENTRIES = 500
"""Of each cache; the gateway tells no more at once."""
TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=5)
PATIENT = aiohttp.ClientTimeout(total=920, sock_connect=5)
"""For commands that wait for a model to be loaded, for another server, or for a fit."""
SLOW_COMMANDS = frozenset(
    ("load", "unload", "unload_all", "pin", "unpin", "check_updates", "delete_model", "refit_router", "import_labels")
)

_SNAPSHOT = TypeAdapter(Snapshot)
_DETAIL = TypeAdapter(RequestDetail)
_PARTS = TypeAdapter(RequestParts)
_OFFERS = TypeAdapter(ReplayOffers)
_PROGRESS = TypeAdapter(ReplayProgress)
_PAGE = TypeAdapter(CachePage)
_ENTRY = TypeAdapter(CacheEntryDetail)
_LOG = TypeAdapter(LogPage)
_SETTINGS = TypeAdapter(SettingsReport)
_ROUTING = TypeAdapter(RoutingStatus)
_LEARNING = TypeAdapter(LearningStatus)
_TRIAL = TypeAdapter(RouteTrial)
_REQUESTS = TypeAdapter(RequestsPage)
_HITS = TypeAdapter(dict[str, tuple[CacheHit, ...]])
_FIT = TypeAdapter(Fit)
_SPEND = TypeAdapter(SpendReport)
_OUTCOME = TypeAdapter(Outcome)
V = TypeVar("V")
F = TypeVar("F")
_OTHER_VERSION = "The gateway's answer is of another version."


class _Keyed(TypedDict):
    """How everything is asked: with the key, which goes to this address and nowhere else."""

    headers: dict[str, str]
    allow_redirects: bool


class Unreachable(Exception):
    """The gateway did not answer as a gateway does; the message says what to do. ``status`` is 0 without an answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class HttpSource:
    """A gateway at ``url``, authorised by ``key``. ``now`` is Unix time, given by tests.

    ``read_only`` refuses every command here, below the views. ``look_up_key`` is asked when the key is refused: the
    gateway may have got another since. ``slow`` fetches half as often. ``not_told`` are types of events of which
    it is enough to know that something has changed.
    """

    attached = True

    def __init__(
        self,
        url: str,
        key: str,
        *,
        now: Callable[[], float] = time.time,
        first_retry_s: float = FIRST_RETRY_S,
        read_only: bool = False,
        look_up_key: Callable[[], str | None] = lambda: None,
        slow: bool = False,
        not_told: Collection[str] = NOT_TOLD,
    ) -> None:
        self._url = url.rstrip("/").removesuffix("/v1")
        self._headers = {"Authorization": f"Bearer {key}", "x-llmgw-by": "attached"}
        self._key = key
        self._look_up_key = look_up_key
        self._now = now
        self._first_retry_s = first_retry_s
        self._read_only = read_only
        self._pace = 2.0 if slow else 1.0
        self._not_told = ",".join(sorted(not_told))
        self._follower = Follower()
        self._snapshot: Snapshot | None = None
        self._heard_at: float | None = None
        self._connected = False
        self._status = f"connecting to {self._url}"
        self._bus = Bus()
        self._changed = asyncio.Event()
        self._back = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool:
        return self._connected and not self._silent

    @property
    def stale_since(self) -> float | None:
        return None if self.connected else self._heard_at

    @property
    def status(self) -> str:
        return self._status or ("no word from the gateway" if self._silent else "")

    @property
    def _silent(self) -> bool:
        return self._heard_at is not None and self._now() - self._heard_at > SILENT_S * self._pace

    def snapshot(self) -> Snapshot | None:
        return self._snapshot

    async def events(self) -> AsyncIterator[Event]:
        with self._bus.subscribe() as subscription:
            async for event in subscription:
                yield event

    def open(self) -> None:
        """Makes requests possible; :meth:`start` does it too."""
        self._session = aiohttp.ClientSession(timeout=TIMEOUT)

    async def takes_key(self) -> bool:
        """Whether the gateway, if it answers, takes the key."""
        try:
            await self._get("/api/status")
        except Unreachable as error:
            return error.status != 401
        return True

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
        return await self._read(_DETAIL, self._get(f"/api/requests/{request_id}"), lambda _: None)

    async def parts(self, request_id: str) -> RequestParts | None:
        return await self._read(_PARTS, self._get(f"/api/requests/{request_id}/upstream"), lambda _: None)

    async def replay_offers(self, request_id: str) -> ReplayOffers:
        return await self._read(
            _OFFERS, self._get(f"/api/requests/{request_id}/replays"), lambda why: ReplayOffers(problem=why)
        )

    async def replay_progress(self, request_id: str) -> ReplayProgress | None:
        return await self._read(_PROGRESS, self._get(f"/api/replays/{request_id}"), lambda _: None)

    async def requests(
        self, query: str = "", sort: str = "newest", cursor: str = "", limit: int = PAGE_ROWS
    ) -> RequestsPage:
        asked = urlencode({"q": query, "sort": sort, "cursor": cursor, "limit": limit}, errors="replace")
        return await self._read(_REQUESTS, self._get(f"/api/requests?{asked}"), lambda why: RequestsPage(problem=why))

    async def cache_entries(self, query: str = "", order: str = "newest") -> CachePage:
        pages = await asyncio.gather(*(self._cache_page(kind, query, order) for kind in KINDS))
        problems = dict.fromkeys(page.problem for page in pages if page.problem)
        return replace(merged(pages, order), problem=" ".join(problems))

    async def _cache_page(self, kind: str, query: str, order: str) -> CachePage:
        asked = urlencode({"kind": kind, "q": query, "order": order, "limit": MOST_ENTRIES}, errors="replace")
        return await self._read(_PAGE, self._get(f"/api/cache/entries?{asked}"), lambda why: CachePage(problem=why))

    async def cache_entry(self, entry_id: str) -> CacheEntryDetail | None:
        return await self._read(_ENTRY, self._get(f"/api/cache/entries/{entry_id}"), lambda _: None)

    async def cache_hits(self) -> tuple[CacheHit, ...] | None:
        found = await self._read(_HITS, self._get(f"/api/cache/hits?limit={MOST_HITS}"), lambda _: None)
        return found["hits"] if found is not None else None

    async def spend(self, period: str, by: str) -> SpendReport:
        return await self._read(
            _SPEND,
            self._get(f"/api/spend?{urlencode({'period': period, 'by': by})}"),
            lambda why: SpendReport(period, by, problem=why),
        )

    async def spend_csv(self, period: str, by: str) -> str | None:
        asked = urlencode({"period": period, "by": by, "format": "csv"})
        with contextlib.suppress(Unreachable):
            return (await self._get(f"/api/spend?{asked}")).decode("utf-8", "replace")
        return None

    async def what_if(self, policy: Policy, *, anew: bool = False) -> Outcome:
        asked = urlencode({**query_of(policy), **({"anew": "1"} if anew else {})}, errors="replace")
        return await self._read(_OUTCOME, self._get(f"/api/whatif?{asked}"), lambda why: Outcome(policy, problem=why))

    async def log(self, level: str = "", query: str = "", after: int = 0) -> LogPage:
        asked = urlencode({"level": level, "q": query, "after": after}, errors="replace")
        return await self._read(_LOG, self._get(f"/api/log?{asked}"), lambda why: LogPage(problem=why))

    async def settings(self) -> SettingsReport:
        return await self._read(_SETTINGS, self._get("/api/settings"), lambda why: SettingsReport(problem=why))

    async def key(self) -> str:
        return self._key

    async def routing(self) -> RoutingStatus:
        return await self._read(_ROUTING, self._get("/api/routing"), lambda why: RoutingStatus(problem=why))

    async def learning(self) -> LearningStatus:
        return await self._read(_LEARNING, self._get("/api/routing/learning"), lambda why: LearningStatus(problem=why))

    async def labels(self) -> bytes:
        """All labels as lines of JSON. Raises :class:`Unreachable`."""
        return await self._get("/api/routing/labels")

    async def trial(self, prompt: str) -> RouteTrial:
        return await self._read(
            _TRIAL, self._post("/api/routing/trial", prompt=prompt), lambda why: RouteTrial(prompt, problem=why)
        )

    async def fit(self, model: str) -> Fit:
        try:
            return _FIT.validate_json(
                await self._get(f"/api/local/fit?{urlencode({'model': model}, errors='replace')}")
            )
        except Unreachable as error:
            return Fit(model, FitVerdict.UNKNOWN, f"Unknown: {error}")
        except ValidationError:
            return Fit(model, FitVerdict.UNKNOWN, _OTHER_VERSION)

    async def run(self, command: str, **arguments: object) -> CommandResult:
        if self._read_only:
            return CommandResult(False, "Attached read-only: nothing was changed.")
        timeout = PATIENT if command in SLOW_COMMANDS else TIMEOUT
        url = f"{self._url}/api/commands/{command}"
        try:
            asked = self._http.post(url, json=arguments, timeout=timeout, **self._with_key)
            async with asked as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return CommandResult(False, f"{command} did not reach the gateway: {_explain(error)}")
        finally:
            self._changed.set()
        if isinstance(answer, dict) and isinstance(answer.get("ok"), bool):
            return CommandResult(answer["ok"], str(answer.get("message", "")), str(answer.get("value", "")))
        return CommandResult(False, _refusal(answer, response.status))

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the source was not started")
        return self._session

    @property
    def _with_key(self) -> _Keyed:
        return {"headers": self._headers, "allow_redirects": False}

    async def _read(self, kind: TypeAdapter[V], asked: Awaitable[bytes], failed: Callable[[str], F]) -> V | F:
        """The gateway's answer as a value of its kind; without one what ``failed`` makes of the reason."""
        try:
            return kind.validate_json(await asked)
        except Unreachable as error:
            return failed(str(error))
        except ValidationError:
            return failed(_OTHER_VERSION)

    async def _get(self, path: str) -> bytes:
        return await self._asked(self._http.get(self._url + path, **self._with_key))

    async def _post(self, path: str, **fields: object) -> bytes:
        return await self._asked(self._http.post(self._url + path, json=fields, **self._with_key))

    async def _asked(self, request: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> bytes:
        try:
            async with request as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"{self._url} does not answer: {_explain(error)}") from None
        if response.status != 200:
            raise Unreachable(_refusal(_parsed(body), response.status), response.status)
        return body

    async def _keep_fresh(self) -> None:
        retry_s = self._first_retry_s
        while True:
            try:
                found = self._follower.follow(await self._get(f"/api/snapshot?since={self._follower.token}"))
            except Unreachable as error:
                again = error.status == 401 and self._has_new_key()
                self._lost(str(error) if again or error.status != 404 else await self._what_is_there())
                await asyncio.sleep(0 if again else retry_s)
                retry_s = min(LAST_RETRY_S, retry_s * 2)
                continue
            except ValueError:
                self._lost(await self._what_is_there())
                await asyncio.sleep(retry_s)
                retry_s = min(LAST_RETRY_S, retry_s * 2)
                continue
            self._snapshot = replace(found, read_only=True) if self._read_only else found
            self._connected, self._status, self._heard_at = True, "", self._now()
            self._back.set()
            retry_s = self._first_retry_s
            busy = found.in_flight > 0
            await asyncio.sleep((REFRESH_S if busy else 0.1) * self._pace)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05 if busy else REST_S * self._pace):
                    await self._changed.wait()
            self._changed.clear()

    def _lost(self, why: str) -> None:
        self._connected, self._status = False, why
        self._back.clear()

    def _has_new_key(self) -> bool:
        key = self._look_up_key()
        if not key or key == self._key:
            return False
        self._key, self._headers = key, self._headers | {"Authorization": f"Bearer {key}"}
        return True

    async def _what_is_there(self) -> str:
        """Why what answers is not understood: another version, or not a gateway at all."""
        try:
            health = _parsed(await self._get("/health"))
        except Unreachable as error:
            return str(error) if not error.status else f"{self._url} is not an llmgw: check the address"
        if not isinstance(health, dict) or health.get("service") != "llmgw":
            return f"{self._url} is not an llmgw: check the address"
        there, here = str(health.get("version", "?")), version("llmgw")
        if there == here:
            return _OTHER_VERSION
        return f"the gateway is llmgw {there}, this is {here}: install the same on both sides"

    async def _listen(self) -> None:
        """Hears of changes while the snapshots come; what is lost meanwhile, the next snapshot holds."""
        retry_s = self._first_retry_s
        endless = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
        while True:
            await self._back.wait()
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
                asked = self._http.get(
                    f"{self._url}/api/events?without={self._not_told}", timeout=endless, **self._with_key
                )
                async with asked as response:
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
                if kind == "changed":
                    self._changed.set()
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
    """What a refusal says, or what its status means. Of a wrong key the gateway tells programs, in terms of headers."""
    if status == 401:
        return "wrong key: give --key the one that llmgw connect shows"
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict) and error.get("message"):
        return str(error["message"])
    if status == 404:
        return "the gateway does not know this; is it an older version?"
    return f"the gateway answered {status}"


def _explain(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"nothing listens at {error.host}:{error.port}"
    return str(error) or type(error).__name__
