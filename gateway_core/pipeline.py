"""One request's way, readable from top to bottom.

policy -> kill switch -> rate limit -> idempotency -> flight -> exact cache -> semantic cache -> router -> budget ->
provider -> settle -> relay -> store -> publish. Each step takes and returns a value and can refuse; no step knows the
next. From the router to the store a request goes once for all who ask the same meanwhile: their flight.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial

from gateway_core.cache.answers import AnswerCaches, CachedAnswer
from gateway_core.cache.identity import Identity
from gateway_core.conversations import Conversations
from gateway_core.delivery.dispatch import Dispatcher
from gateway_core.delivery.flights import Flight, Flights
from gateway_core.delivery.relay import End, Put, Relay, Shortcut, pause_told_s, sent, whole_piece
from gateway_core.exchange import CLIENT_LEFT, Exchange
from gateway_core.faults import where
from gateway_core.frozen import frozen
from gateway_core.gates.idempotency import Idempotency
from gateway_core.gates.kill_switch import KillGate
from gateway_core.gates.policy import PolicyGate
from gateway_core.gates.rate_limit import RateLimit
from gateway_core.journal import Journal
from gateway_core.judge import Judge
from gateway_core.model import (
    CacheStatus,
    ChatRequest,
    Decision,
    JsonObject,
    Refusal,
    Refused,
    Status,
    Tier,
    Usage,
)
from gateway_core.providers.base import Batch, Piece
from gateway_core.reader import DifficultyReader
from gateway_core.reuse import Reusing, note_answer, stored_answer
from gateway_core.routing.router import Known, decides_by_difficulty, route
from gateway_core.store.database import Work
from gateway_core.tiers import Tiers
from gateway_core.turnstile import Turnstile
from gateway_core.wire import errors
from gateway_core.wire.openai_chat import canned_completion
from gateway_core.wire.usage import usage_json

log = logging.getLogger(__name__)

KEPT_S = 2.0
"""For what was answered to be kept when the gateway ends."""
END_WAITS_S = 1.0
"""For a stream's answer to be kept: its end waits that long, where another program holds the database."""


@frozen
class Answer:
    """What the caller gets: the ``whole`` answer, or the ``batches`` of a stream's pieces, each as it came at once. The
    rest are the answer's headers."""

    request_id: str
    tier: str
    model: str
    cache: CacheStatus
    route: str
    cost_microusd: int | None
    """None while it is not known, before the body of a stream."""
    whole: Piece | None = None
    batches: AsyncGenerator[Batch] | None = None
    shortcut: Shortcut | None = None
    """For who sends the stream on: what it takes does not come in ``batches``."""


@frozen
class Gates:
    """What can refuse a request before it is thought about."""

    policy: PolicyGate
    kill: KillGate
    rate: RateLimit
    idempotency: Idempotency


