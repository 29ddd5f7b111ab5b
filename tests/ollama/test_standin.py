"""When the built-in model serves the LOCAL tier, and when it makes way."""

from __future__ import annotations

import asyncio

import pytest

from gateway_core.events import Notice
from gateway_core.ollama.manager import LocalModels
from gateway_core.ollama.standin import IDLE_S, StandIn
from tests.fakes.ollama import FakeOllama
from tests.ollama.support import NOTHING, Collector, FakeStandIn, running, settings
from tests.ollama.test_contexts import ManualClock

POLL_S = 3600.0
RESTING, RUNNING = StandIn.RESTING, ("http://127.0.0.1:9/v1", "secret", "builtin")


def _local(events: Collector, standin: FakeStandIn, url: str = NOTHING, mode: str = "auto") -> LocalModels:
    return LocalModels(settings(url, builtin_model=mode), events.publish, standin=standin, poll_s=POLL_S)


async def test_the_builtin_stands_in_when_nothing_answers_and_it_is_said() -> None:
    events, standin = Collector(), FakeStandIn()
    async with running(_local(events, standin)) as local:
        server = local.server
        assert (server.kind, server.current_model) == ("builtin", "builtin/smollm2-135m")
        assert server.models[0].builtin and local.context_of(server.models[0].name) == 24576
        assert "built-in model" in local.notices[0] and events.of(Notice)[-1].text == local.notices[0]


async def test_it_is_started_for_the_first_request_and_that_is_shown() -> None:
    events, standin = Collector(), FakeStandIn()
    standin.may_start.clear()
    async with running(_local(events, standin)) as local:
        assert standin.starts == 0 and local.endpoint() == RESTING
        assert local.server.reachable and "started by the first request" in local.server.detail
        first, second = asyncio.create_task(local.standin.awake()), asyncio.create_task(local.standin.awake())
        await events.until(lambda: "starting" in local.server.detail)
        first.cancel()
        standin.may_start.set()
        await second
        assert standin.starts == 1 and local.endpoint() == RUNNING
        await events.until(lambda: local.server.detail == "the small model inside llmgw")
        await local.standin.awake()
        assert standin.starts == 1


async def test_it_ends_when_nobody_has_asked_for_long_and_starts_again() -> None:
    events, standin, clock = Collector(), FakeStandIn(), ManualClock()
    auto = settings(NOTHING, builtin_model="auto")
    local = LocalModels(auto, events.publish, standin=standin, clock=clock, poll_s=POLL_S)
    async with running(local):
        await local.standin.awake()
        with local.in_use("m"):
            clock.seconds += 2 * IDLE_S
            await local.refresh()
        clock.seconds += IDLE_S - 1
        await local.refresh()
        assert local.endpoint() == RUNNING and not standin.stopped.is_set()
        clock.seconds += 1
        await local.refresh()
        await standin.stopped.wait()
        assert local.endpoint() == RESTING and local.server.reachable
        await local.standin.awake()
        assert local.endpoint() == RUNNING and standin.starts == 2


async def test_a_real_server_takes_over_and_the_builtin_stops() -> None:
    events, standin = Collector(), FakeStandIn()
    async with FakeOllama("first:1b") as fake:
        port, base_url = int(fake.root.rpartition(":")[2]), fake.base_url
    async with running(_local(events, standin, base_url)) as local:
        await local.standin.awake()
        async with FakeOllama("first:1b", port=port):
            server = await local.refresh()
            assert (server.kind, server.current_model) == ("ollama", "first:1b")
            assert local.notices == ()
            await standin.stopped.wait()


async def test_a_request_in_flight_keeps_the_builtin_until_its_end() -> None:
    events, standin = Collector(), FakeStandIn()
    async with FakeOllama("first:1b") as fake:
        port, base_url = int(fake.root.rpartition(":")[2]), fake.base_url
    async with running(_local(events, standin, base_url)) as local:
        await local.standin.awake()
        async with FakeOllama("first:1b", port=port):
            with local.in_use("m") as endpoint:
                assert endpoint is not None and endpoint[2] == "builtin"
                await local.refresh()
                assert local.endpoint() == (base_url, None, "ollama")
                await local.refresh()
                assert not standin.stopped.is_set()
            await standin.stopped.wait()


async def test_on_never_asks_the_local_server() -> None:
    events, standin = Collector(), FakeStandIn()
    async with (
        FakeOllama("first:1b") as fake,
        running(_local(events, standin, fake.base_url, "on")) as local,
    ):
        await local.standin.awake()
        assert local.server.kind == "builtin" and local.endpoint() == RUNNING


async def test_off_never_starts_it() -> None:
    events, standin = Collector(), FakeStandIn()
    async with running(_local(events, standin, mode="off")) as local:
        assert not local.server.reachable and standin.starts == 0


@pytest.mark.parametrize("standin", [FakeStandIn(missing="Install it: pip install x"), None])
async def test_what_is_missing_is_said_with_the_remedy(standin: FakeStandIn | None) -> None:
    events = Collector()
    standin = standin or FakeStandIn(fails="It did not start. out of memory")
    async with running(_local(events, standin)) as local:
        await local.standin.awake()
        await events.until(lambda: (standin.available() or standin.failure or "-") in local.server.detail)
        assert local.endpoint() is None
        assert (standin.available() or standin.failure or "-") in local.notices[0]
        assert events.of(Notice)[-1].text == local.notices[0]


async def test_a_builtin_that_is_missing_is_nobodys_business_while_a_server_answers() -> None:
    events, standin = Collector(), FakeStandIn(missing="Install it: pip install x")
    async with FakeOllama("first:1b") as fake, running(_local(events, standin, fake.base_url)) as local:
        assert local.server.reachable and local.notices == () and not events.of(Notice)


async def test_a_builtin_that_failed_is_not_started_again_at_once() -> None:
    events, standin = Collector(), FakeStandIn(fails="It did not start.")
    async with running(_local(events, standin)) as local:
        for _ in range(3):
            await local.standin.awake()
            await local.refresh()
        assert standin.starts == 1 and local.endpoint() is None


async def test_who_waits_for_its_start_does_not_start_it_again_when_the_gateway_ends() -> None:
    events, standin = Collector(), FakeStandIn()
    standin.may_start.clear()
    async with running(_local(events, standin)) as local:
        waiting = asyncio.create_task(local.standin.awake())
        await events.until(lambda: "starting" in local.server.detail)
    await waiting
    assert standin.starts == 1 and local.endpoint() is None
