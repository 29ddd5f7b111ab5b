"""An answer that is complete has an end, whatever its connection still brings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

import pytest

from gateway_core.providers.answer import Answer, Patience
from gateway_core.providers.base import Piece
from gateway_core.providers.failures import Failures

PING = b": ping\n\n"
Then = Callable[[Answer], None]


async def pinging(*parts: bytes) -> AsyncGenerator[bytes]:
    """The parts, and pings for ever."""
    for part in parts:
        yield part
    while True:
        await asyncio.sleep(0.01)
        yield PING


def read_by(parts: AsyncGenerator[bytes], then: Then, idle_s: float = 5.0) -> AsyncGenerator[Sequence[Piece]]:
    """What is read of an answer that is over, ``then`` says how, with its first event."""
    failures = Failures("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY")
    answer = Answer(parts, "text/event-stream", Patience(5.0, idle_s), failures, lambda: None)

    def read(event: bytes) -> Sequence[Piece]:
        answer.patience.begun = True
        then(answer)
        return (Piece(answer.parse(event)),)

    return answer.events(read)


@pytest.mark.parametrize("then", [Answer.end, lambda answer: answer.complete_within(0.2)])
async def test_pings_do_not_hold_the_end_of_a_complete_answer(then: Then) -> None:
    async with asyncio.timeout(2):
        batches = [batch async for batch in read_by(pinging(b'data: {"n": 1}\n\n'), then)]
    assert [piece.body for batch in batches for piece in batch] == [{"n": 1}]


async def test_the_end_may_take_as_long_after_a_slow_reader_as_after_a_quick_one() -> None:
    async def parts() -> AsyncGenerator[bytes]:
        yield b'data: {"n": 1}\n\n'
        await asyncio.sleep(0.1)
        yield b'data: {"n": 2}\n\n'

    got: list[Piece] = []
    async for batch in read_by(parts(), lambda answer: answer.complete_within(0.3)):
        got += batch
        if len(got) == 1:
            await asyncio.sleep(0.4)
    assert [piece.body for piece in got] == [{"n": 1}, {"n": 2}]


async def test_pings_keep_an_answer_alive_that_is_not_complete() -> None:
    async def parts() -> AsyncGenerator[bytes]:
        yield b'data: {"n": 1}\n\n'
        for _ in range(10):
            await asyncio.sleep(0.05)
            yield PING
        yield b'data: {"n": 2}\n\n'

    batches = [batch async for batch in read_by(parts(), lambda answer: None, idle_s=0.2)]
    assert [piece.body for batch in batches for piece in batch] == [{"n": 1}, {"n": 2}]
