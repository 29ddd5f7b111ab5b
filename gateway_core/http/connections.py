"""One connection of a client: half a request is not waited for, and what is no HTTP is refused in our own envelope.

A client that takes nothing of its answer, streamed or whole, is hung up on, and its upstream stopped. What it has taken
is what the system has: some MB are on their way on loopback, and the system asks for more when a third of them is read,
so that a client counts as reading if it takes about 1.4 MB in the time given (measured on Linux 2026-11-30).

A client that shuts down its sending side has left, as in nginx and Go's ``net/http``: asyncio closes the connection,
the handler is cancelled, and with it the upstream. Whoever still reads gets a clean end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import orjson
from aiohttp import hdrs, web
from aiohttp.web_server import Server

from gateway_core.wire.errors import invalid_request, openai_error

NAME = "llmgw"
"""In ``Server``: aiohttp would tell its version and Python's."""
HEAD_S = 20.0
"""For a request's line and headers, from their first byte. Apache's ``RequestReadTimeout header=20`` (2.4, 2026-11)."""
IDLE_S = 75.0
"""For a connection without a request: longer than a proxy in front keeps it (nginx: 60 s)."""
LINGER_S = 10.0
"""For the rest of a body that was refused: read and thrown away, so that the refusal is seen. Then it is cut off."""
DRAINED_BYTES = 67_108_864
"""Of a body that is too large, after its refusal."""
_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_NO_HTTP = "The request is not HTTP as RFC 9112 has it, or its line or headers are too long."


class Connection(web.RequestHandler):
    """aiohttp's, with a limit to how long half a head is waited for, and ``patience_s`` for a client that does not
    read."""

    __slots__ = ("_head_timer", "_patience_s", "_unread_timer")

    def __init__(
        self,
        server: Server,
        log: logging.Logger,
        loop: asyncio.AbstractEventLoop,
        patience_s: Callable[[], float],
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            logger=log,
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=IDLE_S,
            lingering_time=LINGER_S,
        )
        self._head_timer: asyncio.TimerHandle | None = None
        self._patience_s = patience_s
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if isinstance(transport, asyncio.WriteTransport):
            transport.set_write_buffer_limits(0)

    def pause_writing(self) -> None:
        """The system takes no more of an answer for now."""
        super().pause_writing()
        if self.transport is not None:
            self._look_again(self.transport)

    def resume_writing(self) -> None:
        """It has taken all of it."""
        self._forget_unread()
        super().resume_writing()

    def _look_again(self, transport: asyncio.WriteTransport) -> None:
        taken = self._taken_bytes(transport)
        self._unread_timer = self._loop.call_later(self._patience_s(), self._look, transport, taken)

    def _look(self, transport: asyncio.WriteTransport, taken: int) -> None:
        """Hangs up where nothing more was taken since the last look."""
        if self._taken_bytes(transport) > taken:
            self._look_again(transport)
        else:
            transport.abort()

    def _taken_bytes(self, transport: asyncio.WriteTransport) -> int:
        """How much of the current answer the system has taken; less than nothing where the answer is over."""
        request = self._current_request
        return (request.writer.output_size if request else 0) - transport.get_write_buffer_size()

    def _forget_unread(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._break_off()
        if self._waiter is None or self._waiter.done():
            self._forget_timer()
        elif data and self._head_timer is None:
            self._head_timer = self._loop.call_later(HEAD_S, self._give_up)

    def _break_off(self) -> None:
        """What cannot be parsed in the middle of a body ends the body. aiohttp 3.14 tells its reader nothing."""
        if self._current_request is not None and self._messages and hasattr(self._messages[-1][0], "exc"):
            body = self._current_request.content
            if not body.is_eof() and body.exception() is None:
                body.set_exception(web.RequestPayloadError("broken chunk"))

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forget_timer()
        self._forget_unread()
        super().connection_lost(exc)

    def _forget_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self.transport is not None:
            self.transport.write(_LATE)
        self.force_close()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Answers. Of a body that came too slowly nothing more is waited for, of one too large little is read."""
        if not resp.prepared:
            resp.headers[hdrs.SERVER] = NAME
        status = resp.status
        if status not in (408, 413):
            return await super().finish_response(request, resp, start_time)
        resp.force_close()
        done = await super().finish_response(request, resp, start_time)
        if status == 413:
            await self._drain(request.content)
        self._lingering_time = 0.0
        return done

    async def _drain(self, body: aiohttp.StreamReader) -> None:
        """Throws the rest of a body away: both SDKs (httpx2) see no answer where they are reset while they send."""
        drained = 0
        with suppress(TimeoutError, web.RequestPayloadError, ConnectionError):
            async with asyncio.timeout(LINGER_S):
                while drained < DRAINED_BYTES and (part := await body.readany()):
                    drained += len(part)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no HTTP. ``message`` quotes it, key and prompt included, and goes nowhere."""
        if status != 400:
            return super().handle_error(request, status, exc, message)
        self.logger.warning("a request that is no HTTP, from %s: %s", request.remote, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun")
        body = orjson.dumps(openai_error(invalid_request(_NO_HTTP)))
        refused = web.Response(body=body, status=status, content_type="application/json")
        refused.force_close()
        return refused

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """A body that cannot be read is the client's fault, and it was told."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)
