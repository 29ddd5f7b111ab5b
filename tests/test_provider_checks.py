"""When providers are looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from gateway_core.model import ProviderStatus
from gateway_core.provider_checks import ProviderChecks
from gateway_core.providers.base import Batch, UpstreamCall


class Checked:
    """A provider that is down until it is told otherwise."""

    def __init__(self, name: str, state: str) -> None:
        self.name = name
        self.state = state
        self.checks = 0
        self.looked_at = asyncio.Queue[None]()

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        raise AssertionError("nothing is sent")
        yield

    async def check(self) -> ProviderStatus:
        self.checks += 1
        self.looked_at.put_nowait(None)
        return ProviderStatus(self.name, "x", "", self.state)

    async def close(self) -> None:
        pass


async def test_the_first_requests_of_a_gateway_come_before_the_first_look() -> None:
    """A look imports a provider's SDK."""
    asked = Checked("asked", "ok")
    running = asyncio.create_task(ProviderChecks(lambda: [asked], first_after_s=0.2).run())
    for _ in range(5):
        await asyncio.sleep(0)
    assert asked.checks == 0
    async with asyncio.timeout(10):
        await asked.looked_at.get()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_one_that_failed_is_looked_at_again_soon_and_the_others_are_left_alone() -> None:
    well, down = Checked("well", "ok"), Checked("down", "down")
    providers = [well, down]
    checks = ProviderChecks(lambda: providers, every_s=3600, again_s=0.01, first_after_s=0.0)
    running = asyncio.create_task(checks.run())
    async with asyncio.timeout(10):
        for _ in range(3):
            await down.looked_at.get()
        assert [status.state for status in checks.statuses] == ["ok", "down"]
        down.state = "ok"
        await down.looked_at.get()
        await checks.looked.wait()
        assert [status.state for status in checks.statuses] == ["ok", "ok"]
        assert well.checks == 1
        new = Checked("new", "no_key")
        providers.append(new)
        checks.look_again()
        await new.looked_at.get()
        await checks.looked.wait()
    assert well.checks == 2
    assert [status.name for status in checks.statuses] == ["well", "down", "new"]
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
