"""Requests that come at once begin one by one while a stream runs, and together where none does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest

from gateway_core.turnstile import Turnstile
from tests.fakes.anthropic import FakeAnthropic
from tests.http.inside import Client, client, with_claude
from tests.loop_turns import LoopTurns


class Turns(LoopTurns):
    """Notes in which one somebody began."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[tuple[str, int]] = []

    async def begin(self, turnstile: Turnstile, name: str) -> None:
        await turnstile.turn()
        self.begun.append((name, self.now))


async def test_where_no_stream_runs_all_begin_at_once() -> None:
    turns, turnstile = Turns(), Turnstile()
    await asyncio.gather(*(turns.begin(turnstile, name) for name in "abc"))
    assert [name for name, _ in turns.begun] == ["a", "b", "c"] and len({turn for _, turn in turns.begun}) == 1


async def test_while_one_runs_each_begins_in_a_turn_of_its_own_and_in_their_order() -> None:
    turns, turnstile = Turns(), Turnstile()
    with turnstile.stream():
        for names in ("abcd", "e"):
            await asyncio.gather(*(turns.begin(turnstile, name) for name in names))
    assert [name for name, _ in turns.begun] == ["a", "b", "c", "d", "e"]
    assert len({turn for _, turn in turns.begun}) == 5


async def test_who_leaves_is_waited_for_by_nobody() -> None:
    turns, turnstile = Turns(), Turnstile()
    with turnstile.stream():
        coming = [asyncio.create_task(turns.begin(turnstile, name)) for name in "abcd"]
        await asyncio.sleep(0)
        coming[1].cancel()
        coming[2].cancel()
        await asyncio.wait(coming)
        await turns.begin(turnstile, "e")
    assert [name for name, _ in turns.begun] == ["a", "d", "e"]


@pytest.mark.parametrize(("turn_s", "at_most"), [(0.004, 1), (0.0051, 2), (0.021, 5)])
async def test_the_longer_a_turn_takes_the_more_begin_in_it(
    monkeypatch: pytest.MonkeyPatch, turn_s: float, at_most: int
) -> None:
    turns, turnstile = Turns(), Turnstile()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: turns.now * turn_s)
    with turnstile.stream():
        await asyncio.gather(*(turns.begin(turnstile, str(number)) for number in range(11)))
    each = Counter(turn for _, turn in turns.begun)
    assert [name for name, _ in turns.begun] == [str(number) for number in range(11)]
    assert max(each.values()) == at_most and len(each) == 1 + -(-10 // at_most)


async def test_nobody_overtakes_those_who_wait_when_the_stream_has_ended() -> None:
    turns, turnstile = Turns(), Turnstile()
    with turnstile.stream():
        coming = [asyncio.create_task(turns.begin(turnstile, name)) for name in "abc"]
        await asyncio.sleep(0)
    await asyncio.gather(*coming, turns.begin(turnstile, "late"))
    assert [name for name, _ in turns.begun] == ["a", "b", "c", "late"]


class Closed(Turnstile):
    """Lets nobody through until it is told, and knows who has come."""

    def __init__(self) -> None:
        super().__init__()
        self.streams = 0
        """That ran when the last one came."""
        self._come = asyncio.Semaphore(0)
        self._open = asyncio.Semaphore(0)

    async def turn(self) -> None:
        self.streams = self._streams
        self._come.release()
        await self._open.acquire()

    async def one_comes(self) -> None:
        await self._come.acquire()

    def let_one_through(self) -> None:
        self._open.release()


@asynccontextmanager
async def behind(turnstile: Turnstile, folder: Path) -> AsyncIterator[tuple[FakeAnthropic, Client]]:
    async with FakeAnthropic() as fake, client(folder, **with_claude(fake)) as llmgw:
        llmgw.gateway.pipeline.turnstile = turnstile
        yield fake, llmgw


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_request_waits_to_be_read_and_to_be_sent_on_and_a_stream_to_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    """What the next turn of its conversation goes by is noted before."""
    turnstile = Closed()
    async with asyncio.timeout(20), behind(turnstile, tmp_path) as (fake, llmgw):
        noted = Mock()
        monkeypatch.setattr(llmgw.gateway.pipeline._talks, "answered", noted)
        asking = asyncio.ensure_future(llmgw.stream("Hello") if streamed else llmgw.chat("Hello"))
        await turnstile.one_comes()
        assert turnstile.streams == 0 and (await llmgw.get("/api/requests"))["requests"] == []
        turnstile.let_one_through()
        await turnstile.one_comes()
        assert turnstile.streams == streamed and fake.calls == 0
        turnstile.let_one_through()
        if streamed:
            await turnstile.one_comes()
            assert fake.calls == 1 and noted.called
            turnstile.let_one_through()
        await asking
        await llmgw.gateway.pipeline.kept()
        assert turnstile._streams == 0
