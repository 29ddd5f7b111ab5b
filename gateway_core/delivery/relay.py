"""Between upstream and caller: chunks as they come, the end only when the money is settled."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from gateway_core.delivery.pump import kept_alive
from gateway_core.exchange import Exchange
from gateway_core.model import ChatRequest, JsonObject
from gateway_core.providers.base import Piece
from gateway_core.wire.json_values import as_object
from gateway_core.wire.openai_chat import Aggregator, finish_reason, implied_finish, make_chunk
from gateway_core.wire.usage import usage_json

KEEP_ALIVE_S = 25.0
"""Pause after which the caller gets an empty chunk: OpenClaw gives up after 300 s without one, and SSE comments do not
count (OpenClaw 2026.9.6). Nothing can be sent to a caller that does not stream: it needs patience of its own."""

Given = Callable[[JsonObject], None]
"""Called with the whole completion when its end goes to the caller."""
Complete = Callable[[JsonObject], Awaitable[None]]
"""Called with the whole completion once the spend is durable, before the caller sees the end."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of an answer whose spend is durable: its ``last`` piece, held so far, and the ``whole`` with usage."""

    last: Piece
    whole: JsonObject


async def relayed(exchange: Exchange, pieces: AsyncGenerator[Piece], complete: Complete) -> AsyncGenerator[Piece | End]:
    """The answer as an upstream makes it: the pieces of a stream as they come, and how it ends.

    The chunk that carries the finish reason is held until the upstream has ended and the spend is durable, and so are
    the native events from there on. An answer that is not streamed is nothing but its end.
    """
    aggregator = Aggregator()
    last: JsonObject | None = None
    held: list[JsonObject] = []
    reported: object = None
    async with aclosing(pieces):
        async for piece in pieces:
            if not exchange.request.stream:
                last, held, reported = piece.body, list(piece.native), piece.body.get("usage")
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
    whole = aggregator.completion() if exchange.request.stream else last or {}
    whole = {**whole, "usage": _usage(exchange, reported)}
    await complete(whole)
    if last is None:
        finish = implied_finish(whole)
        last = make_chunk(whole.get("id", exchange.request.id), whole.get("model", ""), {}, finish=finish)
    yield End(Piece(last, native=tuple(held)), whole)


async def sent(request: ChatRequest, answer: AsyncGenerator[Piece | End | None], given: Given) -> AsyncGenerator[Piece]:
    """What the caller gets of an answer: the pieces of a stream, or the one whole. ``given`` hears of its end.

    Usage and cost follow in a chunk of their own where the caller asked for it, else on the last chunk. None is a
    pause that was too long.
    """
    async with aclosing(answer):
        async for item in answer:
            if isinstance(item, End):
                given(item.whole)
            if isinstance(item, End) and request.stream:
                for piece in with_usage(item.last, item.whole["usage"], request.wants_usage_chunk):
                    yield piece
            elif isinstance(item, End):
                yield Piece(item.whole, native=item.last.native)
            elif item is not None:
                yield item
            elif request.stream:
                yield Piece(make_chunk(request.id, request.model, {"content": ""}))


async def sent_alone(request: ChatRequest, answer: AsyncGenerator[Piece | End], given: Given) -> AsyncGenerator[Piece]:
    """The same of an answer that goes to nobody else, read no faster than the caller reads."""
    items: AsyncGenerator[Piece | End | None] = kept_alive(answer, KEEP_ALIVE_S) if request.stream else answer
    async with aclosing(answer), aclosing(sent(request, items, given)) as pieces:
        async for piece in pieces:
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
