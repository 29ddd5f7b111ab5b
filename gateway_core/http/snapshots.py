"""``/api/snapshot``: what the control centre draws, whole or as the changes since the last time."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from functools import wraps

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway_core.gateway import Gateway
from gateway_core.http.replies import reply
from gateway_core.model import Snapshot
from gateway_core.snapshot_changes import changes

REMEMBERED = 32
"""Snapshots that changes can be told from: of several screens, a few each. Their rows are shared."""
WORTH_PACKING_BYTES = 1_400
"""What fits into one packet is not made smaller."""


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The route of the snapshots of ``gateway``."""
    return [web.get("/api/snapshot", Snapshots(gateway).get)]


class Snapshots:
    """Remembers the last ones that were sent."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._run = secrets.token_hex(4)
        self._number = 0
        self._sent: OrderedDict[str, Snapshot] = OrderedDict()

    async def get(self, request: web.Request) -> web.Response:
        """A :class:`Snapshot`; with ``?since=`` (empty at first, then the last ``token``) a
        :class:`~gateway_core.snapshot_changes.Changes`."""
        now, base = self._gateway.snapshot(), request.query.get("since")
        if base is None:
            return reply(now)
        self._number += 1
        token = f"{self._run}-{self._number}"
        answer = changes(self._sent.get(base), now, base, token)
        self._sent[token] = now
        while len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        return reply(answer)


def packed(handler: Handler) -> Handler:
    """Makes what the control surface answers smaller, for clients that can read it."""

    @wraps(handler)
    async def pack(request: web.Request) -> web.StreamResponse:
        response = await handler(request)
        body = response.body if isinstance(response, web.Response) else None
        if isinstance(body, bytes) and len(body) > WORTH_PACKING_BYTES:
            response.enable_compression()
        return response

    return pack
