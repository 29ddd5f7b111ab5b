"""Events on their way to whoever listens."""

from __future__ import annotations

import logging

import pytest

from gateway_core.bus import BACKLOG, Bus
from gateway_core.events import Event, LogAdded, Notice


def notice(number: int = 1) -> Notice:
    return Notice(float(number), "info", "something happened")


def test_who_listens_hears_at_once_and_until_they_leave() -> None:
    bus, heard = Bus(), list[Event]()
    bus.listen(heard.append)
    bus.publish(notice(1))
    assert heard == [notice(1)]
    bus.unlisten(heard.append)
    bus.unlisten(heard.append)
    bus.publish(notice(2))
    assert heard == [notice(1)]


async def test_who_listens_to_some_kinds_hears_no_others() -> None:
    bus, heard = Bus(), list[Event]()
    bus.listen(heard.append, Notice)
    for event in (notice(1), LogAdded(2.0, 1, ())):
        bus.publish(event)
    assert heard == [notice(1)]
    assert bus.hears(Notice) and not bus.hears(LogAdded)
    with bus.subscribe():
        assert bus.hears(LogAdded)
    bus.listen(print)
    assert bus.hears(LogAdded)


async def test_a_listener_that_fails_keeps_nothing_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """A request ends in ``publish``: what goes wrong there must not become its failure."""

    def fails(event: Event) -> None:
        raise RuntimeError("\x1b[31m of a prompt")

    bus, heard = Bus(), list[Event]()
    bus.listen(fails)
    bus.listen(heard.append)
    with bus.subscribe() as subscription, caplog.at_level(logging.ERROR):
        bus.publish(notice())
        bus.close()
        assert [event async for event in subscription] == [notice()] == heard
    assert "notice" in caplog.text and "RuntimeError" in caplog.text and "prompt" not in caplog.text


async def test_a_slow_subscriber_loses_its_oldest_events_and_is_told_how_many() -> None:
    bus = Bus()
    with bus.subscribe() as subscription:
        for number in range(BACKLOG + 3):
            bus.publish(notice(number))
        bus.close()
        seen = [event.at async for event in subscription]
    assert (seen[0], seen[-1], len(seen), subscription.missed) == (3.0, BACKLOG + 2.0, BACKLOG, 3)
