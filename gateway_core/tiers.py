"""Which model serves each tier now, what it can do, and what to send the request through."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

from gateway_core.gates.budget import Budget
from gateway_core.model import ProviderStatus, Target, Tier
from gateway_core.ollama.manager import Endpoint, LocalModels
from gateway_core.providers.base import Piece, Provider, UpstreamCall, UpstreamError
from gateway_core.providers.ollama import Ollama
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.providers.pricing import Pricing
from gateway_core.routing.landscape import Capabilities, Landscape, Option
from gateway_core.settings import Settings

LOCAL = "local"
DEFAULT_CHEAP_MODELS = {"groq": "openai/gpt-oss-120b", "openai": "gpt-5.4-nano"}
"""Groq's production model list and OpenAI's smallest current model, 2026-11."""
BUILTIN_OUTPUT_TOKENS = 1024
"""OpenClaw asks for up to 8,192 tokens; after its long prompt the built-in model writes 3.5 a second (measured)."""
SETTLE_S = 30.0
"""The built-in model starts in a second or two; on a busy machine it may take more."""
FIRST_LOOK_S = 1.0
KEY_NAMES = {"anthropic": "ANTHROPIC_API_KEY", "groq": "GROQ_API_KEY", "openai": "OPENAI_API_KEY"}


class LocalProvider:
    """The LOCAL tier's upstream: whatever server is there at the moment of the call."""

    name = LOCAL

    def __init__(self, models: LocalModels, settings: Settings) -> None:
        self._models = models
        self._settings = settings
        self._servers: dict[Endpoint, Provider] = {}

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Piece]:
        """See :meth:`Provider.send`. The server is held while it answers, also when another one takes over."""
        with self._models.in_use() as endpoint:
            if endpoint is None:
                raise UpstreamError("No local server answers.", kind="connect", sent=False)
            if endpoint[2] == "builtin":
                call = replace(call, max_output_tokens=BUILTIN_OUTPUT_TOKENS)
            pieces = self._server(endpoint).send(call)
            try:
                async for piece in pieces:
                    yield piece
            finally:
                await pieces.aclose()

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
    """The three tiers. ``paid`` are the paid providers that have a key, by name."""

    def __init__(
        self,
        settings: Settings,
        paid: Mapping[str, Provider],
        local: LocalModels,
        pricing: Pricing,
        budget: Budget,
        cheap_model: str | None = None,
    ) -> None:
        self._settings = settings
        self._local = local
        self._pricing = pricing
        self._budget = budget
        self._providers: dict[str, Provider] = {**paid, LOCAL: LocalProvider(local, settings)}
        self.forced: Tier | None = None
        self.cheap_model = cheap_model
        """The model the operator switched the CHEAP tier to."""

    def provider(self, name: str) -> Provider | None:
        return self._providers.get(name)

    @property
    def providers(self) -> Mapping[str, Provider]:
        return self._providers

    async def settled(self, wants_local: bool) -> None:
        """Waits, right after the start, until it is known what serves the LOCAL tier.

        A request that another tier can take does not wait for the built-in model.
        """
        if not self._settings.local_llm_enabled or self._local.endpoint():
            return
        alone = not any(name != LOCAL for name in self._providers)
        await self._local.settled(SETTLE_S if wants_local or alone else FIRST_LOOK_S)

    def landscape(self) -> Landscape:
        """What the router may choose from now."""
        options = {Tier.LOCAL: self._local_option(Tier.LOCAL), Tier.CHEAP: self._cheap(), Tier.PREMIUM: self._premium()}
        return Landscape(
            options=options,
            named=self._named(),
            forced=self.forced,
            premium_blocked=self._budget.premium_blocked,
            paid_refusal=self._budget.refusal(1),
            default_tier=Tier(self._settings.default_tier),
        )

    def targets(self) -> dict[Tier, str]:
        """``provider/model`` for each tier that something serves."""
        options = self.landscape().options
        return {tier: f"{t.provider}/{t.model}" for tier, option in options.items() if (t := option.target)}

    def choices(self) -> dict[Tier, tuple[str, ...]]:
        """Models that ``switch`` takes for a tier; paid providers do not tell theirs."""
        local = tuple(model.name for model in self._local.server.models)
        return {Tier.LOCAL: local, Tier.CHEAP: local if self.cheap_provider == LOCAL else ()}

    @property
    def cheap_provider(self) -> str:
        """The provider of the CHEAP tier: as set, else the first that has a key, else the local server."""
        if self._settings.cheap_provider:
            return self._settings.cheap_provider
        return next((name for name in ("groq", "openai") if name in self._providers), LOCAL)

    def _named(self) -> dict[str, Tier]:
        """Providers that ``<provider>/<model>`` may name; the local server also by its kind."""
        named = {LOCAL: Tier.LOCAL, "ollama": Tier.LOCAL}
        for name in self._providers:
            if name != LOCAL:
                named[name] = Tier.PREMIUM if name == "anthropic" else Tier.CHEAP
        return named

    def _local_option(self, tier: Tier, model: str | None = None) -> Option:
        if not self._settings.local_llm_enabled:
            return Option(unavailable="LOCAL_LLM_ENABLED is off")
        server = self._local.server
        model = model or server.current_model
        if self._local.endpoint() is None or model is None:
            return Option(unavailable=server.detail or f"nothing answers at {server.base_url}")
        can = Capabilities(
            self._local.context_of(model), self._local.supports(model, "tools"), self._local.supports(model, "vision")
        )
        stands_in = server.kind == "builtin" and self._settings.builtin_model == "auto"
        return Option(Target(tier, LOCAL, model, free=True), can=can, stands_in=stands_in)

    def _cheap(self) -> Option:
        name = self.cheap_provider
        model = self.cheap_model or self._settings.cheap_model
        if name == LOCAL:
            return self._local_option(Tier.CHEAP, model)
        return self._paid(Tier.CHEAP, name, model or DEFAULT_CHEAP_MODELS[name])

    def _premium(self) -> Option:
        return self._paid(Tier.PREMIUM, "anthropic", self._settings.premium_model)

    def _paid(self, tier: Tier, name: str, model: str) -> Option:
        if name not in self._providers:
            return Option(unavailable=f"{KEY_NAMES[name]} is not set")
        can = Capabilities(self._pricing.context_window(name, model))
        return Option(Target(tier, name, model, free=False), can=can)

    async def close(self) -> None:
        for provider in self._providers.values():
            await provider.close()
