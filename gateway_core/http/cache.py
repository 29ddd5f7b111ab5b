"""The answer caches over HTTP: what they keep, what they answered, and what that saved."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from gateway_core.cache.browse import CURSOR, MOST_ROWS, CacheUnavailable
from gateway_core.cache_entries import KINDS
from gateway_core.choices import CACHE_ORDERS
from gateway_core.gateway import Gateway
from gateway_core.http.replies import refuse, reply
from gateway_core.model import CacheEntry, CacheHit, JsonObject, Refusal
from gateway_core.store.errors import StoreError
from gateway_core.wire.errors import invalid_request

RETRY_S = 3


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of the caches of ``gateway``."""
    caches = Caches(gateway)
    return [
        web.get("/api/cache/entries", caches.entries),
        web.get("/api/cache/entries/{id}", caches.entry),
        web.get("/api/cache/hits", caches.hits),
    ]


class Caches:
    """Handlers. A cache that cannot be looked at is a 503 that says why, never an empty list."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def entries(self, request: web.Request) -> web.Response:
        """``q`` searches, ``order`` sorts, ``kind`` takes one cache, ``before`` is the ``next`` of the page before."""
        query = request.query
        limit, order = _limit(request), query.get("order", CACHE_ORDERS[0])
        kind, before = query.get("kind"), query.get("before", "")
        if limit is None:
            return _wrong("limit", f"a number from 1 to {MOST_ROWS}")
        if order not in CACHE_ORDERS:
            return _wrong("order", f"one of {', '.join(CACHE_ORDERS)}")
        if kind not in (None, "all", *KINDS):
            return _wrong("kind", f"all, {' or '.join(KINDS)}")
        if before and not CURSOR.fullmatch(before):
            return _wrong("before", "the next of the page before")
        kinds = (kind,) if kind in KINDS else KINDS
        try:
            page = await self._gateway.browser.entries(
                query=query.get("q", ""), order=order, limit=limit, before=before, kinds=kinds
            )
        except (CacheUnavailable, StoreError) as error:
            return _unavailable(error, "" if kind else " With kind=exact the exact cache is shown alone.")
        return reply({**asdict(page), "entries": [_with_units(entry) for entry in page.entries]})

    async def entry(self, request: web.Request) -> web.Response:
        """One entry with its answer."""
        try:
            found = await self._gateway.browser.entry(request.match_info["id"])
        except (CacheUnavailable, StoreError) as error:
            return _unavailable(error)
        if found is None:
            return refuse(Refusal("not_found", "There is no cached answer of that id.", 404))
        return reply({**asdict(found), "entry": _with_units(found.entry)})

    async def hits(self, request: web.Request) -> web.Response:
        """The newest requests that a cache answered."""
        limit = _limit(request)
        if limit is None:
            return _wrong("limit", f"a number from 1 to {MOST_ROWS}")
        try:
            return reply({"hits": [_with_units(hit) for hit in await self._gateway.cache_hits(limit)]})
        except StoreError as error:
            return _unavailable(error)


def _limit(request: web.Request) -> int | None:
    text = request.query.get("limit", "100")
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    return limit if 1 <= limit <= MOST_ROWS else None


def _wrong(name: str, shape: str) -> web.Response:
    return refuse(invalid_request(f"{name} is {shape}.", name))


def _unavailable(error: CacheUnavailable | StoreError, more: str = "") -> web.Response:
    retry = RETRY_S if isinstance(error, CacheUnavailable) and error.later else None
    return refuse(Refusal("cache_unavailable", f"{error}{more}", 503, retry_after_s=retry))


def _with_units(seen: CacheEntry | CacheHit) -> JsonObject:
    """With what was saved in dollars and seconds too."""
    return {**asdict(seen), "saved_usd": seen.saved_microusd / 1e6, "saved_s": seen.saved_ms / 1e3}
