"""A limit to one wait after another: as strict as asyncio's, with one timer for all of them."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

import pytest

from gateway_core.deadlines import Deadline


def timers() -> list[Any]:
    """The timers that the loop still has to look at."""
    scheduled: list[Any] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return [timer for timer in scheduled if not timer.cancelled()]


async def test_a_wait_that_lasts_too_long_is_ended_and_the_task_goes_on() -> None:
    with closing(Deadline()) as deadline:
        for _ in range(2):
            with pytest.raises(TimeoutError), deadline.within(0.001):
                await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0
    assert await asyncio.sleep(0, "goes on") == "goes on"


async def test_many_waits_share_one_timer_and_leave_none() -> None:
    with closing(Deadline()) as deadline:
        for _ in range(100):
            with deadline.within(60):
                await asyncio.sleep(0)
        assert len(timers()) == 1
    assert timers() == []


async def test_each_wait_has_its_own_time_whatever_the_one_before_had() -> None:
    with closing(Deadline()) as deadline:
        with deadline.within(0.005):
            await asyncio.sleep(0)
        with deadline.within(60):
            await asyncio.sleep(0.02)
        with pytest.raises(TimeoutError), deadline.within(0.001):
            await asyncio.Event().wait()


async def test_waits_can_share_the_time_there_is() -> None:
    with closing(Deadline().within(0.02)) as deadline:
        with deadline:
            await asyncio.sleep(0)
        for _ in range(2):
            with pytest.raises(TimeoutError), deadline:
                await asyncio.Event().wait()


async def test_no_time_runs_while_nobody_waits() -> None:
    with closing(Deadline()) as deadline:
        with deadline.within(0.001):
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        with deadline.within(60):
            await asyncio.sleep(0)


async def test_who_is_cancelled_by_others_is_cancelled() -> None:
    began = asyncio.Event()

    async def wait() -> None:
        with closing(Deadline()) as deadline, deadline.within(60):
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert timers() == []


async def test_a_cancellation_that_comes_with_the_end_of_the_time_is_not_lost() -> None:
    async def wait() -> None:
        with closing(Deadline()) as deadline, deadline.within(0.0):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_inner_of_two_limits_is_the_one_that_is_told() -> None:
    with closing(Deadline()) as outer, closing(Deadline()) as inner, outer.within(60):
        with pytest.raises(TimeoutError), inner.within(0.001):
            await asyncio.Event().wait()
        await asyncio.sleep(0)
