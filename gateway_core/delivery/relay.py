"""Between upstream and caller: chunks as they come, the end only when the money is settled."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

from gateway_core.delivery.pump import kept_alive
from gateway_core.exchange import Exchange
from gateway_core.model import JsonObject
from gateway_core.providers.base import Piece
from gateway_core.wire.json_values import as_object
from gateway_core.wire.openai_chat import Aggregator, finish_reason, implied_finish, make_chunk
from gateway_core.wire.usage import usage_json

KEEP_ALIVE_S = 25.0
"""Pause after which the caller gets an empty chunk: OpenClaw gives up after 300 s without one, and SSE comments do not
count (OpenClaw 2026.9.6). Nothing can be sent to a caller that does not stream: it needs patience of its own."""

Complete = Callable[[JsonObject], Awaitable[None]]
"""Called with the whole completion once the spend is durable, before the caller sees the end."""


async def relay_whole(exchange: Exchange, pieces: AsyncGenerator[Piece], complete: Complete) -> Piece:
    """The completion of a call that was not streamed, with usage and cost as the gateway counts them."""
    last = Piece({})
    async with aclosing(pieces):
        async for piece in pieces:
            last = piece
    whole = {**last.body, "usage": _usage(exchange, last.body.get("usage"))}
    await complete(whole)
    return replace(last, body=whole)


async def relay_stream(exchange: Exchange, pieces: AsyncGenerator[Piece], complete: Complete) -> AsyncGenerator[Piece]:
    """The pieces for the caller.

    The chunk that carries the finish reason is held until the upstream has ended and the spend is durable, and so are
    the native events from there on. Usage and cost follow in a chunk of their own where the caller asked for it, else
    on that last chunk.
    """
    aggregator = Aggregator()
    last: JsonObject | None = None
    held: list[JsonObject] = []
    reported: object = None
    async with aclosing(pieces), aclosing(kept_alive(pieces, KEEP_ALIVE_S)) as kept:
        async for piece in kept:
            if piece is None:
                yield Piece(make_chunk(exchange.request.id, exchange.request.model, {"content": ""}))
                continue
            chunk = piece.body
            aggregator.add(chunk)
            reported = chunk.get("usage") or reported
            if finish_reason(chunk):
                last = last or {key: value for key, value in chunk.items() if key != "usage"}
            if last is not None:
                held += piece.native
            elif chunk.get("choices") or piece.native:
                yield piece
    whole = aggregator.completion()
    usage = _usage(exchange, reported)
    whole["usage"] = usage
    await complete(whole)
    if last is None:
        finish = implied_finish(whole)
        last = make_chunk(whole.get("id", exchange.request.id), whole.get("model", ""), {}, finish=finish)
    for piece in with_usage(Piece(last, native=tuple(held)), usage, exchange.request.wants_usage_chunk):
        yield piece


def with_usage(last: Piece, usage: JsonObject, in_a_chunk_of_its_own: bool) -> tuple[Piece, ...]:
    """The end of a stream. A client that did not ask for a chunk without choices may not expect one."""
    if in_a_chunk_of_its_own:
        return last, Piece({**last.body, "choices": [], "usage": usage})
    return (replace(last, body={**last.body, "usage": usage}),)


def _usage(exchange: Exchange, reported: object) -> JsonObject:
    """The upstream's own usage where it gave one, with our counts and ``cost`` over it."""
    ours = usage_json(exchange.usage, exchange.cost_microusd, exchange.cost)
    return {**{key: value for key, value in as_object(reported).items() if key != "cost_details"}, **ours}
