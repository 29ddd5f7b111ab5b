"""``llmgw explain``: where a prompt would go, and why. Nothing is called, nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_core.clients import read_client
from gateway_core.model import ChatRequest, JsonObject, Refusal, Target, Tier
from gateway_core.routing.landscape import Capabilities, Landscape, Option
from gateway_core.routing.router import route
from gateway_core.settings import Settings
from gateway_core.tiers import DEFAULT_CHEAP_MODELS, KEY_NAMES, LOCAL
from gateway_core.wire.tokens import measure


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision for one prompt. ``missing`` names what would have to be set for the tier to answer."""

    id: str
    tier: str
    model: str
    difficulty: float
    route: str
    reasons: tuple[str, ...]
    missing: str | None = None


class Explainer:
    """Decides as the gateway would with every tier in reach: a key that is not set is said, not assumed away."""

    def __init__(self, settings: Settings) -> None:
        cheap = settings.cheap_provider or (
            "groq" if settings.groq_api_key or not settings.openai_api_key else "openai"
        )
        self._missing: dict[Tier, str] = {}
        if cheap != LOCAL and not getattr(settings, f"{cheap}_api_key"):
            self._missing[Tier.CHEAP] = KEY_NAMES[cheap]
        if not (settings.anthropic_api_key or settings.anthropic_setup_token):
            self._missing[Tier.PREMIUM] = KEY_NAMES["anthropic"]
        local = Target(Tier.LOCAL, LOCAL, settings.local_llm_model or "the local model", free=True)
        cheap_model = settings.cheap_model or DEFAULT_CHEAP_MODELS.get(cheap, local.model)
        self._landscape = Landscape(
            {
                Tier.LOCAL: Option(local, can=Capabilities(settings.local_context_tokens)),
                Tier.CHEAP: Option(Target(Tier.CHEAP, cheap, cheap_model, free=cheap == LOCAL)),
                Tier.PREMIUM: Option(Target(Tier.PREMIUM, "anthropic", settings.premium_model, free=False)),
            },
            default_tier=Tier(settings.default_tier),
        )

    def explain(self, prompt: str, prompt_id: str = "-") -> Explanation:
        """The decision for a prompt sent alone to ``gateway-auto``."""
        body: JsonObject = {"model": "gateway-auto", "messages": [{"role": "user", "content": prompt}]}
        request = ChatRequest(
            id=prompt_id,
            received_at=0.0,
            caller="",
            body=body,
            model="gateway-auto",
            stream=False,
            view=read_client(body, {}),
            size=measure(body),
        )
        decision = route(request, self._landscape)
        if isinstance(decision, Refusal):
            return Explanation(prompt_id, "", "", 0.0, decision.code, (decision.message,))
        target = decision.target
        return Explanation(
            prompt_id,
            target.tier.value,
            f"{target.provider}/{target.model}",
            decision.difficulty,
            decision.route,
            tuple(f"{reason.step}: {reason.text}" for reason in decision.reasons),
            self._missing.get(target.tier),
        )
