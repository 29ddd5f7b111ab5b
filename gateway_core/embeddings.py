"""One embeddings request's way: kill switch -> rate limit -> idempotency -> model -> budget -> encoder or server ->
settle -> publish.

Nothing is routed, cached or fallen back to here: vectors of different models cannot be compared, so the model that is
named answers, or none does. Nothing is tried again either, which clients do themselves (OpenAI's SDK, OpenClaw); under
an idempotency key they get what there is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from gateway_core.cache.answers import CachedAnswer
from gateway_core.cache.encoder.builtin_embeddings import MODEL, BuiltinEmbeddings
from gateway_core.delivery.course import refusal_of
from gateway_core.embedding_requests import EmbeddingsAnswer, again, as_stored, believed, bucket_of, uncounted, usage_of
from gateway_core.exchange import CLIENT_LEFT, Exchange
from gateway_core.gates.budget import Beside, Budget
from gateway_core.gates.idempotency import Idempotency
from gateway_core.gates.kill_switch import KillGate
from gateway_core.gates.rate_limit import RateLimit
from gateway_core.journal import Journal
from gateway_core.model import (
    CacheStatus,
    ChatRequest,
    Cost,
    Counted,
    Decision,
    Reason,
    Refusal,
    Refused,
    Status,
    Target,
    Tier,
)
from gateway_core.ollama.embeddings import LOCAL_NAMES, LocalEmbeddings
from gateway_core.providers.base import Provider, UpstreamCall, UpstreamError
from gateway_core.providers.embeddings import embed
from gateway_core.providers.pricing import Pricing
from gateway_core.store.answers import StoredAnswer
from gateway_core.store.database import Work
from gateway_core.tiers import Tiers
from gateway_core.wire import errors
from gateway_core.wire.embeddings import Embedded, EmbeddingsRequest

MODEL_ID = "gateway-embed"
BUILTIN = Target(Tier.LOCAL, "builtin", MODEL, free=True)
_BUILTIN_NAMES = (
    MODEL_ID,
    "builtin",
    MODEL.lower(),
    f"builtin/{MODEL.lower()}",
    f"sentence-transformers/{MODEL.lower()}",
)
OPENAI_MODELS = ("text-embedding-3-small", "text-embedding-3-large")
"""OpenAI's current embedding models (its list of models, 2026-11)."""
_OPENAI_FAMILY = "text-embedding-"


