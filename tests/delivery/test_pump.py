"""Reading ahead: in order, not too far, with a word when nothing comes, and without leftovers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from gateway_core.delivery.pump import AHEAD, kept_alive


class Source:
    """Numbers, with a stop after ``quiet_after`` until ``go`` is set; ``read`` counts what was taken of it."""

    def __init__(self, numbers: int, quiet_after: int | None = None, error: Exception | None = None) -> None:
        self.numbers = numbers
        self.quiet_after = quiet_after
        self.error = error
        self.read = 0
        self.go = asyncio.Event()
        self.closed = False

    async def pieces(self, at_once: int = 1) -> AsyncGenerator[list[int]]:
        try:
            for number in range(0, self.numbers, at_once):
                if number == self.quiet_after:
                    await self.go.wait()
                self.read += at_once
                yield list(range(number, number + at_once))
            if self.error:
                raise self.error
        finally:
            self.closed = True


async def test_everything_comes_in_order_and_the_reader_sets_the_pace() -> None:
    source = Source(100)
    got: list[int] = []
    async for pieces in kept_alive(source.pieces(), 60):
        assert source.read <= len(got) + len(pieces) + AHEAD
        got += pieces
        await asyncio.sleep(0)
    assert got == list(range(100)) and source.closed


async def test_what_comes_at_once_is_given_at_once() -> None:
    source = Source(400)
    got = [list(pieces) async for pieces in kept_alive(source.pieces(at_once=200), 60)]
    assert got == [list(range(200)), list(range(200, 400))]


async def test_a_slow_reader_keeps_the_source_waiting_behind_one_large_batch() -> None:
    source = Source(4000)
    async with aclosing(source.pieces(at_once=200)) as pieces:
        stream = kept_alive(pieces, 60)
        await anext(stream)
        for _ in range(50):
            await asyncio.sleep(0)
        assert source.read <= 400
        await stream.aclose()


@pytest.mark.parametrize("quiet_after", [0, 3])
async def test_a_pause_is_told_before_the_first_piece_and_between_pieces(quiet_after: int) -> None:
    source = Source(5, quiet_after)
    got: list[int | None] = []
    async for pieces in kept_alive(source.pieces(), 0.001):
        got += pieces or [None]
        if got.count(None) == 3:
            source.go.set()
    assert [piece for piece in got if piece is not None] == [0, 1, 2, 3, 4]
    assert got[quiet_after : quiet_after + 3] == [None] * 3


async def test_an_error_comes_after_what_came_before_it() -> None:
    got: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        async for pieces in kept_alive(Source(3, error=ValueError("broken")).pieces(), 60):
            got += pieces
    assert got == [0, 1, 2]


async def test_a_reader_who_leaves_stops_the_reading() -> None:
    source = Source(1000, quiet_after=500)
    async with aclosing(source.pieces()) as pieces:
        stream = kept_alive(pieces, 60)
        assert 0 in await anext(stream)
        await stream.aclose()
    assert source.closed and source.read <= AHEAD + 1
    assert len(asyncio.all_tasks()) == 1
