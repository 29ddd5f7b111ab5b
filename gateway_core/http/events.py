"""``/api/events``: what happens, as server-sent events, for ``llmgw attach`` and whoever else listens."""

from __future__ import annotations

import asyncio

import orjson
from aiohttp import web

from gateway_core.gateway import Gateway

PING_S = 15.0
CHANGED_S = 0.5


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The route of the event stream for ``gateway``."""

    async def events(request: web.Request) -> web.StreamResponse:
        """``event:`` is the type, ``data:`` the event's fields. A comment every 15 s keeps the connection.

        ``?without=`` names types, divided by commas, that are not told: of all of them there is an ``event: changed``
        at most twice a second. Every request's events are ten times what a screen far away needs.
        """
        without = frozenset(request.query.get("without", "").split(","))
        loop, told_at = asyncio.get_running_loop(), -CHANGED_S
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        with gateway.bus.subscribe() as subscription:
            await response.write(b": llmgw events\n\n")
            stream = aiter(subscription)
            upcoming = asyncio.ensure_future(anext(stream, None))
            untold = False
            try:
                while True:
                    done, _ = await asyncio.wait({upcoming}, timeout=CHANGED_S if untold else PING_S)
                    if untold and loop.time() - told_at >= CHANGED_S:
                        untold, told_at = False, loop.time()
                        await response.write(b"event: changed\ndata: {}\n\n")
                    elif not done:
                        await response.write(b": ping\n\n")
                    if not done:
                        continue
                    event = upcoming.result()
                    if event is None:
                        return response
                    upcoming = asyncio.ensure_future(anext(stream, None))
                    if event.type in without:
                        untold = True
                    else:
                        await response.write(b"event: %b\ndata: %b\n\n" % (event.type.encode(), orjson.dumps(event)))
            except ConnectionError:
                return response
            finally:
                upcoming.cancel()
                await asyncio.gather(upcoming, return_exceptions=True)

    return [web.get("/api/events", events, allow_head=False)]
