"""Between upstream and caller: chunks as they come, the end only when the money is settled."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import cast

from gateway_core.exchange import Exchange
from gateway_core.frozen import frozen
from gateway_core.model import ChatRequest, JsonObject
from gateway_core.providers.base import Batch, Piece
from gateway_core.wire.json_values import as_object
from gateway_core.wire.openai_chat import Aggregator, finish_of, first_choice, implied_finish, make_chunk
from gateway_core.wire.usage import usage_json

KEEP_ALIVE_S = 25.0
"""Pause after which the caller gets an empty chunk: OpenClaw gives up after 300 s without one, and SSE comments do not
count (OpenClaw 2026.9.6). Nothing can be sent to a caller that does not stream: it needs patience of its own."""

Given = Callable[[JsonObject], None]
"""Called with the whole completion when its end goes to the caller."""


@frozen
class End:
    """The end of an answer whose spend is durable: its ``last`` piece, held so far, and the ``whole`` with usage."""

    last: Piece
    whole: JsonObject


Items = Sequence[Piece | End]
"""What came at once of an answer; its end is the last item of all. Nothing says that there was a pause."""
Put = Callable[[Items], Awaitable[None]]
"""Gets them as they come."""


class Shortcut:
    """Sends the pieces of a stream on in the task that makes them, past a caller's task that only waits for them.

    Who answers the caller sets ``send``, which says whether it has sent them; else they come the usual way, as the end
    always does.
    """

    def __init__(self) -> None:
        self.send: Callable[[Batch], bool] | None = None

    def takes(self, items: Items) -> bool:
        return self.send is not None and not isinstance(items[-1], End) and self.send(cast("Batch", items))


class Relay:
    """Hands an answer on as an upstream makes it: the pieces of a stream as they come, and how it ends.

    The chunk that carries the finish reason is held back, and so are the native events from there on, until the
    upstream has ended and the spend is durable: then :meth:`end`. What is said after it is no part of the answer. An
    answer that is not streamed is nothing but its end.
    """

    def __init__(self, exchange: Exchange, put: Put) -> None:
        self._exchange = exchange
        self._put = put
        self._aggregator = Aggregator()
        self._last: JsonObject | None = None
        self._held: list[JsonObject] = []
        self._reported: object = None

    async def take(self, batch: Batch) -> None:
        """Hands on what of it may be sent before the end."""
        if passed := [piece for piece in batch if self._add(piece)]:
            await self._put(passed)

    def _add(self, piece: Piece) -> bool:
        """Adds a piece; whether it may be sent on before the end."""
        chunk = piece.body
        if not self._exchange.request.stream:
            self._last, self._held, self._reported = chunk, list(piece.native), chunk.get("usage")
            return False
        choice = self._aggregator.add(chunk if self._last is None else {**chunk, "choices": []})
        self._reported = chunk.get("usage") or self._reported
        if choice is not None and choice.get("finish_reason") and finish_of(choice):
            self._last = self._last or {key: value for key, value in chunk.items() if key != "usage"}
        if self._last is not None:
            self._held += piece.native
            return False
        return bool(chunk.get("choices") or piece.native)

    def whole(self) -> JsonObject:
        """The completion, once all of it has come, with the usage and the cost that are on the exchange."""
        whole = self._aggregator.completion() if self._exchange.request.stream else self._last or {}
        return {**whole, "usage": _usage(self._exchange, self._reported)}

    async def end(self, whole: JsonObject) -> None:
        """Hands on the end: what was held back, or an end to what has none."""
        last = self._last
        if last is None:
            finish = implied_finish(first_choice(whole) or {})
            last = make_chunk(whole.get("id", self._exchange.request.id), whole.get("model", ""), {}, finish=finish)
        await self._put([End(Piece(last, native=tuple(self._held)), whole)])


async def sent(request: ChatRequest, answer: AsyncGenerator[Items], given: Given) -> AsyncGenerator[Batch]:
    """What the caller gets of an answer: the pieces of a stream, or the one whole. ``given`` hears of its end.

    Usage and cost follow in a chunk of their own where the caller asked for it, else on the last chunk. A pause that
    was too long becomes a chunk without words.
    """
    async with aclosing(answer):
        async for items in answer:
            batch: list[Piece] = []
            for item in items:
                if isinstance(item, End):
                    given(item.whole)
                    batch += _ending(request, item)
                else:
                    batch.append(item)
            if not items and request.stream:
                batch.append(Piece(make_chunk(request.id, request.model, {"content": ""})))
            if batch:
                yield batch


def pause_told_s(request: ChatRequest) -> float | None:
    """Seconds without words after which the caller hears something; None where nothing can be sent."""
    return KEEP_ALIVE_S if request.stream else None


def _ending(request: ChatRequest, end: End) -> Batch:
    if request.stream:
        return with_usage(end.last, end.whole["usage"], request.wants_usage_chunk)
    return (whole_piece(end),)


def whole_piece(end: End) -> Piece:
    """What a caller gets who does not stream."""
    return Piece(end.whole, native=end.last.native)


def with_usage(last: Piece, usage: JsonObject, in_a_chunk_of_its_own: bool) -> tuple[Piece, ...]:
    """The end of a stream. A client that did not ask for a chunk without choices may not expect one."""
    if in_a_chunk_of_its_own:
        return last, Piece({**last.body, "choices": [], "usage": usage})
    return (last._replace(body={**last.body, "usage": usage}),)


def _usage(exchange: Exchange, reported: object) -> JsonObject:
    """The upstream's own usage where it gave one, with our counts and ``cost`` over it."""
    ours = usage_json(exchange.usage, exchange.cost_microusd, exchange.cost)
    return {**{key: value for key, value in as_object(reported).items() if key != "cost_details"}, **ours}
