"""That the local server went away, and is back, is told once each, and not at every stumble."""

from __future__ import annotations

import pytest

from gateway_core.events import Notice
from gateway_core.ollama.manager import LocalModels
from gateway_core.ollama.presence import WITHIN_S, Meanwhile, Presence, Seen
from tests.fakes.ollama import FakeOllama
from tests.ollama.support import Collector, FakeStandIn, running, settings
from tests.store.support import FakeClock

HOME = "http://127.0.0.1:11434"
THERE = Seen("ollama", HOME, "qwen3:8b")
NOBODY = Meanwhile(False, "")
SMALL = "The built-in model serves the LOCAL tier, because nothing answers."
GONE = "Ollama at 127.0.0.1:11434 went away: nothing listens there."
BACK = "Ollama at 127.0.0.1:11434 is back: it serves qwen3:8b."
POLL_S = 3600.0


class Told:
    """A presence, and all that it told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.presence = Presence(self.clock)
        self.notices: list[Notice] = []

    def look(self, seen: Seen | None, meanwhile: Meanwhile = NOBODY, *, after_s: float = 3.0) -> None:
        self.clock.advance(after_s)
        self.notices += self.presence.look(seen, "nothing listens there", meanwhile)

    @property
    def texts(self) -> list[str]:
        return [f"{notice.level} {notice.text}" for notice in self.notices]


@pytest.fixture
def told() -> Told:
    return Told()


def test_going_and_coming_back_are_told_once_each(told: Told) -> None:
    for seen in (THERE, THERE, None, None, THERE, THERE):
        told.look(seen)
    assert told.texts == [f"warning {GONE}", f"info {BACK}"]
    assert {notice.source for notice in told.notices} == {"local models"}


def test_what_is_so_from_the_beginning_is_no_news_and_a_first_coming_is(told: Told) -> None:
    told.look(None)
    told.look(None)
    assert told.texts == []
    told.look(Seen("lmstudio", "http://127.0.0.1:1234", None))
    assert told.texts == ["info LM Studio at 127.0.0.1:1234 answers: it has no model."]


def test_one_that_comes_and_goes_all_the_time_is_told_of_twice_a_minute_and_truly_at_the_end(told: Told) -> None:
    told.look(THERE)
    for number in range(100):
        told.look(THERE if number % 2 else None)
    assert len(told.texts) <= 2 * (1 + 300 / WITHIN_S)
    told.look(None)
    told.look(None, after_s=WITHIN_S)
    assert told.texts[-1].startswith(f"warning {GONE} It came and went ")
    told.look(THERE, after_s=WITHIN_S)
    assert told.texts[-1] == f"info {BACK}"


def test_what_was_held_back_is_not_made_up_for_once_all_is_as_it_was(told: Told) -> None:
    for seen in (THERE, None, THERE, None, THERE):
        told.look(seen)
    told.look(THERE, after_s=2 * WITHIN_S)
    assert told.texts == [f"warning {GONE}", f"info {BACK}"]


def test_the_built_in_model_that_stands_in_is_part_of_the_same_notice(told: Told) -> None:
    told.look(THERE)
    told.look(None, Meanwhile(True, ""))
    told.look(None, Meanwhile(True, SMALL))
    assert told.texts == [f"warning {GONE} The built-in model stands in."]


def test_that_nothing_can_stand_in_is_said_with_it_and_a_failure_to_is_said_after_it(told: Told) -> None:
    lacks = "The LOCAL tier has no model. Install it: pip install x"
    told.look(THERE)
    told.look(None, Meanwhile(False, lacks))
    told.look(None, Meanwhile(False, lacks))
    told.look(THERE)
    told.look(None, Meanwhile(True, ""), after_s=WITHIN_S)
    told.look(None, Meanwhile(False, "The LOCAL tier has no model. It did not start."))
    assert told.texts == [
        f"warning {GONE} {lacks}",
        f"info {BACK}",
        f"warning {GONE} The built-in model stands in.",
        "warning The LOCAL tier has no model. It did not start.",
    ]


def test_another_address_is_no_departure(told: Told) -> None:
    told.look(THERE)
    told.presence.forget()
    told.look(None)
    assert told.texts == []


async def test_a_server_that_ends_and_starts_again_is_told_of_by_its_name() -> None:
    events = Collector()
    async with FakeOllama("first:1b") as fake:
        port = int(fake.root.rpartition(":")[2])
        local = LocalModels(
            settings(fake.base_url, builtin_model="auto"), events.publish, standin=FakeStandIn(), poll_s=POLL_S
        )
        await local.start()
        await local.refresh()
    try:
        await local.refresh()
        await events.until(lambda: local.server.reachable and local.server.kind == "builtin")
        async with FakeOllama("first:1b", port=port):
            await local.refresh()
            await local.refresh()
    finally:
        await local.close()
    assert [notice.text for notice in events.of(Notice)] == [
        f"Ollama at 127.0.0.1:{port} went away: nothing listens there. The built-in model stands in.",
        f"Ollama at 127.0.0.1:{port} is back: it serves first:1b.",
    ]


async def test_another_configured_server_is_not_said_to_be_gone() -> None:
    events = Collector()
    async with (
        FakeOllama("m:1b") as fake,
        running(LocalModels(settings(fake.base_url), events.publish, poll_s=POLL_S)) as local,
    ):
        await local.reconfigure(settings("http://127.0.0.1:1/v1"))
        await local.reconfigure(settings(fake.base_url))
    assert events.of(Notice) == []
