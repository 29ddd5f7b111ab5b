"""Work in the quiet: only while nobody wants anything, and ended at once when somebody does."""

from __future__ import annotations

import asyncio

import pytest

from gateway_core.bus import Bus
from gateway_core.cache.review.quiet import QUIET_S, Quiet
from gateway_core.events import Event, KillSwitchChanged, Notice, RequestFinished, RequestStarted
from gateway_core.model import KillSwitch
from tests.cache.support import NOON, FakeClock
from tests.store.support import request_row

STARTED = RequestStarted(NOON, request_row())


class Work:
    """Goes on until it is cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = False

    async def __call__(self) -> str:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True
        return "done"


async def test_it_is_quiet_when_nothing_runs_and_nothing_ran_for_a_while() -> None:
    clock, running = FakeClock(), [0]
    quiet = Quiet(lambda: running[0], clock)
    assert quiet.is_quiet
    quiet.disturb()
    clock.at += QUIET_S - 1
    assert not quiet.is_quiet
    clock.at += 1
    assert quiet.is_quiet
    running[0] = 1
    assert not quiet.is_quiet


@pytest.mark.parametrize(
    "event", [STARTED, RequestFinished(NOON, request_row()), KillSwitchChanged(NOON, KillSwitch(True), 0)]
)
async def test_what_happens_ends_the_work(event: Event) -> None:
    bus, clock, work = Bus(), FakeClock(), Work()
    quiet = Quiet(lambda: 0, clock)
    bus.listen(quiet.hear)
    doing = asyncio.create_task(quiet.do(work()))
    await work.begun.wait()
    bus.publish(Notice(NOON, "info", "nothing to do with it"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not work.ended
    bus.publish(event)
    assert await doing is None
    assert work.ended and not quiet.is_quiet


async def test_who_is_cancelled_takes_the_work_along() -> None:
    work = Work()
    doing = asyncio.create_task(Quiet(lambda: 0, FakeClock()).do(work()))
    await work.begun.wait()
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    assert work.ended


async def test_work_that_ends_or_fails_by_itself_says_so() -> None:
    async def done() -> int:
        return 7

    async def fails() -> int:
        raise ValueError("no")

    quiet = Quiet(lambda: 0, FakeClock())
    assert await quiet.do(done()) == 7
    with pytest.raises(ValueError):
        await quiet.do(fails())
