"""A limit to one wait after another: as strict as asyncio's, with one timer for all of a loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway_core.deadlines import Deadline


def timers() -> list[Any]:
    """The timers that the loop still has to look at."""
    scheduled: list[Any] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return [timer for timer in scheduled if not timer.cancelled()]


async def test_a_wait_that_lasts_too_long_is_ended_and_the_task_goes_on() -> None:
    deadline = Deadline()
    for _ in range(2):
        with pytest.raises(TimeoutError), deadline.within(0.001):
            await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0
    assert await asyncio.sleep(0, "goes on") == "goes on"


async def test_many_waits_share_one_timer() -> None:
    for _ in range(100):
        deadline = Deadline()
        with deadline.within(60), Deadline().within(90):
            await asyncio.sleep(0)
    assert len(timers()) == 1


async def test_waits_at_the_same_time_end_each_at_its_own() -> None:
    ended: list[float] = []

    async def wait(seconds: float) -> None:
        with pytest.raises(TimeoutError), Deadline().within(seconds):
            await asyncio.Event().wait()
        ended.append(seconds)

    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for seconds in (60, 0.03, 0.001, 0.02, 0.03):
            waiting = group.create_task(wait(seconds))
            if seconds == 60:
                longest = waiting
        while len(ended) < 4:  # noqa: ASYNC110 - the end of each is what is looked at
            await asyncio.sleep(0.001)
        longest.cancel()
    assert ended == [0.001, 0.02, 0.03, 0.03] and 0.03 <= loop.time() - began < 5
    assert len(timers()) <= 1


async def test_a_timer_that_nobody_waits_for_is_not_set_again() -> None:
    with Deadline().within(0.001):
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert timers() == []


async def test_each_wait_has_its_own_time_whatever_the_one_before_had() -> None:
    deadline = Deadline()
    with deadline.within(0.005):
        await asyncio.sleep(0)
    with deadline.within(60):
        await asyncio.sleep(0.02)
    with pytest.raises(TimeoutError), deadline.within(0.001):
        await asyncio.Event().wait()


async def test_waits_can_share_the_time_there_is() -> None:
    deadline = Deadline().within(0.02)
    with deadline:
        await asyncio.sleep(0)
    for _ in range(2):
        with pytest.raises(TimeoutError), deadline:
            await asyncio.Event().wait()


async def test_no_time_runs_while_nobody_waits() -> None:
    deadline = Deadline()
    with deadline.within(0.001):
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    with deadline.within(60):
        await asyncio.sleep(0)


async def test_who_is_cancelled_by_others_is_cancelled() -> None:
    began = asyncio.Event()

    async def wait() -> None:
        with Deadline().within(60):
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(timers()) == 1


async def test_a_cancellation_that_comes_with_the_end_of_the_time_is_not_lost() -> None:
    async def wait() -> None:
        with Deadline().within(0.0):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_inner_of_two_limits_is_the_one_that_is_told() -> None:
    outer, inner = Deadline(), Deadline()
    with outer.within(60):
        with pytest.raises(TimeoutError), inner.within(0.001):
            await asyncio.Event().wait()
        await asyncio.sleep(0)
