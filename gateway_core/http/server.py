"""Listens: the aiohttp application around a gateway, and its start and stop."""

from __future__ import annotations

import asyncio
import logging
import os
import socket

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from gateway_core.faults import where
from gateway_core.gateway import Gateway
from gateway_core.http import (
    admin,
    anthropic,
    cache,
    embeddings,
    events,
    local,
    log,
    openai,
    openapi,
    openclaw_plugin,
    request_parts,
    requests,
    responses,
    routing,
    settings,
    snapshots,
    spend,
    status,
    whatif,
)
from gateway_core.http.bodies import READING, Reading, expect
from gateway_core.http.connections import NAME, Connection
from gateway_core.http.guards import guard
from gateway_core.http.prometheus import Metrics
from gateway_core.http.replies import refuse_in_kind
from gateway_core.model import Refusal
from gateway_core.wire import errors

_log = logging.getLogger(__name__)

SHUTDOWN_S = 0.5
"""For the handlers that are left when the gateway's requests have ended. aiohttp waits that long twice: for them, and
then for their connections."""
BACKLOG = 128
"""Connections that wait to be taken. The loop would also try that often in a row where no file can be opened any more
(Python 3.11, ``asyncio.selector_events``), and write a line about each try: it is told 1, the socket this."""


ROOMS = (
    *(openai, anthropic, responses, embeddings, openclaw_plugin),
    *(
        admin,
        requests,
        request_parts,
        status,
        cache,
        spend,
        whatif,
        local,
        log,
        settings,
        routing,
        events,
        snapshots,
        openapi,
    ),
)
"""What speaks to clients, and what operates the gateway."""
_HTTP_ERRORS = {
    404: ("not_found", "There is nothing at this address."),
    405: ("invalid_request", "This address does not take that method."),
}


class PortInUse(OSError):
    """Something else listens there."""


def make_app(gateway: Gateway) -> web.Application:
    """The application: every route behind the same guards. Raises ``SettingsError`` for keys that cannot be used."""
    given = gateway.settings
    gateway.keys.use(given)

    async def end_streams(app: web.Application) -> None:
        """Nobody can connect any more. Those who watch hear how the requests end."""
        app[READING].end()
        await gateway.kill_gate.end()
        gateway.bus.close()

    app = web.Application(
        middlewares=[
            _errors(given.max_body_bytes),
            guard(gateway.keys, given.host, gateway.log_feed.refused),
        ],
        client_max_size=given.max_body_bytes,
    )
    app[READING] = Reading()
    metrics = Metrics(gateway)
    app.on_response_prepare.append(_named)
    app.on_startup.append(metrics.start)
    app.on_cleanup.append(metrics.stop)
    app.on_shutdown.append(end_streams)
    listed = [route for room in ROOMS for route in room.routes(gateway)]
    for route in (*listed, web.get("/metrics", metrics.handle)):
        kwargs = {**route.kwargs, "expect_handler": expect}
        handler = snapshots.packed(route.handler) if route.path.startswith("/api/") else route.handler
        app.add_routes([web.RouteDef(route.method, route.path, handler, kwargs)])
    app.router.add_route("*", "/{nothing:.*}", _nothing_here, expect_handler=expect)
    return app


async def _named(_: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = NAME


async def _nothing_here(request: web.Request) -> web.StreamResponse:
    """What no route is for: aiohttp's own answer goes round the middlewares where a request has an ``Expect``."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        if resource is not request.match_info.route.resource:
            allowed |= (await resource.resolve(request))[1]
    if allowed:
        raise web.HTTPMethodNotAllowed(request.method, allowed)
    raise web.HTTPNotFound


def _errors(limit_bytes: int) -> Middleware:
    """Nothing but our own envelope leaves, whatever went wrong: no HTML, no exception text."""

    @web.middleware
    async def shield(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPRequestEntityTooLarge:
            return refuse_in_kind(request, errors.body_too_large(limit_bytes))
        except web.HTTPException as error:
            code, message = _HTTP_ERRORS.get(error.status, ("invalid_request", error.reason))
            return refuse_in_kind(request, Refusal(code, message, error.status))
        except web.RequestPayloadError:
            text = "The body cannot be read: it is not what its Content-Encoding or Transfer-Encoding says."
            return refuse_in_kind(request, errors.invalid_request(text))
        except ConnectionError:
            raise
        except Exception as error:
            _log.error("%s %s failed: %s", request.method, request.rel_url.path, where(error))
            return refuse_in_kind(request, errors.internal_error())

    return shield


class _KindOnly(logging.Filter):
    """Leaves of an exception its kind: aiohttp quotes a malformed request in its text, key and prompt included."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0] is not None:
            record.msg = f"{record.msg}: {record.exc_info[0].__name__}"
        record.exc_info = record.exc_text = None
        return True


def _protocol_log() -> logging.Logger:
    """Where aiohttp tells of requests that are no HTTP."""
    made = logging.getLogger(f"{__name__}.protocol")
    if not made.filters:
        made.addFilter(_KindOnly())
    return made


class Server:
    """A gateway that listens. ``host`` and ``port`` come from its settings; port 0 takes a free one."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._runner = web.AppRunner(
            make_app(gateway), handle_signals=False, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S
        )
        self._listening: asyncio.Server | None = None

    async def start(self) -> str:
        """Listens; returns the address. Raises :class:`PortInUse`."""
        settings = self._gateway.settings
        await self._runner.setup()
        server, log, loop = self._runner.server, _protocol_log(), asyncio.get_running_loop()
        assert server is not None

        def connection() -> Connection:
            return Connection(server, log, loop, self._client_write_s)

        try:
            self._listening = await loop.create_server(
                connection, settings.host, settings.port, reuse_address=True, backlog=1
            )
        except OSError as error:
            await self._runner.cleanup()
            raise PortInUse(
                error.errno, f"llmgw cannot listen on {settings.host}:{settings.port}: {error.strerror}."
            ) from None
        for listening in self._listening.sockets:
            with socket.socket(fileno=os.dup(listening.fileno())) as same:
                same.listen(BACKLOG)
        port = self._listening.sockets[0].getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self._gateway.address = f"http://{host}:{port}"
        return self._gateway.address

    def _client_write_s(self) -> float:
        return self._gateway.settings.client_write_s

    async def stop(self) -> None:
        """Stops listening and ends what is in flight."""
        if self._listening is not None:
            self._listening.close()
        await self._runner.cleanup()
