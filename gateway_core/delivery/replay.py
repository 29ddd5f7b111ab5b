"""A whole answer as the stream it would have been: at once, or at the pace of a model that writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from gateway_core.delivery.relay import with_usage
from gateway_core.model import JsonObject
from gateway_core.providers.base import Batch, Piece
from gateway_core.wire.openai_chat import as_chunks, says_something, text_of

CHARACTERS_PER_S = 240.0
"""The natural pace: some 60 tokens a second, faster than anybody reads and slow enough to be seen writing. Chosen:
hosted models write 40 to 80."""
LONGEST_S = 12.0
"""A long answer is written faster: it is there, and nobody shall wait for it longer than this."""


async def replayed(
    body: JsonObject,
    wants_usage_chunk: bool,
    *,
    natural: bool = False,
    longest_s: float = LONGEST_S,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncGenerator[Batch]:
    """The pieces of a whole completion with ``usage``, its tool calls never delayed.

    At the natural pace text comes word by word, the first one at once and the last after ``longest_s`` at the latest.
    """
    *before, last = as_chunks(body, by_word=natural)
    ending = with_usage(Piece(last), body["usage"], wants_usage_chunk)
    if not natural:
        yield [Piece(chunk) for chunk in before]
        yield ending
        return
    now = asyncio.get_running_loop().time
    characters = sum(len(text_of(chunk)) for chunk in before if says_something(chunk))
    seconds_each = min(1 / CHARACTERS_PER_S, min(longest_s, LONGEST_S) / max(1, characters))
    due = now()
    for chunk in before:
        words = says_something(chunk)
        if words and (early_s := due - now()) > 0:
            await sleep(early_s)
        yield (Piece(chunk),)
        if words:
            due += len(text_of(chunk)) * seconds_each
    yield ending