class Embeddings:
    """Answers embeddings requests. ``repeated`` notes that a request gets what its key was answered with before."""

    def __init__(
        self,
        builtin: BuiltinEmbeddings,
        local: LocalEmbeddings,
        tiers: Tiers,
        kill: KillGate,
        rate: RateLimit,
        idempotency: Idempotency,
        budget: Budget,
        pricing: Pricing,
        journal: Journal,
        repeated: Callable[[ChatRequest, StoredAnswer], CachedAnswer],
    ) -> None:
        self._builtin = builtin
        self._local = local
        self._tiers = tiers
        self._kill = kill
        self._rate = rate
        self._idempotency = idempotency
        self._budget = budget
        self._pricing = pricing
        self._journal = journal
        self._repeated = repeated

    def models(self) -> tuple[str, ...]:
        """The models that can be named now."""
        paid = OPENAI_MODELS if self._tiers.provider("openai") else ()
        return (MODEL_ID, *self._local.names(), *(f"openai/{name}" for name in paid))

    async def answer(self, request: ChatRequest, asked: EmbeddingsRequest) -> EmbeddingsAnswer | Refusal:
        """The answer, or why there is none."""
        exchange = Exchange(request, time.monotonic(), cache=CacheStatus.BYPASS)
        with self._kill.guard(request.id):
            self._journal.started(exchange)
            try:
                async with exchange.resources:
                    result = await self._result(exchange, asked)
                if isinstance(result, Refusal):
                    exchange.refuse(result)
                else:
                    exchange.end(Status.OK)
            except asyncio.CancelledError:
                exchange.end(Status.CANCELLED, code=CLIENT_LEFT, message="The client closed the connection.")
                raise
            except Exception:
                exchange.refuse(errors.internal_error())
                raise
            finally:
                self._close(exchange)
        return result

    async def _result(self, exchange: Exchange, asked: EmbeddingsRequest) -> EmbeddingsAnswer | Refusal:
        try:
            return await self._way(exchange, asked)
        except Refused as refused:
            return refused.refusal
        except asyncio.CancelledError:
            refusal = self._kill.excuse(exchange.request.id)
            if refusal is None:
                raise
            exchange.break_off(refusal)
            return refusal

    def _close(self, exchange: Exchange) -> None:
        request, used = exchange.request, exchange.usage.prompt_tokens
        if used:
            self._rate.adjust(bucket_of(request), used - request.size.input_tokens)
        self._journal.finished(exchange)

    async def _way(self, exchange: Exchange, asked: EmbeddingsRequest) -> EmbeddingsAnswer | Refusal:
        request = exchange.request
        tokens = request.size.input_tokens
        with exchange.watch.begin("limits") as step:
            if refusal := self._kill.check() or self._rate.check(bucket_of(request), tokens):
                step.outcome = refusal.code
                return refusal
        turn = self._idempotency.turn(request, None, exchange.watch)
        if conflict := await exchange.resources.enter_async_context(turn):
            return conflict
        given = await self._idempotency.replay(request)
        if given is not None:
            return given if isinstance(given, Refusal) else again(exchange, self._repeated(request, given))
        target = await self._target(asked.model)
        if isinstance(target, Refusal):
            return target
        exchange.target = target
        exchange.attempts = 1
        route = f"embedding:{target.provider}"
        reasons = (Reason("model", f"the request names {asked.model}"),)
        exchange.decision = Decision(target, (), route, 0.0, reasons, explicit=True)
        self._journal.routed(exchange)
        with exchange.watch.begin("call", f"{target.provider}/{target.model}"):
            if target.free:
                embedded = await self._free(exchange, target, asked)
                exchange.usage = usage_of(embedded, uncounted(tokens, Counted.ESTIMATED))
            else:
                embedded = await self._paid(exchange, target, asked)
        if embedded.windowed:
            text = f"{embedded.windowed} texts are longer than the model sees at once: each is the mean of its windows"
            exchange.remarks.append(Reason("windows", text))
        answer = EmbeddingsAnswer(target, route, embedded, exchange.usage, exchange.cost_microusd)
        await self._idempotency.store(request, as_stored(exchange, embedded))
        return answer

    # --- which model -----------------------------------------------------------------------------------------------

    async def _target(self, name: str) -> Target | Refusal:
        if name.lower() in _BUILTIN_NAMES:
            return BUILTIN
        provider, slash, model = name.partition("/")
        if slash and provider in LOCAL_NAMES:
            found = await self._local.resolve(model)
            return found if isinstance(found, Refusal) else Target(Tier.LOCAL, LOCAL_NAMES[0], found, free=True)
        if slash and self._tiers.provider(provider):
            return Target(Tier.CHEAP, provider, model, free=provider in self._tiers.landscape().free)
        if name.startswith(_OPENAI_FAMILY) and self._tiers.provider("openai"):
            return Target(Tier.CHEAP, "openai", name, free=False)
        bare = {known.partition("/")[2].removesuffix(":latest"): known for known in self._local.names()}
        if known := bare.get(name.removesuffix(":latest")):
            return await self._target(known)
        return errors.model_not_found(name, f"Embedding models: {', '.join(self.models())}.")

    # --- the call --------------------------------------------------------------------------------------------------

    async def _free(self, exchange: Exchange, target: Target, asked: EmbeddingsRequest) -> Embedded:
        if target == BUILTIN:
            return await self._builtin.embed(asked.texts, asked.dimensions)
        if target.provider in LOCAL_NAMES:
            return await self._local.embed(target.model, asked)
        try:
            return await embed(self._provider(target), _call(exchange, target), len(asked.texts))
        except UpstreamError as error:
            raise Refused(refusal_of(error, target)) from None

    def _provider(self, target: Target) -> Provider:
        provider = self._tiers.provider(target.provider)
        if provider is None:
            raise Refused(errors.no_provider(f"{target.provider} is not set up any more."))
        return provider

    async def _paid(self, exchange: Exchange, target: Target, asked: EmbeddingsRequest) -> Embedded:
        """Reserved before it is sent, settled however it ends; what was cut off is charged at what it can have cost."""
        provider = self._provider(target)
        ceiling = exchange.request.size.input_tokens_ceiling
        prices = self._pricing.quoted()
        worst = prices.worst_case_microusd(target.provider, target.model, ceiling, 0)
        request, call = exchange.request, _call(exchange, target)
        reservation = await self._budget.reserve(request.id, exchange.attempts, target, worst, request.view.lane)
        if isinstance(reservation, Refusal):
            raise Refused(reservation)
        usage, cost, charged = uncounted(ceiling, Counted.CEILING), Cost(other=worst), True
        beside: Beside | None = None
        try:
            embedded = await embed(provider, call, len(asked.texts))
            usage = believed(exchange, target, usage_of(embedded, usage))
            cost = prices.cost(target.provider, target.model, usage)
            beside = partial(self._writing, exchange, embedded)
            return embedded
        except UpstreamError as error:
            charged = error.may_be_charged
            raise Refused(refusal_of(error, target)) from None
        finally:
            if charged and call.sending.may_be_out:
                exchange.usage = usage
                exchange.charge(cost, reservation.day)
                await self._budget.settle(reservation, cost.total_microusd, usage, beside)
            else:
                await self._budget.release(reservation)

    async def _writing(self, exchange: Exchange, embedded: Embedded) -> Work[bool] | None:
        """What keeps the answer under its key, for the transaction that settles its call."""
        return await self._idempotency.writing(exchange.request, as_stored(exchange, embedded))


def _call(exchange: Exchange, target: Target) -> UpstreamCall:
    wire = exchange.recording.call(exchange.attempts, f"{target.provider}/{target.model}")
    return UpstreamCall(exchange.request, target, wire=wire)
