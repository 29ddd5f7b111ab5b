"""When the built-in model serves the LOCAL tier, and when it makes way."""

from __future__ import annotations

import pytest

from gateway_core.events import Notice
from gateway_core.ollama.manager import LocalModels
from tests.fakes.ollama import FakeOllama
from tests.ollama.support import NOTHING, Collector, FakeStandIn, running, settings

POLL_S = 3600.0


def _local(events: Collector, standin: FakeStandIn, url: str = NOTHING, mode: str = "auto") -> LocalModels:
    return LocalModels(settings(url, builtin_model=mode), events.publish, standin=standin, poll_s=POLL_S)


async def test_the_builtin_stands_in_when_nothing_answers_and_it_is_said() -> None:
    events, standin = Collector(), FakeStandIn()
    async with running(_local(events, standin)) as local:
        await events.until(lambda: local.server.reachable)
        server = local.server
        assert (server.kind, server.current_model) == ("builtin", "builtin/smollm2-135m")
        assert server.models[0].builtin and local.context_of(server.models[0].name) == 24576
        assert local.endpoint() == ("http://127.0.0.1:9/v1", "secret", "builtin")
        assert "built-in model" in local.notices[0] and events.of(Notice)[-1].text == local.notices[0]


async def test_starting_is_shown() -> None:
    events, standin = Collector(), FakeStandIn()
    standin.may_start.clear()
    async with running(_local(events, standin)) as local:
        await events.until(lambda: "starting" in local.server.detail)
        assert local.endpoint() is None
        standin.may_start.set()
        await events.until(lambda: local.server.reachable)


async def test_a_real_server_takes_over_and_the_builtin_stops() -> None:
    events, standin = Collector(), FakeStandIn()
    async with FakeOllama("first:1b") as fake:
        port, base_url = int(fake.root.rpartition(":")[2]), fake.base_url
    async with running(_local(events, standin, base_url)) as local:
        await events.until(lambda: local.server.kind == "builtin" and local.server.reachable)
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
        await events.until(lambda: local.server.reachable)
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
        await events.until(lambda: local.server.reachable)
        assert local.server.kind == "builtin" and local.endpoint() == ("http://127.0.0.1:9/v1", "secret", "builtin")


async def test_off_never_starts_it() -> None:
    events, standin = Collector(), FakeStandIn()
    async with running(_local(events, standin, mode="off")) as local:
        assert not local.server.reachable and standin.starts == 0


@pytest.mark.parametrize("standin", [FakeStandIn(missing="Install it: pip install x"), None])
async def test_what_is_missing_is_said_with_the_remedy(standin: FakeStandIn | None) -> None:
    events = Collector()
    standin = standin or FakeStandIn(fails="It did not start. out of memory")
    async with running(_local(events, standin)) as local:
        await events.until(lambda: (standin.available() or standin.failure or "-") in local.server.detail)
        assert local.endpoint() is None
        assert (standin.available() or standin.failure or "-") in local.notices[0]
        assert [notice.text for notice in events.of(Notice)] == [*local.notices]


async def test_a_builtin_that_is_missing_is_nobodys_business_while_a_server_answers() -> None:
    events, standin = Collector(), FakeStandIn(missing="Install it: pip install x")
    async with FakeOllama("first:1b") as fake, running(_local(events, standin, fake.base_url)) as local:
        assert local.server.reachable and local.notices == () and not events.of(Notice)


async def test_a_builtin_that_failed_is_not_started_again_at_once() -> None:
    events, standin = Collector(), FakeStandIn(fails="It did not start.")
    async with running(_local(events, standin)) as local:
        await events.until(lambda: standin.failure)
        await local.refresh()
        await local.refresh()
        assert standin.starts == 1