class Pipeline:
    """Answers chat completions. ``tiers`` say what the router may choose from at the moment of the call."""

    def __init__(
        self,
        gates: Gates,
        caches: AnswerCaches,
        tiers: Tiers,
        dispatcher: Dispatcher,
        journal: Journal,
        talks: Conversations,
        judge: Judge,
        reader: DifficultyReader,
    ) -> None:
        self._gates = gates
        self._caches = caches
        self._tiers = tiers
        self._dispatcher = dispatcher
        self._journal = journal
        self._talks = talks
        self.judge = judge
        self._reader = reader
        self._flights: Flights[Piece | End] = Flights()
        self._led: dict[str, Flight[Piece | End]] = {}
        """The flights by the id of the request that leads them, while it is answered."""
        self._keeping: set[asyncio.Task[None]] = set()
        self._reuse = Reusing(caches, gates.idempotency, dispatcher)
        self.turnstile = Turnstile()

    def use_policy(self, policy: PolicyGate) -> None:
        """Takes up another policy, for requests yet to come."""
        self._gates = replace(self._gates, policy=policy)

    def replay_at_natural_pace(self, natural: bool) -> None:
        """Whether streams out of a cache come as a model would write them, or at once."""
        self._reuse.natural_pace = natural

    @asynccontextmanager
    async def answer(self, request: ChatRequest) -> AsyncIterator[Answer | Refusal]:
        """The answer to ``request``, or why there is none; leaving the block ends it, whatever became of it."""
        exchange = Exchange(request, time.monotonic())
        with self._gates.kill.guard(request.id):
            self._journal.started(exchange)
            try:
                async with exchange.resources:
                    if request.stream:
                        exchange.resources.enter_context(self.turnstile.stream())
                    yield await self._first_word(exchange)
            except Refused as refused:
                exchange.end(Status.FAILED, code=refused.refusal.code, message=refused.refusal.message)
                raise
            except asyncio.CancelledError:
                if refusal := self._stopped(exchange):
                    raise Refused(refusal) from None
                raise
            except ConnectionError:
                raise
            except Exception:
                failure = errors.internal_error()
                exchange.end(Status.FAILED, code=failure.code, message=failure.message)
                raise
            finally:
                self._close(exchange)

    async def _first_word(self, exchange: Exchange) -> Answer | Refusal:
        """The way up to the first token, with every refusal as a value."""
        try:
            result = await self._way(exchange)
        except Refused as refused:
            result = refused.refusal
        except asyncio.CancelledError:
            refusal = self._stopped(exchange)
            if refusal is None:
                raise
            return refusal
        if isinstance(result, Refusal):
            exchange.refuse(result)
        return result

    def _stopped(self, exchange: Exchange) -> Refusal | None:
        """The refusal for a task that the gateway itself cancelled and that may go on; None when the client left."""
        if refusal := self._gates.kill.excuse(exchange.request.id):
            exchange.break_off(refusal)
        return refusal

    def _close(self, exchange: Exchange) -> None:
        """Ends what nothing has ended, and tells everybody."""
        if exchange.outcome is None:
            if exchange.finish_reason is not None:
                exchange.end(Status.OK)
            else:
                exchange.end(Status.CANCELLED, code=CLIENT_LEFT, message="The client closed the connection.")
        if flight := self._led.pop(exchange.request.id, None):
            flight.when_over(lambda: self._publish(exchange))
        else:
            self._publish(exchange)

    def _publish(self, exchange: Exchange) -> None:
        """Tells everybody, once all that it cost is known: others may still listen to what a client has left."""
        used = exchange.usage.prompt_tokens + exchange.usage.output_tokens
        if used:
            self._gates.rate.adjust(exchange.request.caller, used - exchange.request.size.input_tokens)
        self._journal.finished(exchange)

    async def _way(self, exchange: Exchange) -> Answer | Refusal:
        request, gates, watch = exchange.request, self._gates, exchange.watch
        with watch.begin("policy") as step:
            if verdict := await gates.policy.verdict(request.view.user_text):
                step.outcome = "refused"
                return self._blocked(exchange, gates.policy.refusal(verdict))
        with watch.begin("limits") as step:
            if refusal := gates.kill.check() or gates.rate.check(request.caller, request.size.input_tokens):
                step.outcome = refusal.code
                return refusal
        if request.idempotency_key is not None:
            turn = gates.idempotency.turn(request, (request.stream, gates.kill.stops), watch)
            if conflict := await exchange.resources.enter_async_context(turn):
                return conflict
            if repeated := await self._repeated(exchange):
                return repeated
        with watch.begin("identity"):
            key = await self._caches.key(request, self._tiers.forced)
            await self._talks.look(exchange, key, self._tiers.forced)
            request = exchange.request
        name = gates.idempotency.flight(request, self._reuse.flight_name(key, request, gates.kill.stops))
        with self._flights.approached(name):
            flight = self._flights.board(name)
            meanwhile = not flight and gates.idempotency.was_answered(request)
            if meanwhile and (repeated := await self._repeated(exchange)):
                return repeated
            again = exchange.standing is not None and bool(exchange.standing.again_of)
            if not flight and (cached := await self._caches.lookup(key, request, watch, other_words=not again)):
                await gates.idempotency.store(request, cached.answer)
                return self._from_cache(exchange, cached)
            flight = flight or self._flights.board(name)
        exchange.cache = self._caches.status_of_miss(key)
        if flight:
            return await self._from_flight(exchange, flight, key)
        return await self._from_upstream(exchange, key, name)

    def decide(self, request: ChatRequest) -> Decision | Refusal:
        """Where the request would go now, or why nowhere."""
        if verdict := self._gates.policy.check(request.view.user_text):
            return self._gates.policy.refusal(verdict)
        if refusal := self._gates.kill.check():
            return refusal
        known = Known(self._talks.standing(request), difficulty=self._reader.known(request))
        return route(request, self._tiers.landscape(), known)

    def _blocked(self, exchange: Exchange, refusal: Refusal) -> Answer | Refusal:
        """A policy refusal. OpenClaw gets it as an answer: a 403 would make it disable the whole provider."""
        request = exchange.request
        if request.view.client != "openclaw":
            return refusal
        exchange.end(Status.REFUSED, code=refusal.code, message=refusal.message)
        body = canned_completion(request.id, request.model, refusal.message, finish="content_filter")
        body["usage"] = usage_json(Usage(), 0)
        return self._ready(exchange, body, tier="", model=request.model, cost_microusd=0)

    async def _repeated(self, exchange: Exchange) -> Answer | Refusal | None:
        """The answer that the request's key was given before, or why there can be none; None where it is new."""
        replay = await self._gates.idempotency.replay(exchange.request)
        if isinstance(replay, Refusal) or replay is None:
            return replay
        return self._from_cache(exchange, self._caches.repeated(exchange.request, replay))

    def _from_cache(self, exchange: Exchange, cached: CachedAnswer) -> Answer:
        answer = cached.answer
        self._reuse.note(exchange, cached)
        self._reused(exchange, answer.completion)
        body = {**answer.completion, "usage": usage_json(answer.usage, 0)}
        if not exchange.request.stream:
            note_answer(exchange, body)
        return self._ready(exchange, body, tier="cache", model=answer.model, cost_microusd=0)

    def _reused(self, exchange: Exchange, whole: JsonObject) -> None:
        """Notes in the conversation that its answer is one that was there."""
        if exchange.decision:
            exchange.decision = self._talks.recorded(exchange, exchange.decision)
        self._talks.answered(exchange, whole, exchange.target, called=False)

    def _ready(self, exchange: Exchange, body: JsonObject, *, tier: str, model: str, cost_microusd: int) -> Answer:
        """An answer that is already whole, streamed if the caller streams."""
        request = exchange.request
        exchange.mark_first_token()
        batches = self._reuse.replayed(exchange, body) if request.stream else None
        route_name = exchange.decision.route if exchange.decision else "policy"
        whole = None if request.stream else Piece(body)
        return Answer(request.id, tier, model, exchange.cache, route_name, cost_microusd, whole, batches)

    async def _from_upstream(self, exchange: Exchange, key: Identity, name: str | None) -> Answer:
        """An upstream's answer, and that of all who board the flight meanwhile."""
        request = exchange.request

        async def complete(whole: JsonObject) -> None:
            """A whole answer is kept once it was given: nobody waits for that but who sent a key, for which a retry
            must not pay again. All words of a stream were given before its end."""
            if request.idempotency_key is not None:
                await self._surely(self._keep(exchange, key, whole))
            elif request.stream:
                await self._surely(self._keep_given(exchange, key, whole), END_WAITS_S)
            else:
                flight.then(partial(self._keep_given, exchange, key, whole))

        made = partial(self._make, exchange, complete)
        flight = self._led[request.id] = self._flights.begin(name or request.id, exchange, made)
        exchange.resources.push_async_callback(flight.leave)
        if request.stream:
            shortcut = Shortcut()
            heard = flight.listen(pause_told_s(request), shortcut.takes)
            answer = await self._begun(exchange, sent(request, heard, partial(note_answer, exchange)), exchange, key)
            return replace(answer, shortcut=shortcut)
        end = await flight.last()
        assert isinstance(end, End)
        note_answer(exchange, end.whole)
        return self._answer(exchange, whole_piece(end), None, shared=False)

    async def _from_flight(self, exchange: Exchange, flight: Flight[Piece | End], key: Identity) -> Answer:
        """The answer that another request's upstream call gives. A call that fails has failed for all."""
        exchange.resources.push_async_callback(flight.leave)
        exchange.watch.mark("shared call", f"with {flight.leader.request.id}")

        def given(whole: JsonObject) -> None:
            note_answer(exchange, whole)
            self._reused(exchange, whole)

        batches = sent(exchange.request, self._reuse.shared(exchange, flight, key), given)
        return await self._begun(exchange, batches, flight.leader, key)

    async def _begun(
        self, exchange: Exchange, batches: AsyncGenerator[Batch], leader: Exchange, key: Identity
    ) -> Answer:
        """The answer with its first piece there, or with a sign of life while it is known who answers."""
        request = exchange.request
        await exchange.resources.enter_async_context(aclosing(batches))
        first = await anext(batches)
        while leader.target is None:
            first = await anext(batches)
        shared = exchange is not leader
        if shared:
            self._reuse.share(exchange, leader, key)
        if request.stream:
            return self._answer(exchange, None, _prepend(first, batches), shared=shared)
        return self._answer(exchange, first[0], None, shared=shared)

    def _answer(
        self, exchange: Exchange, whole: Piece | None, batches: AsyncGenerator[Batch] | None, *, shared: bool
    ) -> Answer:
        """What the caller gets of an upstream's answer; of a paid one that goes on nobody knows yet what it costs."""
        request, target = exchange.request, exchange.target
        assert target is not None, "who answers is known when there is an answer"
        known = shared or target.free or whole is not None
        return Answer(
            request.id,
            "cache" if shared else target.tier,
            target.model,
            exchange.cache,
            exchange.route,
            exchange.cost_microusd if known else None,
            whole,
            batches,
        )

    async def _make(self, exchange: Exchange, complete: Callable[[JsonObject], Awaitable[None]], put: Put) -> None:
        """Has an upstream make the answer. ``complete`` gets the whole once the spend is durable, and the caller sees
        its end after that. Raises :class:`Refused`."""
        relay, keyed = Relay(exchange, put), exchange.request.idempotency_key is not None

        async def with_the_settlement() -> Work[bool] | None:
            return await self._gates.idempotency.writing(exchange.request, stored_answer(exchange, relay.whole()))

        await self.turnstile.turn()
        decision = await self._routed(exchange)
        await self._dispatcher.send(exchange, decision, relay.take, with_the_settlement if keyed else None)
        whole = relay.whole()
        await complete(whole)
        await relay.end(whole)

    async def _routed(self, exchange: Exchange) -> Decision:
        """Where the request goes. Raises :class:`Refused` where it can go nowhere."""
        request = exchange.request
        with exchange.watch.begin("router") as step:
            await self._tiers.settled(wants_local=request.model == "gateway-local" or request.force_tier is Tier.LOCAL)
            landscape, known = self._tiers.landscape(), Known(exchange.standing)
            if decides_by_difficulty(request, landscape, known):
                known = Known(known.session, difficulty=await self._reader.read(request))
                landscape = self._tiers.landscape()
            else:
                known = Known(known.session, difficulty=self._reader.known(request))
            if judgement := await self.judge.opinion(exchange, landscape, known):
                landscape, known = self._tiers.landscape(), replace(known, judgement=judgement)
            decision = route(request, landscape, known)
            if isinstance(decision, Refusal):
                step.outcome, exchange.weighed = decision.code, decision.weighed
                raise Refused(decision)
            step.outcome = decision.route
        exchange.decision = decision = self._talks.recorded(exchange, decision)
        exchange.target = decision.target
        self._journal.routed(exchange)
        return decision

    async def _keep(self, exchange: Exchange, key: Identity, whole: JsonObject) -> None:
        """Remembers the answer wherever a later request may look for it."""
        request, answer = exchange.request, stored_answer(exchange, whole)
        self._talks.answered(exchange, whole, exchange.target, called=True)
        self._tiers.learn(exchange)
        exchange.later.append(partial(self._dispatcher.compare, exchange))
        if request.stream:
            await self.turnstile.turn()
        with exchange.watch.begin("keep"):
            await self._gates.idempotency.store(request, answer)
            if not exchange.keeps_its_answer and not request.replay_of:
                await self._caches.store(key, request, answer)

    async def _surely(self, keep: Coroutine[None, None, None], most_s: float | None = None) -> None:
        """Goes on also if everybody leaves meanwhile, or if it takes longer than ``most_s``."""
        keeping = asyncio.create_task(keep)
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        await asyncio.wait({keeping}, timeout=most_s)
        if keeping.done():
            keeping.result()

    async def _keep_given(self, exchange: Exchange, key: Identity, whole: JsonObject) -> None:
        """Keeps an answer that was given: what fails takes nothing back."""
        try:
            await self._keep(exchange, key, whole)
        except Exception as error:
            log.error("an answer was not kept: %s", where(error))

    async def kept(self) -> None:
        """Returns when every answer that was given is kept, or two seconds later."""
        if keeping := self._keeping | self._flights.under_way:
            await asyncio.wait(keeping, timeout=KEPT_S)


async def _prepend(first: Batch, rest: AsyncGenerator[Batch]) -> AsyncGenerator[Batch]:
    yield first
    async for batch in rest:
        yield batch
