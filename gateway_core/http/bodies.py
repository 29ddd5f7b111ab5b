"""Reads the body of a request: within bounds of size and of time, and as JSON that can be written again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
from aiohttp import HttpVersion11, web

from gateway_core.model import JsonObject, Refusal
from gateway_core.wire import errors

BODY_S = 20.0
"""For a body to arrive, and one second more for each ``SLOWEST_BYTES_S`` that have come: Apache's
``RequestReadTimeout body=20,MinRate=...`` (2.4, 2026-11), which bounds bodies that trickle too."""
SLOWEST_BYTES_S = 16_384
SPARE_LEVELS = 32
CONTINUE = "100-continue"


class Reading:
    """The bodies that come just now. They end with the gateway: what they ask for would be refused."""

    def __init__(self) -> None:
        self.ended = False
        self._waits: set[asyncio.Timeout] = set()

    @contextmanager
    def waits(self, patience: asyncio.Timeout) -> Iterator[None]:
        """For the length of the block a body is waited for, as long as ``patience`` lasts."""
        self._waits.add(patience)
        try:
            yield
        finally:
            self._waits.discard(patience)

    def end(self) -> None:
        """No body is waited for any more."""
        self.ended = True
        for patience in self._waits:
            patience.reschedule(0.0)


READING = web.AppKey("reading", Reading)


async def expect(_: web.Request) -> None:
    """Answers ``Expect`` with nothing yet: :func:`read_body` does, once key, type and size are known to be right."""


async def read_body(request: web.Request, limit_bytes: int) -> bytes | Refusal:
    """The body, read no further than ``limit_bytes``, and waited for no longer than it may take."""
    if (request.content_length or 0) > limit_bytes:
        return errors.body_too_large(limit_bytes)
    reading = request.app[READING]
    if reading.ended:
        return errors.gateway_stopped()
    content = request.content
    if content.is_eof():  # it came with the head, as most do
        whole = content.read_nowait()
        return errors.body_too_large(limit_bytes) if len(whole) > limit_bytes else whole
    await _go_on(request)
    body = bytearray()
    latest = asyncio.get_running_loop().time() + BODY_S
    try:
        async with asyncio.timeout_at(latest) as patience:
            with reading.waits(patience):
                async for part in content.iter_any():
                    body += part
                    if len(body) > limit_bytes:
                        return errors.body_too_large(limit_bytes)
                    if not reading.ended:
                        patience.reschedule(latest + len(body) / SLOWEST_BYTES_S)
    except TimeoutError:
        return errors.gateway_stopped() if reading.ended else errors.request_timeout()
    return bytes(body)


async def _go_on(request: web.Request) -> None:
    """Tells a client that waits for it to send its body (RFC 9110, 10.1.1)."""
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == CONTINUE:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def json_object(raw: bytes) -> JsonObject | Refusal:
    """The body as a JSON object that can be written again."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return errors.invalid_request(f"The body is not valid JSON: {error.msg} at line {error.lineno}.")
    if not isinstance(body, dict):
        return errors.invalid_request("The body must be a JSON object.")
    if _too_deep(body):
        return errors.invalid_request("The body is nested too deeply.")
    return body


def _too_deep(body: JsonObject) -> bool:
    """What can be read may be too deep to be written again: upstream, into the log, into an identity.

    orjson reads 1,024 levels and writes 254; a few are left for what is put around the parts of a body.
    """
    wrapped: object = body
    for _ in range(SPARE_LEVELS):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)
    except TypeError:
        return True
    return False
