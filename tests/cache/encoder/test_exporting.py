"""The export is made by a process of its own: begun once, told once, and ended with the child."""

from __future__ import annotations

import asyncio
import sys

from gateway_core.cache.encoder.exporting import Exporter


async def until_told(exporter: Exporter) -> bool:
    for _ in range(1000):
        if await exporter.rest():
            return True
        if exporter._waiting and exporter._waiting.done():
            return await exporter.rest()
        await asyncio.sleep(0.01)
    return False


async def test_an_export_is_told_once() -> None:
    exporter = Exporter([sys.executable, "-c", "pass"])
    assert await until_told(exporter)
    assert not await exporter.rest()
    await exporter.close()


async def test_an_export_that_failed_or_cannot_begin_is_not_told() -> None:
    assert not await until_told(Exporter([sys.executable, "-c", "raise SystemExit(1)"]))
    missing = Exporter(["/no/such/python"])
    assert not await missing.rest()
    await missing.close()


async def test_an_export_under_way_ends_with_the_child() -> None:
    exporter = Exporter([sys.executable, "-c", "import sys; sys.stdin.read()"])
    assert not await exporter.rest()
    await asyncio.wait_for(exporter.close(), 30)
