"""Answers that somebody else has paid for: out of a cache, or from a call that is made for another request."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from gateway_core.cache.answers import AnswerCaches, CachedAnswer
from gateway_core.cache.identity import Identity
from gateway_core.delivery.dispatch import Dispatcher
from gateway_core.delivery.flights import Flight
from gateway_core.delivery.relay import End, Items, pause_told_s
from gateway_core.delivery.replay import LONGEST_S, replayed
from gateway_core.exchange import Exchange
from gateway_core.gates.idempotency import Idempotency
from gateway_core.model import (
    ApiKind,
    CacheMode,
    CacheStatus,
    ChatRequest,
    Decision,
    JsonObject,
    Reason,
    Target,
)
from gateway_core.providers.base import Batch, Piece
from gateway_core.store.answers import StoredAnswer
from gateway_core.wire.extras import has_server_tools
from gateway_core.wire.openai_chat import finish_reason, first_choice, implied_finish
from gateway_core.wire.usage import usage_json


class Reusing:
    """Gives an answer once more, for nothing, and notes on the request whose it is.

    ``natural_pace`` says that streams out of a cache come as a model would write them.
    """

    def __init__(self, caches: AnswerCaches, idempotency: Idempotency, dispatcher: Dispatcher) -> None:
        self._caches = caches
        self._idempotency = idempotency
        self._dispatcher = dispatcher
        self.natural_pace = False

    def flight_name(self, key: Identity, request: ChatRequest, stops: int) -> str | None:
        """What the request shares an upstream call by; None where it wants a call of its own.

        Only what the exact cache could answer is shared, and within a lane: who waits is not refused because what
        nobody waits for has reached its limit. A stream and a whole answer are two calls. Server tools look
        at the world anew for each who asks. A call that the kill switch stops is shared with nobody who comes after
        it: ``stops`` is how often it was switched on.
        """
        cacheable = self._caches.status_of_miss(key) is CacheStatus.MISS
        if not cacheable or request.cache_mode is not CacheMode.USE or has_server_tools(request):
            return None
        return f"{key.exact_key} {request.view.lane} {'stream' if request.stream else 'whole'} {stops}"

    def note(self, exchange: Exchange, cached: CachedAnswer) -> None:
        """Notes on the request that it gets this answer, and what it saves."""
        note_reuse(exchange, cached)
        exchange.otherwise = self._dispatcher.counterfactuals(exchange, cached.answer.cost_microusd)

    async def replayed(self, exchange: Exchange, body: JsonObject) -> AsyncGenerator[Batch]:
        """A whole answer as a stream, never slower than it was made.

        One out of a cache counts as given when its end is.
        """
        cached = exchange.cache.is_hit
        natural = cached and self.natural_pace
        took_s = exchange.made_in_ms / 1000 or LONGEST_S
        pace = replayed(body, exchange.request.wants_usage_chunk, natural=natural, longest_s=took_s)
        async with aclosing(pace) as batches:
            async for batch in batches:
                if cached and any(finish_reason(piece.body) for piece in batch):
                    note_answer(exchange, body)
                yield batch

    async def shared(self, exchange: Exchange, flight: Flight[Piece | End], key: Identity) -> AsyncGenerator[Items]:
        """What a flight brings, for one who did not begin it: the same words.

        A Response is one's own, with an id of its own: it is made of the chunks, as from a cache.
        """
        leader, request = flight.leader, exchange.request
        is_own = request.api is ApiKind.RESPONSES
        async with aclosing(flight.listen(pause_told_s(request))) as heard:
            async for items in heard:
                if items:
                    exchange.mark_first_token()
                pieces = [item for item in items if not isinstance(item, End)]
                if is_own:
                    pieces = [piece._replace(native=()) for piece in pieces if piece.body.get("choices")]
                if pieces or not items:
                    yield pieces
                if items and isinstance(end := items[-1], End):
                    answer = stored_answer(leader, end.whole)
                    self.share(exchange, leader, key)
                    await self._idempotency.store(request, answer)
                    whole = {**end.whole, "usage": usage_json(answer.usage, 0)}
                    yield [End(end.last._replace(native=()) if is_own else end.last, whole)]

    def share(self, exchange: Exchange, leader: Exchange, key: Identity) -> None:
        """Notes on the request that it gets the answer to ``leader``, as far as it has come."""
        why = Reason("single flight", f"{leader.request.id} asked the same and was being answered")
        reuse = self._caches.shared(key, exchange.request, leader.request.received_at)
        self.note(exchange, CachedAnswer(CacheStatus.EXACT, stored_answer(leader, {}), reuse, (why,)))


def note_reuse(exchange: Exchange, cached: CachedAnswer) -> Target:
    """Notes on the request that it gets an answer that was there, and returns whose that is."""
    answer = cached.answer
    target = exchange.target = Target(answer.tier, answer.provider, answer.model, free=True)
    exchange.cache, exchange.reuse, exchange.made_in_ms = cached.status, cached.reuse, answer.latency_ms
    exchange.usage = answer.usage
    exchange.decision = Decision(target, (), f"cache:{cached.status}", 0.0, cached.reasons)
    return target


def note_answer(exchange: Exchange, whole: JsonObject) -> None:
    """Notes the assistant's message and how it ended."""
    choice = first_choice(whole) or {}
    exchange.answer, exchange.finish_reason = choice.get("message"), implied_finish(choice)


def stored_answer(exchange: Exchange, whole: JsonObject) -> StoredAnswer:
    """The answer that an upstream gave to ``exchange``."""
    target = exchange.target
    assert target is not None, "who answers is known when there is an answer"
    return StoredAnswer(
        completion=whole,
        tier=target.tier,
        provider=target.provider,
        model=target.model,
        created_at=exchange.request.received_at,
        cost_microusd=exchange.cost_microusd,
        usage=exchange.usage,
        latency_ms=exchange.elapsed_ms(),
    )
