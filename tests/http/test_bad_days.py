"""What must hold when clients, upstreams and shutdowns misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from gateway_core.providers.base import Piece
from gateway_core.relay import _kept_alive


async def test_two_cancellations_before_the_first_token_leave_no_generator_at_work() -> None:
    """A kill and a client that leaves, or a shutdown: the second comes while the first still cleans up."""
    waiting, cleaning = asyncio.Event(), asyncio.Event()

    async def upstream() -> AsyncGenerator[Piece]:
        try:
            waiting.set()
            await asyncio.Event().wait()
            yield Piece({})
        finally:
            cleaning.set()
            await asyncio.Event().wait()

    async def relay() -> None:
        async with aclosing(upstream()) as pieces, aclosing(_kept_alive(pieces, 60)) as kept:
            await anext(kept)

    task = asyncio.create_task(relay())
    await waiting.wait()
    task.cancel()
    await cleaning.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
