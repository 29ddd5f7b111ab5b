"""What the gateway knows of the conversation that a request belongs to, from its arrival to its answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from gateway_core.cache.identity import NEVER_COMPARED, Identity
from gateway_core.clock import Clock
from gateway_core.exchange import Exchange
from gateway_core.model import CacheMode, ChatRequest, Decision, JsonObject, Lane, Target, Tier, Usage
from gateway_core.providers.pricing import Pricing
from gateway_core.providers.rates import Rates
from gateway_core.routing import staying
from gateway_core.routing.again import ALIKE_FROM, NEAR_AT_A_GLANCE, alikeness, cosine, is_complaint
from gateway_core.routing.landscape import UPWARD
from gateway_core.routing.place import place_of
from gateway_core.routing.session import AGAIN_WITHIN_S, Answered, Sessions, Standing, Vector
from gateway_core.routing.switching import Prices
from gateway_core.routing.wishes import AUTO_MODELS, Wish
from gateway_core.store.errors import StoreError
from gateway_core.store.requests import RequestLog
from gateway_core.wire.openai_chat import first_choice
from gateway_core.wire.tool_loops import call_ids

log = logging.getLogger(__name__)

Reader = Callable[[str], Awaitable[Sequence[float] | None]]
"""A text as a vector; None where nobody knows it in time."""
RESTORED = 500
"""Requests of before a restart that are looked at."""


async def _nobody(text: str) -> Sequence[float] | None:
    return None


class Conversations:
    """Conversations as the router sees them. Background work is never raised, nor what was asked for by name."""

    def __init__(self, pricing: Pricing, clock: Clock) -> None:
        self._clock = clock
        self._glance: Reader = _nobody
        self._meaning: Reader = _nobody
        self._sessions = Sessions(lambda target: _prices(pricing.rates(target.provider, target.model)))

    def use_readers(self, glance: Reader, meaning: Reader) -> None:
        """Has them asked about what may ask for the same again: ``glance`` whether it is near at all, ``meaning``, the
        dearer one, what is near. They bound their own time.
        """
        self._glance, self._meaning = glance, meaning

    async def restore(self, requests: RequestLog) -> None:
        """Takes up what was answered shortly before the start: a tool loop goes on where it was."""
        try:
            kept = await requests.routed(self._clock.now() - AGAIN_WITHIN_S * 6, RESTORED)
        except StoreError as error:
            log.warning("the conversations of before the start were not read: %s", error)
            return
        for row, decision, usage in kept:
            target = decision.target if decision else None
            if not decision or target is None or row.provider is None or row.model is None or row.tier is None:
                continue
            at = row.at + row.latency_ms / 1000
            look = decision.record.session
            free = target.free and (row.provider, row.model) == (target.provider, target.model)
            answer = Answered(
                request_id=row.id,
                target=Target(row.tier, row.provider, row.model, free),
                began_at=row.at,
                at=at,
                usage=Usage() if row.cache.is_hit else usage,
                raised=(look is not None and look.escalated) or (row.repaired and _went_up(decision, row.tier)),
                loop_since=(look.in_loop_since if look else None) or at,
            )
            self._sessions.restore([(decision.record.turn, answer)])

    def standing(self, request: ChatRequest) -> Standing | None:
        """What is known of the request's conversation now, without what takes time to know."""
        if request.replay_of:
            return None
        return self._sessions.standing(request, place_of(request), self._clock.now())

    async def look(self, exchange: Exchange, key: Identity, forced: Tier | None) -> None:
        """Notes on the exchange what is known of its conversation, before any cache is asked.

        ``forced`` is the operator's tier.

        One that asks again for what was no good gets no answer of the semantic cache; the third of the very same
        requests gets none of the exact one either.
        """
        request = exchange.request
        if request.replay_of:
            return
        place = exchange.place = place_of(request)
        now = self._clock.now()
        vectors: tuple[Vector | None, Vector | None] = (None, None)
        earlier = self._sessions.earlier(place, now)
        said = place.words_before or (earlier.words if earlier else "")
        if earlier and _is_unclear(place.words, said):
            vectors = await self._meanings(place.words, said, earlier.vector)
            exchange.vector = vectors[0]
        compared = key.exact_key if key.bypass not in NEVER_COMPARED and may_be_raised(request, forced) else ""
        standing = self._sessions.standing(request, place, now, key=compared, vectors=vectors)
        exchange.standing, exchange.asked_by = standing, compared
        if standing and standing.strikes and request.cache_mode is CacheMode.USE:
            exchange.request = replace(request, cache_mode=CacheMode.REFRESH)

    def answered(self, exchange: Exchange, whole: JsonObject, target: Target | None, *, called: bool) -> None:
        """Notes who answered, before the caller can go on from it. ``called`` says that a model was asked for it."""
        place = exchange.place
        if place is None or target is None:
            return
        look = exchange.decision.record.session if exchange.decision else None
        answer = Answered(
            request_id=exchange.request.id,
            target=target,
            began_at=exchange.request.received_at,
            at=self._clock.now(),
            usage=exchange.usage if called else Usage(),
            vector=exchange.vector,
            calls=call_ids((first_choice(whole) or {}).get("message")),
            raised=(look is not None and look.escalated)
            or (exchange.repaired and _went_up(exchange.decision, target.tier)),
        )
        self._sessions.answered(place, answer, key=exchange.asked_by)

    def recorded(self, exchange: Exchange, decision: Decision) -> Decision:
        """The decision with what the conversation is known by, and with what was known of it."""
        if exchange.place is None:
            return decision
        session = decision.record.session
        if session is None and exchange.standing:
            usual = Wish(decision.target.tier, decision.route, "")
            session = staying.look_of(exchange.standing, usual, None)
        return decision.with_record(decision.record.of_turn(Sessions.names(exchange.place), session))

    async def _meanings(self, words: str, said: str, known: Vector | None) -> tuple[Vector | None, Vector | None]:
        """Of both texts, where they are near at a glance. ``known`` is that of what was said before."""
        one = await _vector(self._glance, words)
        other = await _vector(self._glance, said) if one else None
        if not one or not other or len(one) != len(other) or cosine(one, other) < NEAR_AT_A_GLANCE:
            return None, None
        own = await _vector(self._meaning, words)
        return own, known or (await _vector(self._meaning, said) if own else None)


async def _vector(reader: Reader, text: str) -> Vector | None:
    try:
        found = await reader(text)
    except Exception as error:
        log.warning("the meaning of a text could not be known: %s", type(error).__name__)
        return None
    return tuple(found) if found is not None else None


def may_be_raised(request: ChatRequest, forced: Tier | None) -> bool:
    """Whether nobody named a tier or a model, and somebody waits."""
    by_itself = request.model in AUTO_MODELS and request.force_tier is None and forced is None
    return by_itself and request.view.lane is not Lane.BACKGROUND


def _went_up(decision: Decision | None, tier: Tier) -> bool:
    """Whether an answer that was none was exchanged for one of a better tier."""
    return decision is not None and UPWARD.index(tier) > UPWARD.index(decision.target.tier)


def _is_unclear(words: str, before: str) -> bool:
    """Whether only the meaning of the words tells if they ask for the same as those before."""
    if not words.strip() or not before.strip() or is_complaint(words):
        return False
    return alikeness(words, before) < ALIKE_FROM


def _prices(rates: Rates) -> Prices:
    """A price list's, of a prompt of ordinary length."""
    each = (rates.input, rates.output, rates.cache_read, rates.cache_write_5m, rates.cache_write_1h)
    return Prices(*(round(price * 1_000_000) for price in each))
