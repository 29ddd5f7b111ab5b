"""Clients that no library would be: bytes as a test writes them, over a socket of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from yarl import URL

CLOSED_WITHIN_S = 60.0
"""Longer than the gateway takes for what is to close soon, on the busiest machine."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Wire:
    """One connection. Nothing is sent but what a test sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def shut(self) -> None:
        """Sends no more, and still reads."""
        self._writer.write_eof()

    def leave(self) -> None:
        """Closes the connection."""
        self._writer.close()

    async def until(self, words: bytes) -> bytes:
        """What comes up to and with ``words``."""
        return await self._reader.readuntil(words)

    async def rest(self) -> bytes:
        """What comes until the gateway closes; a reset ends it too. Raises ``TimeoutError`` where it stays open."""
        heard = bytearray()
        try:
            async with asyncio.timeout(CLOSED_WITHIN_S):
                while part := await self._reader.read(65_536):
                    heard += part
        except ConnectionError:
            pass
        return bytes(heard)

    async def answer(self) -> Heard:
        """The next answer, its body of a known length."""
        head = (await self.until(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Heard(int(first.split()[1]), headers, body)


@asynccontextmanager
async def wire(address: str) -> AsyncIterator[Wire]:
    """A connection to a gateway for the length of a block."""
    url = URL(address)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def head(key: str, path: str = "/v1/chat/completions", *more: str, method: str = "POST") -> bytes:
    """A request's line and headers, ``more`` of them last."""
    lines = (
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        *(("Content-Type: application/json",) if method == "POST" else ()),
        *more,
    )
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape")


def post(key: str, body: bytes | Mapping[str, Any], path: str = "/v1/chat/completions", *more: str) -> bytes:
    """A whole request."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(key, path, f"Content-Length: {len(raw)}", *more) + raw


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
