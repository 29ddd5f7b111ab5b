"""Which models serve each tier now, what they can do, and what to send the request through."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager
from dataclasses import replace

from gateway_core.clock import Clock, SystemClock
from gateway_core.gates.budget import Budget
from gateway_core.learned_contexts import LearnedContexts
from gateway_core.model import Lane, ProviderStatus, Target, Tier
from gateway_core.ollama.address import local_base_url
from gateway_core.ollama.manager import Endpoint, LocalModels
from gateway_core.ollama.speeds import Stopwatch
from gateway_core.providers.base import Piece, Provider, UpstreamCall, UpstreamError
from gateway_core.providers.ollama import Ollama
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.providers.pool import Blueprint, Kind, ProviderPool
from gateway_core.providers.pricing import Pricing
from gateway_core.providers.registry import blueprints
from gateway_core.routing.landscape import Capabilities, Landscape, Option
from gateway_core.routing.limits import OwnLimits
from gateway_core.routing.lineup import AS_CONFIGURED, LOCAL, Place, Switched, lineup, named_providers
from gateway_core.routing_values import OwnLimit
from gateway_core.settings import Settings

BUILTIN_OUTPUT_TOKENS = 1024
"""OpenClaw asks for up to 8,192 tokens; after its long prompt the built-in model writes 3.5 a second (measured)."""
SETTLE_S = 30.0
"""The built-in model starts in a second or two; on a busy machine it may take more."""
FIRST_LOOK_S = 1.0


class LocalProvider:
    """The LOCAL tier's upstream: whatever server is there at the moment of the call."""

    name = LOCAL

    def __init__(self, models: LocalModels, settings: Settings, clock: Clock) -> None:
        self._models = models
        self._clock = clock
        self._settings = settings
        self._servers: dict[Endpoint, Provider] = {}

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Piece]:
        """See :meth:`Provider.send`. The server is held while it answers, also when another one takes over."""
        with self._models.in_use(call.target.model) as endpoint:
            if endpoint is None:
                raise UpstreamError("No local server answers.", kind="connect", sent=False)
            if endpoint[2] == "builtin":
                call = replace(call, max_output_tokens=BUILTIN_OUTPUT_TOKENS)
            pieces, watch, told = self._server(endpoint).send(call), Stopwatch(self._clock), None
            try:
                async for piece in pieces:
                    told = piece.timing or told
                    watch.saw(piece.body, piece.usage)
                    yield piece
                    watch.taken()
            finally:
                await pieces.aclose()
            if timing := told or (watch.timing() if call.request.stream else None):
                self._models.measured(call.target.model, timing)

    def _server(self, endpoint: Endpoint) -> Provider:
        if endpoint not in self._servers:
            base_url, key, kind = endpoint
            contexts, patience_s = self._models.contexts, self._settings.local_first_byte_s
            compatible = OpenAICompatible(
                name=LOCAL,
                kind=kind,
                base_url=base_url,
                api_key=key,
                first_byte_s=patience_s,
                idle_s=patience_s,
                free=True,
                contexts=None if kind == "builtin" else contexts,
            )
            self._servers[endpoint] = (
                compatible
                if kind != "ollama"
                else Ollama(compatible, contexts, self._thinks, api_key=key, first_byte_s=patience_s, idle_s=patience_s)
            )
        return self._servers[endpoint]

    def _thinks(self, model: str) -> bool | None:
        return self._models.supports(model, "thinking")

    async def check(self) -> ProviderStatus:
        server = self._models.server
        state = "ok" if server.reachable else "down"
        return ProviderStatus(LOCAL, server.kind, server.base_url, state, server.detail)

    async def close(self) -> None:
        for server in self._servers.values():
            await server.close()


