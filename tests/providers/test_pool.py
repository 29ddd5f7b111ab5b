"""Providers that are exchanged while requests are under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from gateway_core.model import ProviderStatus
from gateway_core.providers.base import Batch, Piece, UpstreamCall
from gateway_core.providers.pool import Blueprint, ProviderPool
from tests.providers.calls import make_call


class Slow:
    """A provider that answers with its own name, twice, the second time when it is told to go on."""

    name = "slow"

    def __init__(self, key: str) -> None:
        self.key = key
        self.go_on = asyncio.Event()
        self.closed = asyncio.Event()

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        yield [Piece({"by": self.key})]
        await self.go_on.wait()
        yield [Piece({"by": self.key, "closed": self.closed.is_set()})]

    async def check(self) -> ProviderStatus:
        return ProviderStatus(self.name, "slow", "", "ok")

    async def close(self) -> None:
        self.closed.set()


def blueprint(provider: Slow) -> Blueprint:
    return Blueprint(provider.key, lambda: provider)


async def test_what_is_under_way_ends_where_it_began_and_what_is_new_begins_elsewhere() -> None:
    old, new, pool = Slow("old"), Slow("new"), ProviderPool()
    pool.use({"x": blueprint(old)})
    first = pool.get("x")
    assert first
    async with aclosing(first.send(make_call())) as pieces:
        assert (await anext(pieces))[0].body == {"by": "old"}
        assert pool.is_busy("x")
        pool.use({"x": blueprint(new)})
        second = pool.get("x")
        assert second and not pool.is_busy("x")
        async with aclosing(second.send(make_call())) as others:
            assert (await anext(others))[0].body == {"by": "new"}
        await asyncio.sleep(0)
        assert not old.closed.is_set()
        old.go_on.set()
        assert (await anext(pieces))[0].body == {"by": "old", "closed": False}
    async with asyncio.timeout(2):
        await old.closed.wait()
    assert not new.closed.is_set()
    await pool.close()
    assert new.closed.is_set()


async def test_an_equal_blueprint_keeps_the_provider_and_one_that_is_gone_is_closed() -> None:
    kept, gone, pool = Slow("same"), Slow("gone"), ProviderPool()
    pool.use({"x": blueprint(kept), "y": blueprint(gone)})
    before = pool.get("x")
    pool.use({"x": blueprint(Slow("same"))})
    assert pool.get("x") is before and pool.get("y") is None and pool.names == ("x",)
    async with asyncio.timeout(2):
        await gone.closed.wait()
    assert not kept.closed.is_set()


async def test_who_looked_it_up_before_may_still_call_it() -> None:
    old, pool = Slow("old"), ProviderPool()
    pool.use({"x": blueprint(old)})
    found = pool.get("x")
    pool.use({})
    async with asyncio.timeout(2):
        await old.closed.wait()
    old.closed.clear()
    old.go_on.set()
    assert found and [piece.body["by"] async for (piece,) in found.send(make_call())] == ["old", "old"]
    async with asyncio.timeout(2):
        await old.closed.wait()


async def test_it_tells_who_is_another_than_before() -> None:
    pool = ProviderPool()
    same, old, new, gone = (Slow(key) for key in ("same", "old", "new", "gone"))
    assert pool.use({"same": blueprint(same), "x": blueprint(old), "gone": blueprint(gone)}) == {"same", "x", "gone"}
    assert pool.use({"same": blueprint(same), "x": blueprint(new), "more": blueprint(old)}) == {"x", "gone", "more"}
    await pool.close()
