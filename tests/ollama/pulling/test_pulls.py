"""Progress that does not run backwards, standstills that can be seen, and pulls that outlive a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import aiohttp
import pytest

from gateway_core.events import PullProgress
from gateway_core.local_values import LayerState, PullLayer, PullState
from gateway_core.ollama.client import OllamaClient
from gateway_core.ollama.pulling.progress import PullLine
from gateway_core.ollama.pulling.pulls import Pulls
from tests.fakes.ollama import FakeOllama
from tests.ollama.support import Collector

MB = 1_000_000
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


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
        self._lines: asyncio.Queue[PullLine] = asyncio.Queue()

    async def pull(self, model: str) -> AsyncGenerator[PullLine]:
        while True:
            line = await self._lines.get()
            try:
                yield line
            finally:
                self._lines.task_done()

    async def say(self, line: PullLine) -> None:
        """Returns once the line was taken."""
        self._lines.put_nowait(line)
        await self._lines.join()


def of(digest: str, completed: int, total: int = 100 * MB) -> PullLine:
    return PullLine(f"pulling {digest[7:19]}", digest, completed, total)


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    async with aiohttp.ClientSession() as session:
        yield Scripted(session)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def events() -> Collector:
    return Collector()


@pytest.fixture
async def pulls(clock: Hands, events: Collector) -> AsyncIterator[Pulls]:
    made = Pulls(events.publish, clock, lambda: None)
    yield made
    await made.close()


async def test_a_standstill_is_shown_and_ends_when_bytes_come(pulls: Pulls, events: Collector, clock: Hands) -> None:
    async with FakeOllama() as fake, aiohttp.ClientSession() as session:
        fake.pull_as("new:1b", "pull_slow_resumed", hold_after=4)
        pulls.start(OllamaClient(session, fake.root), "new:1b")
        await events.until(lambda: pulls.statuses[0].completed_bytes >= 14_614_528)
        clock.time += 12
        pulls.tick()
        assert (pulls.statuses[0].stalled_s, pulls.statuses[0].bytes_per_s) == (12, 0)
        fake.resume()
        await events.until(lambda: pulls.statuses[0].done)
        assert (pulls.statuses[0].state, pulls.statuses[0].stalled_s) == (PullState.DONE, 0)


async def test_a_line_that_says_the_same_again_is_no_progress(scripted: Scripted, pulls: Pulls, clock: Hands) -> None:
    pulls.start(scripted, "new:1b")
    await scripted.say(of(A, 50 * MB))
    clock.time += 8
    await scripted.say(of(A, 50 * MB))
    pulls.tick()
    assert pulls.statuses[0].stalled_s == 8


async def test_checking_the_digest_of_a_large_file_is_no_standstill(
    scripted: Scripted, pulls: Pulls, clock: Hands
) -> None:
    pulls.start(scripted, "new:1b")
    await scripted.say(of(A, 50 * MB))
    await scripted.say(PullLine("verifying sha256 digest"))
    clock.time += 60
    pulls.tick()
    assert (pulls.statuses[0].stalled_s, pulls.statuses[0].state) == (0, PullState.VERIFYING)


async def test_nothing_runs_backwards(scripted: Scripted, pulls: Pulls, events: Collector, clock: Hands) -> None:
    pulls.start(scripted, "new:1b")
    for digest, megabytes in ((A, 60), (A, 40), (A, 70), (B, 10), (B, 5), (B, 90)):
        clock.time += 1
        await scripted.say(of(digest, megabytes * MB))
    told = [event.pull for event in events.of(PullProgress)]
    assert [pull.completed_bytes // MB for pull in told] == [60, 60, 70, 110, 110, 190]
    shares = [pull.share for pull in told]
    assert shares == sorted(shares) and shares[-1] < 1
    assert [layer.state for layer in told[-1].layers] == [LayerState.DONE, LayerState.PULLING]


async def test_speed_is_of_the_last_seconds_and_tells_the_time_left(
    scripted: Scripted, pulls: Pulls, clock: Hands
) -> None:
    pulls.start(scripted, "new:1b")
    await scripted.say(of(A, 20 * MB))
    assert pulls.statuses[0].bytes_per_s is None
    for second in range(1, 21):
        clock.time += 1
        await scripted.say(of(A, 20 * MB + second * MB))
    assert pulls.statuses[0].bytes_per_s == pytest.approx(MB)
    assert pulls.statuses[0].eta_s == pytest.approx(60)
    for second in range(1, 11):
        clock.time += 1
        await scripted.say(of(A, 40 * MB + second * 2 * MB))
    assert pulls.statuses[0].bytes_per_s == pytest.approx(2 * MB)
    assert pulls.statuses[0].eta_s == pytest.approx(20)


async def test_what_was_there_before_is_told_and_does_not_count_as_speed(
    scripted: Scripted, pulls: Pulls, clock: Hands
) -> None:
    pulls.start(scripted, "new:1b")
    await scripted.say(of(A, 100 * MB))
    clock.time += 1
    await scripted.say(of(B, 30 * MB))
    clock.time += 1
    await scripted.say(of(B, 31 * MB))
    status = pulls.statuses[0]
    assert [(layer.state, layer.had_bytes // MB) for layer in status.layers] == [
        (LayerState.THERE, 100),
        (LayerState.PULLING, 30),
    ]
    assert status.had_bytes == 130 * MB and status.bytes_per_s == pytest.approx(MB / 2)


async def test_many_lines_are_few_events(scripted: Scripted, pulls: Pulls, events: Collector, clock: Hands) -> None:
    pulls.start(scripted, "new:1b")
    for completed in range(1, 51):
        clock.time += 0.06
        await scripted.say(of(A, completed * MB))
    assert 10 <= len(events.of(PullProgress)) <= 13
    assert pulls.statuses[0].completed_bytes >= 47 * MB


async def test_the_registry_tells_all_layers_before_they_come(clock: Hands, events: Collector) -> None:
    async def layers(model: str) -> tuple[PullLayer, ...]:
        return tuple(PullLayer(digest, 100 * MB, 0, LayerState.WAITING) for digest in (A, B))

    pulls = Pulls(events.publish, clock, lambda: None, layers=layers)
    async with aiohttp.ClientSession() as session:
        scripted = Scripted(session)
        pulls.start(scripted, "new:1b")
        await events.until(lambda: pulls.statuses[0].total_known)
        await scripted.say(of(A, 50 * MB))
        pulls.tick()
        clock.time += 1
        pulls.tick()
        status = pulls.statuses[0]
        assert (status.total_bytes, status.share) == (200 * MB, 0.25)
        assert [layer.state for layer in status.layers] == [LayerState.PULLING, LayerState.WAITING]
        await pulls.close()


@pytest.mark.parametrize(
    ("recorded", "says"),
    [
        ("pull_flaky", "pull again, it goes on where it ended"),
        ("pull_gone", "There is no new:1b at the registry"),
        ("pull_badname", "is no model's name"),
        ("pull_boom", "The registry failed: pull again later"),
        ("pull_corrupt", "only the damaged layer is loaded anew"),
        ("pull_offline", "check HTTPS_PROXY of Ollama"),
    ],
)
async def test_a_recorded_failure_says_what_to_do(pulls: Pulls, events: Collector, recorded: str, says: str) -> None:
    async with FakeOllama() as fake, aiohttp.ClientSession() as session:
        fake.pull_as("new:1b", recorded)
        pulls.start(OllamaClient(session, fake.root), "new:1b")
        await events.until(lambda: pulls.statuses[0].done)
    status = pulls.statuses[0]
    assert status.error and says in status.error and status.state is PullState.FAILED and status.resumable


async def test_an_ended_pull_is_forgotten_after_a_while_a_failed_one_later(
    pulls: Pulls, events: Collector, clock: Hands
) -> None:
    async with FakeOllama() as fake, aiohttp.ClientSession() as session:
        fake.pull_as("good:1b", "pull_ok")
        client = OllamaClient(session, fake.root)
        pulls.start(client, "good:1b")
        pulls.start(client, "bad:1b")
        await events.until(lambda: all(status.done for status in pulls.statuses))
    good = pulls.statuses[0]
    assert (good.share, good.completed_bytes) == (1.0, good.total_bytes)
    clock.time += 60
    pulls.tick()
    assert [status.model for status in pulls.statuses] == ["bad:1b"]
    clock.time += 300
    pulls.tick()
    assert pulls.statuses == ()


async def test_two_models_are_pulled_at_once_and_one_model_only_once(pulls: Pulls, events: Collector) -> None:
    async with FakeOllama() as fake, aiohttp.ClientSession() as session:
        fake.pull_as("new", "pull_ok", hold_after=1)
        fake.pull_as("other:1b", "pull_ok", hold_after=1)
        client = OllamaClient(session, fake.root)
        pulls.start(client, "new")
        pulls.start(client, "other:1b")
        pulls.start(client, "new:latest")
        await fake.wait_for_requests(2)
        assert [status.model for status in pulls.statuses if status.running] == ["new", "other:1b"]
        fake.resume()
        await events.until(lambda: not pulls.running)
        assert len(fake.requests) == 2


async def test_a_pull_that_ran_at_the_end_is_remembered_and_one_that_was_cancelled_is_not(
    scripted: Scripted, events: Collector, clock: Hands
) -> None:
    kept: set[str] = set()

    def keep(model: str, *, pulling: bool, pulled: bool = False) -> None:
        (kept.add if pulling else kept.discard)(model)

    pulls = Pulls(events.publish, clock, lambda: None, keep=keep)
    for model in ("goes-on:1b", "cancelled:1b"):
        pulls.start(scripted, model)
    assert pulls.cancel("cancelled:1b")
    await pulls.close()
    assert kept == {"goes-on:1b"}

    again = Pulls(events.publish, clock, lambda: None, keep=keep)
    again.interrupted(sorted(kept))
    assert [(status.model, status.state) for status in again.statuses] == [("goes-on:1b", PullState.INTERRUPTED)]
    assert again.statuses[0].resumable and not again.running
    clock.time += 86_400
    again.tick()
    assert again.find("goes-on:1b") and again.forget("goes-on:1b")
    assert again.statuses == () and not kept
