"""Bodies as they come off the wire: packed ones within bounds, and those whose connection is gone."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncGenerator

import pytest

from gateway_core.providers.base import Provider, UpstreamError
from gateway_core.providers.bodies import MAX_ERROR_BYTES, Undecodable, error_body, unpacked
from gateway_core.providers.openai_compatible import OpenAICompatible
from tests.faults.upstream import Call, FaultyUpstream
from tests.providers.calls import failure, make_call

MB = 1024 * 1024


async def split(body: bytes, size: int = 1000) -> AsyncGenerator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def parts_of(body: bytes, encoding: str, size: int = 1000) -> list[bytes]:
    return [part async for part in unpacked(split(body, size), encoding)]


@pytest.mark.parametrize("size", [1, 7, MB])
@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("X-GZIP ", gzip.compress), ("deflate", zlib.compress)]
)
async def test_a_packed_body_is_unpacked_whatever_pieces_it_comes_in(encoding: str, pack: object, size: int) -> None:
    assert callable(pack)
    text = b"All is well that ends well. " * 10_000
    assert b"".join(await parts_of(pack(text), encoding, size)) == text


async def test_a_bomb_comes_in_small_pieces() -> None:
    parts = await parts_of(gzip.compress(b" " * 20 * MB), "gzip", MB)
    assert sum(map(len, parts)) == 20 * MB
    assert max(map(len, parts)) <= 64 * 1024


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "gzip,br", "compress"])
async def test_what_is_packed_twice_or_strangely_is_not_unpacked(encoding: str) -> None:
    with pytest.raises(Undecodable):
        await parts_of(gzip.compress(gzip.compress(b"x")), encoding)


async def test_a_packed_body_that_is_cut_off_is_not_whole() -> None:
    with pytest.raises(Undecodable):
        await parts_of(gzip.compress(b"All is well that ends well.")[:-9], "gzip")


async def test_of_an_error_no_more_is_read_than_anybody_needs() -> None:
    read = 0

    async def page() -> AsyncGenerator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1000
            yield b"x" * 1000

    parts = [part async for part in error_body(page())]
    assert sum(map(len, parts)) == MAX_ERROR_BYTES
    assert read < MAX_ERROR_BYTES + 1000


async def test_an_error_that_cannot_be_unpacked_is_still_an_error() -> None:
    assert [part async for part in error_body(unpacked(split(b"no gzip"), "gzip"))] == []


async def _failure_of(provider: Provider, stream: bool) -> UpstreamError:
    async with asyncio.timeout(30):
        error, _ = await failure(provider, make_call({"role": "user", "content": "case-0"}, stream=stream))
    return error


@pytest.mark.parametrize("stream", [True, False])
async def test_nobody_waits_for_a_body_that_turned_out_to_be_no_http(stream: bool) -> None:
    async def garble(call: Call) -> None:
        await call.begin(headers={"Transfer-Encoding": "chunked"})
        await asyncio.sleep(0.1)  # a packet of its own
        await call.write(b"many\r\n" + call.sound() + b"\r\n0\r\n\r\n")
        await call.gone.wait()

    async with FaultyUpstream() as upstream:
        upstream.order("case-0", garble)
        provider = OpenAICompatible(name="x", kind="compatible", base_url=f"{upstream.root}/v1", first_byte_s=120)
        error = await _failure_of(provider, stream)
        await provider.close()
    assert (error.kind, error.may_be_charged) == ("connect", True)