class Tiers:
    """The three tiers: who serves them, as the settings and the operator have it. ``simulated`` marks the demo's."""

    def __init__(
        self,
        settings: Settings,
        local: LocalModels,
        pricing: Pricing,
        budget: Budget,
        limits: OwnLimits,
        switched: Switched = AS_CONFIGURED,
        clock: Clock | None = None,
        *,
        simulated: bool = False,
    ) -> None:
        self._local = local
        self._pricing = pricing
        self._budget = budget
        self._limits = limits
        self._simulated = simulated
        self._pool = ProviderPool()
        self._switched = switched
        self._clock = clock or SystemClock()
        self._contexts: dict[str, LearnedContexts] = {}
        """What is found out of the user's own servers that nobody pays for: those may cut a prompt and say nothing."""
        self.forced: Tier | None = None
        self.use(settings)

    def use(self, settings: Settings) -> frozenset[str]:
        """Takes up settings, also while requests are under way: they end where they began.

        Returns the providers that are others than before.
        """
        self._settings = settings
        self._configured = lineup(settings)
        self._places = lineup(settings, self._switched)
        self._named = named_providers(settings)
        self._free = frozenset({LOCAL, "ollama", *(entry.name for entry in settings.providers if entry.free)})
        self._limits.use(settings.providers)
        where = (local_base_url(settings), settings.local_llm_api_key, settings.local_first_byte_s)
        local = Blueprint((LOCAL, *where), lambda: LocalProvider(self._local, settings, self._clock))
        free = [entry.name for entry in settings.providers if entry.free]
        self._contexts = {name: self._contexts.get(name) or LearnedContexts(self._clock) for name in free}
        others = blueprints(settings, self._simulated, self._pricing, self._contexts)
        changed = self._pool.use({**others, LOCAL: local})
        for name in changed & self._contexts.keys():
            self._contexts[name].forget()
        return changed

    def switch(self, tier: Tier, model: str | None) -> None:
        """Has CHEAP or PREMIUM served by ``model`` first, from the next request on; None is as configured."""
        self._switched = replace(self._switched, **{tier.value: model})
        self._places = lineup(self._settings, self._switched)

    def provider(self, name: str) -> Provider | None:
        """What a call to a provider is sent through, within the provider's own limits."""
        provider = self._pool.get(name)
        return self._limits.guard(provider) if provider else None

    def lend(self, name: str, kind: type[Kind]) -> AbstractContextManager[Kind | None]:
        """The provider itself where it is of that ``kind``; see :meth:`ProviderPool.lend`."""
        return self._pool.lend(name, kind)

    @property
    def paid(self) -> tuple[Provider, ...]:
        """Every provider but the local server."""
        return tuple(p for name in self._pool.names if name != LOCAL and (p := self._pool.get(name)))

    def is_idle(self, name: str) -> bool:
        """Whether no request is under way at a provider."""
        return not self._pool.is_busy(name)

    async def settled(self, wants_local: bool) -> None:
        """Waits, right after the start, until it is known what serves the LOCAL tier.

        A request that another tier can take does not wait for the built-in model.
        """
        if not self._settings.local_llm_enabled or self._local.endpoint():
            return
        await self._local.settled(SETTLE_S if wants_local or not self.paid else FIRST_LOOK_S)

    def landscape(self) -> Landscape:
        """What the router may choose from now."""
        return Landscape(
            options=self._options(),
            named=self._named,
            free=self._free,
            rooms=self._limits.rooms(),
            forced=self.forced,
            premium_blocked=self._budget.premium_blocked,
            paid_refusal=self._budget.refusal(1),
            background_refusal=self._budget.refusal(1, Lane.BACKGROUND),
            default_tier=Tier(self._settings.default_tier),
        )

    def limits_of(self, provider: str) -> tuple[OwnLimit, ...]:
        """The limits set for a provider, and how much of each is used now."""
        return self._limits.standing(provider)

    @property
    def names(self) -> tuple[str, ...]:
        """Every provider that is set up."""
        return tuple(self._pool.names)

    def guessed(self, landscape: Landscape) -> frozenset[str]:
        """Targets, as ``Landscape.targets`` has them, whose price nobody knows."""
        options = [option.target for option in landscape.serving()]
        paid = [target for target in options if target and not target.free]
        return frozenset(f"{t.provider}/{t.model}" for t in paid if not self._pricing.is_known(t.provider, t.model))

    def choices(self) -> dict[Tier, tuple[str, ...]]:
        """Models that ``switch`` takes for a tier, as far as they are known."""
        local = tuple(model.name for model in self._local.server.models)
        places = self._configured
        known = {tier: [place.name for place in places[tier] if place.target.provider != LOCAL] for tier in Tier}
        cheap_is_local = any(place.target.provider == LOCAL for place in places[Tier.CHEAP])
        return {
            Tier.LOCAL: local,
            Tier.CHEAP: (*known[Tier.CHEAP], *(local if cheap_is_local else ())),
            Tier.PREMIUM: tuple(known[Tier.PREMIUM]),
        }

    def _options(self) -> dict[Tier, tuple[Option, ...]]:
        return {tier: tuple(self._option(place) for place in places) for tier, places in self._places.items()}

    def _option(self, place: Place) -> Option:
        target = place.target
        if target.provider == LOCAL:
            return self._local_option(target.tier, target.model if target.tier is not Tier.LOCAL else None)
        if place.missing or self._pool.get(target.provider) is None:
            return Option(unavailable=f"{place.missing or target.provider} is not set")
        context = place.can.context_tokens
        if context is None:
            context = self._pricing.context_window(target.provider, target.model)
        if target.provider in self._contexts:
            context = self._contexts[target.provider].within(target.model, context)
        return Option(target, can=replace(place.can, context_tokens=context))

    def _local_option(self, tier: Tier, model: str | None = None) -> Option:
        if not self._settings.local_llm_enabled:
            return Option(unavailable="LOCAL_LLM_ENABLED is off")
        server = self._local.server
        model = model or server.current_model
        lost = self._local.lost
        if self._local.endpoint() is None or model is None:
            return Option(unavailable=lost or server.detail or f"nothing answers at {server.base_url}", lost=bool(lost))
        can = Capabilities(
            self._local.context_of(model), self._local.supports(model, "tools"), self._local.supports(model, "vision")
        )
        stands_in = server.kind == "builtin" and self._settings.builtin_model == "auto"
        target = Target(tier, LOCAL, model, free=True)
        return Option(target, unavailable=lost, can=can, stands_in=stands_in, lost=bool(lost))

    async def close(self) -> None:
        await self._pool.close()
