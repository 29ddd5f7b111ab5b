"""The log over HTTP: what happened, filtered by level and words, and what is new since the last look."""

from __future__ import annotations

from aiohttp import web

from gateway_core.event_log import CAPACITY
from gateway_core.gateway import Gateway
from gateway_core.http.replies import refuse, reply
from gateway_core.log_entries import LEVELS
from gateway_core.wire.errors import invalid_request

_LONGEST_QUERY = 400


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The route of the log of ``gateway``."""

    async def log(request: web.Request) -> web.Response:
        """``level`` and above, ``q`` in text or source, ids above ``after``, at most ``limit``; newest first."""
        query = request.query
        level, words = query.get("level", ""), query.get("q", "")
        after, limit = _number(query.get("after", "0")), _number(query.get("limit", str(CAPACITY)))
        if level and level not in LEVELS:
            return refuse(invalid_request(f"level is one of {', '.join(LEVELS)}.", "level"))
        if len(words) > _LONGEST_QUERY:
            return refuse(invalid_request(f"q has at most {_LONGEST_QUERY} characters.", "q"))
        if after is None:
            return refuse(invalid_request("after is the id of an entry: a number.", "after"))
        if limit is None or not 1 <= limit <= CAPACITY:
            return refuse(invalid_request(f"limit is a number from 1 to {CAPACITY}.", "limit"))
        return reply(gateway.event_log.page(level, words, after, limit))

    return [web.get("/api/log", log)]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
