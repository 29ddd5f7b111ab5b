"""Progress that does not run backwards, and standstills that can be seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import aiohttp
import pytest

from gateway_core.events import PullProgress
from gateway_core.model import PullStatus
from gateway_core.ollama.client import OllamaClient
from gateway_core.ollama.pulls import Pulls
from tests.fakes.ollama import FakeOllama
from tests.ollama.support import Collector


class Hands:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Scripted(OllamaClient):
    """A client whose pull says what the test says, when it says it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__(session, "http://127.0.0.1:1")
        self._lines: asyncio.Queue[PullStatus] = asyncio.Queue()

    async def pull(self, model: str) -> AsyncGenerator[PullStatus]:
        while True:
            yield await self._lines.get()
            self._lines.task_done()

    async def say(self, line: PullStatus) -> None:
        """Returns once the line was taken."""
        self._lines.put_nowait(line)
        await self._lines.join()


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    async with aiohttp.ClientSession() as session:
        yield Scripted(session)


async def test_a_standstill_is_shown_and_ends_when_bytes_come() -> None:
    events, clock = Collector(), Hands()
    async with FakeOllama() as fake, aiohttp.ClientSession() as session:
        fake.pull_as("new:1b", "pull_slow_resumed", hold_after=4)
        pulls = Pulls(events.publish, clock, lambda: None)
        pulls.start(OllamaClient(session, fake.root), "new:1b")
        await events.until(lambda: pulls.statuses[0].completed_bytes >= 14_614_528)
        clock.time += 12
        pulls.tick()
        assert pulls.statuses[0].status == "stalled for 12 s, Ollama retries"
        fake.resume()
        await events.until(lambda: pulls.statuses[0].done)
        assert pulls.statuses[0].error is None
        await pulls.close()


async def test_a_line_that_says_the_same_again_is_no_progress(scripted: Scripted) -> None:
    events, clock = Collector(), Hands()
    pulls = Pulls(events.publish, clock, lambda: None)
    pulls.start(scripted, "new:1b")
    await scripted.say(PullStatus("new:1b", "pulling a", 50, 100))
    clock.time += 8
    await scripted.say(PullStatus("new:1b", "pulling a", 50, 100))
    pulls.tick()
    assert pulls.statuses[0].status == "stalled for 8 s, Ollama retries"
    await pulls.close()


async def test_bytes_of_a_layer_never_run_backwards_and_the_next_layer_starts_anew(scripted: Scripted) -> None:
    events, clock = Collector(), Hands()
    pulls = Pulls(events.publish, clock, lambda: None)
    pulls.start(scripted, "new:1b")
    for name, completed in (("a", 60), ("a", 40), ("a", 70), ("b", 10)):
        clock.time += 1
        await scripted.say(PullStatus("new:1b", f"pulling {name}", completed, 100))
    assert [event.pull.completed_bytes for event in events.of(PullProgress)] == [60, 70, 10]
    await pulls.close()


async def test_many_lines_are_few_events(scripted: Scripted) -> None:
    events, clock = Collector(), Hands()
    pulls = Pulls(events.publish, clock, lambda: None)
    pulls.start(scripted, "new:1b")
    for completed in range(1, 51):
        clock.time += 0.06
        await scripted.say(PullStatus("new:1b", "pulling a", completed, 100))
    assert 10 <= len(events.of(PullProgress)) <= 13
    assert pulls.statuses[0].completed_bytes == 50
    await pulls.close()


async def test_the_end_of_a_recorded_failure_is_kept() -> None:
    events, clock = Collector(), Hands()
    async with FakeOllama() as fake, aiohttp.ClientSession() as session:
        fake.pull_as("new:1b", "pull_flaky")
        pulls = Pulls(events.publish, clock, lambda: None)
        pulls.start(OllamaClient(session, fake.root), "new:1b")
        await events.until(lambda: pulls.statuses[0].done)
    assert pulls.statuses[0].error == "max retries exceeded: unexpected EOF"


async def test_an_ended_pull_is_forgotten_after_a_while_a_failed_one_later() -> None:
    events, clock = Collector(), Hands()
    async with FakeOllama() as fake, aiohttp.ClientSession() as session:
        fake.pull_as("good:1b", "pull_ok")
        client, pulls = OllamaClient(session, fake.root), Pulls(events.publish, clock, lambda: None)
        pulls.start(client, "good:1b")
        pulls.start(client, "bad:1b")
        await events.until(lambda: all(status.done for status in pulls.statuses))
    clock.time += 60
    pulls.tick()
    assert [status.model for status in pulls.statuses] == ["bad:1b"]
    clock.time += 300
    pulls.tick()
    assert pulls.statuses == ()


async def test_two_starts_of_one_model_are_one_pull() -> None:
    events, clock = Collector(), Hands()
    async with FakeOllama() as fake, aiohttp.ClientSession() as session:
        fake.pull_as("new:1b", "pull_ok", hold_after=1)
        client, pulls = OllamaClient(session, fake.root), Pulls(events.publish, clock, lambda: None)
        pulls.start(client, "new:1b")
        pulls.start(client, "new:1b")
        await fake.wait_for_requests(1)
        fake.resume()
        await events.until(lambda: pulls.statuses[0].done)
        assert len(fake.requests) == 1
