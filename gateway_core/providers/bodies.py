"""The body of an answer as it comes: unpacked and bounded here, and not waited for once its connection is gone."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

import aiohttp

MAX_ERROR_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024
_PACKED = ("gzip", "x-gzip", "deflate")


class Undecodable(Exception):
    """The body is packed badly, or in a way that nobody asked for. The text completes "NAME …"."""


def unpacked(parts: AsyncIterable[bytes], encoding: str) -> AsyncIterator[bytes]:
    """A body as it was before its ``Content-Encoding``, 64 kB at a time. Its reading raises :class:`Undecodable`.

    The gateway asks for none; a proxy on the way may have packed the answer nevertheless.
    """
    encoding = encoding.strip().lower()
    return aiter(parts) if encoding in ("", "identity") else _unpacked(parts, encoding)


async def _unpacked(parts: AsyncIterable[bytes], encoding: str) -> AsyncGenerator[bytes]:
    if encoding not in _PACKED:
        raise Undecodable("packed its answer in a way that nobody asked for")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    async for part in parts:
        more = True
        while more and not unpacker.eof:
            data = _unpack(unpacker, part)
            part = unpacker.unconsumed_tail
            more = bool(part) or len(data) == _PIECE_BYTES
            if data:
                yield data
            if more:
                await asyncio.sleep(0)
        if unpacker.eof:
            return
    raise Undecodable("packed its answer badly")


def _unpack(unpacker: zlib._Decompress, data: bytes) -> bytes:
    try:
        return unpacker.decompress(data, _PIECE_BYTES)
    except zlib.error:
        raise Undecodable("packed its answer badly") from None


async def error_body(parts: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """As much of the body of an error as anybody needs; its status says enough when it cannot be read."""
    left = MAX_ERROR_BYTES
    try:
        async for part in parts:
            yield part[:left]
            left -= len(part)
            if left <= 0:
                return
    except Undecodable:
        return


def end_with_connection(response: aiohttp.ClientResponse) -> None:
    """Fails the reading of a body whose connection is gone.

    aiohttp closes the connection when a body turns out to be no HTTP, such as a chunk without a size, and leaves its
    reader waiting (3.14.5, ``ResponseHandler.data_received`` with the parser in C).
    """
    protocol = response.connection.protocol if response.connection else None
    if protocol is None:
        return
    content, closed = response.content, protocol.closed

    def fail(_: object = None) -> None:
        if closed is not None and not closed.cancelled():
            closed.exception()  # else it is said that nobody has looked
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection was closed in the middle"))

    if closed is None:
        fail()
        return

    def forget() -> None:
        closed.remove_done_callback(fail)

    closed.add_done_callback(fail)
    content.on_eof(forget)
