"""The made-up traffic: what it sends, that it can be repeated, that it stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from gateway_core.clients import read_client
from gateway_core.demo import play
from gateway_core.demo.openclaw import Session, recap_body
from gateway_core.demo.script import HARD_TURNS, QUESTIONS, RECAP_SYSTEM, TURNS
from gateway_core.model import Lane
from gateway_core.routing.difficulty import difficulty
from gateway_core.routing.landscape import Bands
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply

BANDS = Bands()
NO_PAUSE = (0.0, 0.0)


@pytest.fixture
async def gateway() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(models=("gateway-auto", "gateway-background"), key="k") as fake:
        yield fake


def _address(fake: FakeOpenAI) -> str:
    return fake.base_url.removesuffix("/v1")


async def test_a_day_has_everything_in_it_and_all_of_it_is_answered(gateway: FakeOpenAI) -> None:
    tally = await play(_address(gateway), "k", seed=3, pause_s=NO_PAUSE, steps=120)
    assert {"turn", "question", "repeat", "recap", "heartbeat"} <= set(tally.sent)
    assert set(tally.statuses) == {200} and not gateway.rejected
    assert sum(tally.sent.values()) == len(gateway.requests)


async def test_heavy_requests_are_as_large_as_openclaws(gateway: FakeOpenAI) -> None:
    await play(_address(gateway), "k", seed=3, pause_s=NO_PAUSE, steps=60)
    sizes = [len(json.dumps(body)) for body in gateway.requests if len(body.get("tools") or ()) == 14]
    assert sizes and all(52_000 < size < 75_000 for size in sizes)


async def test_a_tool_the_model_asks_for_is_answered(gateway: FakeOpenAI) -> None:
    gateway.default = Reply(text="One moment.", tools=(("exec", {"command": "ls"}),))
    play_forever = asyncio.create_task(play(_address(gateway), "k", seed=5, pause_s=(0.01, 0.01)))
    async with asyncio.timeout(10):
        number = 0
        while not any(message["role"] == "tool" for body in gateway.requests for message in body["messages"]):
            number += 1
            await gateway.wait_for_requests(number)
    play_forever.cancel()
    with pytest.raises(asyncio.CancelledError):
        await play_forever


async def test_refusals_and_a_gateway_that_is_gone_do_not_end_it(gateway: FakeOpenAI) -> None:
    gateway.script(Failure(429), Failure(503), Reply(drop_after=2))
    tally = await play(_address(gateway), "k", seed=1, pause_s=NO_PAUSE, steps=30)
    assert tally.statuses[429] == tally.statuses[503] == 1 and tally.statuses[200] > 3
    assert set((await play("http://127.0.0.1:1", "k", seed=1, pause_s=NO_PAUSE, steps=5)).statuses) == {0}


async def test_cancelling_ends_what_is_in_flight(gateway: FakeOpenAI) -> None:
    gateway.default = Reply(stall_after=1)
    task = asyncio.create_task(play(_address(gateway), "k", seed=1, pause_s=NO_PAUSE))
    await gateway.wait_for_requests(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gateway.wait_for_disconnects(1)


async def test_the_same_seed_asks_the_same(gateway: FakeOpenAI) -> None:
    async def asked() -> list[str]:
        gateway.requests.clear()
        await play(_address(gateway), "k", seed=9, pause_s=(0.02, 0.02), steps=8)
        return [read_client(body, {}).user_text for body in gateway.requests]

    assert await asked() == await asked()


def test_the_gateway_recognises_what_it_is_sent() -> None:
    session = Session("s1", lambda: 1_795_450_000.0)
    turn = read_client(session.ask(TURNS[0].question), session.headers)
    assert (turn.client, turn.purpose, turn.lane) == ("openclaw", "chat", Lane.INTERACTIVE)
    assert turn.user_text == TURNS[0].question
    beat = Session("s2", lambda: 1_795_450_000.0)
    assert read_client(beat.heartbeat(), beat.headers).purpose == "heartbeat"
    assert read_client(recap_body(RECAP_SYSTEM, ["user: hi"]), {}).purpose == "recap"


def test_a_question_repeated_by_another_session_is_the_same_to_the_cache() -> None:
    first, later = Session("s1", lambda: 1_795_450_000.0), Session("s2", lambda: 1_795_460_000.0)
    views = [read_client(session.ask(TURNS[1].question), session.headers) for session in (first, later)]
    assert views[0].messages == views[1].messages


def test_the_script_has_work_for_every_tier() -> None:
    assert all(difficulty(turn.question).score < BANDS.easy_below for turn in QUESTIONS)
    assert all(difficulty(turn.question).score >= BANDS.hard_from for turn in HARD_TURNS)
    assert sum(BANDS.easy_below <= difficulty(turn.question).score < BANDS.hard_from for turn in TURNS) >= 5
