"""Which models serve each tier now, what they can do, and what to send the request through."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway_core.clock import Clock, SystemClock
from gateway_core.compaction.compact import budget_tokens, smaller_budget
from gateway_core.exchange import Exchange
from gateway_core.gates.budget import Budget
from gateway_core.learned_contexts import LearnedContexts
from gateway_core.local_provider import LocalProvider, OnLocalServer
from gateway_core.model import ChatRequest, Lane, LocalServer, Target, Tier
from gateway_core.ollama.address import local_base_url, root_of
from gateway_core.ollama.manager import LocalModels
from gateway_core.providers.base import Provider
from gateway_core.providers.pool import Blueprint, Kind, ProviderPool
from gateway_core.providers.pricing import Pricing
from gateway_core.providers.prompt_check import PROMPT_CUT
from gateway_core.providers.registry import blueprints
from gateway_core.reported_usage import ReportedUsage
from gateway_core.routing.feasibility import fits
from gateway_core.routing.landscape import (
    NOT_IN_MEMORY,
    USUAL_ANSWER,
    Bands,
    Capabilities,
    Landscape,
    Option,
    Pace,
    Patience,
)
from gateway_core.routing.limits import OwnLimits
from gateway_core.routing.lineup import AS_CONFIGURED, LOCAL, Place, Switched, lineup, named_providers
from gateway_core.routing.local_options import capabilities, standing
from gateway_core.settings import Settings
from gateway_core.target_times import TargetTimes
from gateway_core.wire.extras import has_server_tools

if TYPE_CHECKING:
    from gateway_core.routing_values import OwnLimit

SETTLE_S = 30.0
"""The built-in model starts in a second or two; on a busy machine it may take more."""
FIRST_LOOK_S = 1.0
ALTERED_PROMPTS = (PROMPT_CUT, "compacted")
"""Remarks on requests of whose prompt the model has read less than was estimated."""
BACKGROUND_WAIT_S = 300.0
"""OpenClaw gives a silent answer up after that long on loopback (observed with 2026.9.6)."""


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
        reported: ReportedUsage | None = None,
        times: TargetTimes | None = None,
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
        self._reported = reported or ReportedUsage()
        self._times = times or TargetTimes()
        self.most_microusd: Callable[[ChatRequest, Target], int] = lambda request, target: 0
        """What would be set aside for a request."""
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
        self._default_tier = Tier(settings.default_tier)
        self._bands = Bands(settings.router_easy_below, settings.router_hard_from)
        most_s = settings.local_max_wait_s
        self._patience = Patience(most_s, max(most_s, BACKGROUND_WAIT_S) if most_s else 0.0)
        self._limits.use(settings.providers)
        root = root_of(local_base_url(settings))
        self._beside_local = frozenset(e.name for e in settings.providers if root_of(e.base_url) == root)
        where = (local_base_url(settings), settings.local_llm_api_key, settings.local_first_byte_s)
        local = Blueprint(
            (LOCAL, *where), lambda: LocalProvider(self._local, settings, self._clock, self._reported.ratio)
        )
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
        if provider and name in self._beside_local:
            provider = OnLocalServer(provider, self._local)
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
        stops = self._budget.stops()
        return Landscape(
            options=self._options(),
            named=self._named,
            free=self._free,
            rooms=self._limits.rooms(),
            forced=self.forced,
            premium_blocked=stops.premium,
            paid_refusal=stops.paid,
            background_refusal=stops.background,
            default_tier=self._default_tier,
            bands=self._bands,
            patience=self._patience,
            most_microusd=self.most_microusd,
        )

    def learn(self, exchange: Exchange) -> None:
        """Takes up what a request that got its whole answer tells of the model: how it counts, how long it answers.

        Only a prompt that the model has read as it was sent says how it counts.
        """
        request, target, usage = exchange.request, exchange.target, exchange.usage
        if target is None or request.replay_of or exchange.flawed:
            return
        self._reported.answered(target.provider, target.model, request.view.lane, usage)
        altered = [remark for remark in exchange.remarks if remark.step in ALTERED_PROMPTS]
        if not altered and not request.size.images and not has_server_tools(request):
            self._reported.prompt(target.provider, target.model, request.size.input_tokens, usage)

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

    def budget_for(self, request: ChatRequest, target: Target, too_long: int = 0) -> int | None:
        """Tokens that the prompt is to be compacted to for ``target``; None where it goes whole.

        ``too_long`` says how often the target has found it too long, whatever the estimate says.
        """
        if not self._settings.compacts_for(target.tier):
            return None
        option = next((option for option in self._options()[target.tier] if option.target == target), None)
        if option is None or option.can.context_tokens is None or (not too_long and fits(request.size, option)):
            return None
        budget = budget_tokens(option.can.context_tokens, request.size.max_output_tokens, option.ratio)
        return smaller_budget(budget, request.size.input_tokens, too_long)

    def _options(self) -> dict[Tier, tuple[Option, ...]]:
        server = self._local.server
        options: dict[Tier, tuple[Option, ...]] = {}
        for tier, places in self._places.items():
            options[tier] = tuple([self._option(place, server) for place in places])
        return options

    def _option(self, place: Place, server: LocalServer) -> Option:
        """What serves a place now, with what was learned of its model; or why nothing does."""
        target = place.target
        if target.provider == LOCAL:
            return self._local_option(target.tier, target.model if target.tier is not Tier.LOCAL else None, server)
        if place.missing or self._pool.get(target.provider) is None:
            return Option(unavailable=f"{place.missing or target.provider} is not set")
        can, context = place.can, place.can.context_tokens
        if context is None:
            context = self._pricing.context_window(target.provider, target.model)
        if target.provider in self._contexts:
            context = self._contexts[target.provider].within(target.model, context)
        can = Capabilities(context, can.tools, can.vision, can.structured)
        return self._known(target, can, server, beside_local=target.provider in self._beside_local)

    def _local_option(self, tier: Tier, model: str | None, server: LocalServer) -> Option:
        if not self._settings.local_llm_enabled:
            return Option(unavailable="LOCAL_LLM_ENABLED is off")
        model = model or server.current_model
        lost = self._local.lost
        if self._local.endpoint() is None or model is None:
            return Option(unavailable=lost or server.detail or f"nothing answers at {server.base_url}", lost=bool(lost))
        stands_in = server.kind == "builtin" and self._settings.builtin_model == "auto"
        target = Target(tier, LOCAL, model, free=True)
        can = capabilities(self._local, server, model)
        return self._known(target, can, server, beside_local=True, stands_in=stands_in, lost=lost)

    def _known(
        self,
        target: Target,
        can: Capabilities,
        server: LocalServer,
        *,
        beside_local: bool,
        stands_in: bool = False,
        lost: str = "",
    ) -> Option:
        """An option with what was learned of its model."""
        provider, model = target.provider, target.model
        usual_ms = self._times.usual_ms(provider, model)
        usual_s = None if usual_ms is None else usual_ms / 1000
        pace, memory, answer, background_answer = Pace(usual_s=usual_s), NOT_IN_MEMORY, USUAL_ANSWER, USUAL_ANSWER
        if beside_local:
            pace, memory = standing(model, self._local, server, self._clock.now(), usual_s)
            answer = self._reported.answer(provider, model, Lane.INTERACTIVE)
            background_answer = self._reported.answer(provider, model, Lane.BACKGROUND)
        return Option(
            target,
            lost,
            can,
            stands_in=stands_in,
            compacts=self._settings.compacts_for(target.tier),
            lost=bool(lost),
            ratio=self._reported.ratio(provider, model),
            answer=answer,
            background_answer=background_answer,
            pace=pace,
            memory=memory,
        )

    async def close(self) -> None:
        await self._reported.close()
        await self._pool.close()
