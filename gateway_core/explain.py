"""``llmgw explain``: where a prompt would go, and why. Nothing is called, nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway_core.cache.code_context import asks_about_code
from gateway_core.cache.encoder.embedder import LARGEST_BATCH, Vector
from gateway_core.cache.encoder.exports import FOLDER as EXPORTS
from gateway_core.cache.encoder.opening import open_shallow
from gateway_core.clients import read_client
from gateway_core.frozen import frozen
from gateway_core.learning.nearest import Nearest, nobody
from gateway_core.model import ChatRequest, CodeContext, Decision, JsonObject, Refusal, Target, Tier
from gateway_core.reader import meant
from gateway_core.routing.difficulty import difficulty
from gateway_core.routing.head import Head
from gateway_core.routing.landscape import Bands, Capabilities, Landscape, Option
from gateway_core.routing.lineup import LOCAL, Place, lineup, named_providers
from gateway_core.routing.router import Known, route
from gateway_core.settings import Settings
from gateway_core.wire.context import read_context
from gateway_core.wire.tokens import measure


@frozen
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
    """Decides as the gateway would with every tier in reach: a key that is not set is said, not assumed away.

    ``head`` is what its user taught it, and ``nearest`` looks among the requests they judged.
    """

    def __init__(self, settings: Settings, head: Head | None = None, nearest: Nearest = nobody) -> None:
        self._head = head
        self._nearest = nearest
        if lineup(settings)[Tier.CHEAP][0].target.provider == LOCAL and settings.cheap_provider is None:
            settings = settings.model_copy(update={"cheap_provider": "groq"})
        places = lineup(settings)
        self._missing = {place.target: place.missing for found in places.values() for place in found}
        self._landscape = Landscape(
            {tier: tuple(_option(place, settings) for place in found) for tier, found in places.items()},
            named=named_providers(settings),
            default_tier=Tier(settings.default_tier),
            bands=Bands(settings.router_easy_below, settings.router_hard_from),
        )

    def explain(
        self, prompt: str, prompt_id: str = "-", context: object = None, vector: Sequence[float] | None = None
    ) -> Explanation:
        """The decision for a prompt sent alone to ``gateway-auto``, with what a caller would give as ``context``.

        ``vector`` is its embedding (:func:`embedded`); without one only its words and structure are looked at.
        """
        given = read_context(context)
        if isinstance(given, Refusal):
            return Explanation(prompt_id, "", "", 0.0, given.code, (given.message,))
        request = plain_request(prompt, prompt_id, given)
        hard = difficulty(request.view.user_text, vector, self._head)
        hard = replace(hard, examples=self._nearest(vector)) if vector is not None else hard
        decision = route(request, self._landscape, Known(difficulty=hard))
        if isinstance(decision, Refusal):
            return Explanation(prompt_id, "", "", 0.0, decision.code, (decision.message,))
        target = decision.target
        return Explanation(
            prompt_id,
            target.tier.value,
            f"{target.provider}/{target.model}",
            decision.difficulty,
            decision.route,
            (
                *told(decision),
                *_context_reason(request),
            ),
            self._missing.get(target),
        )


@frozen
class Embedded:
    """A vector for each prompt, by the encoder of that ``fingerprint``."""

    vectors: Sequence[Vector]
    fingerprint: str


def embedded(settings: Settings, prompts: Sequence[str]) -> Embedded:
    """The embedding of each prompt by the built-in encoder, loaded into this process: some seconds, then 10 to 40 ms a
    prompt. Raises :class:`~gateway_core.cache.encoder.embedder.EncoderError` where it cannot be loaded."""
    encoder = open_shallow(settings.data_dir / EXPORTS)
    parts = [meant(prompt) for prompt in prompts]
    by_length = sorted(range(len(parts)), key=lambda at: len(parts[at]))
    vectors: dict[int, Vector] = {}
    for start in range(0, len(by_length), LARGEST_BATCH):
        batch = by_length[start : start + LARGEST_BATCH]
        vectors.update(zip(batch, encoder.encode([parts[at] for at in batch]), strict=True))
    return Embedded([vectors[at] for at in range(len(parts))], encoder.fingerprint)


def plain_request(
    prompt: str, prompt_id: str = "-", context: str | CodeContext | None = None, received_at: float = 0.0
) -> ChatRequest:
    """A prompt sent alone to ``gateway-auto``, by nobody."""
    body: JsonObject = {"model": "gateway-auto", "messages": [{"role": "user", "content": prompt}]}
    return ChatRequest(
        id=prompt_id,
        received_at=received_at,
        caller="",
        body=body,
        model="gateway-auto",
        stream=False,
        view=read_client(body, {}),
        size=measure(body),
        context=context,
    )


def told(decision: Decision) -> tuple[str, ...]:
    """The steps of a decision, what would have changed it, and the nearest judged requests, a sentence each."""
    difficulty = decision.record.difficulty
    examples = difficulty.examples if difficulty else ()
    return (
        *(f"{reason.step}: {reason.text}" for reason in decision.reasons),
        *(f"would be: {text}" for text in decision.record.otherwise),
        *(f"like: {one.text} ({one.wanted} was what it needed, cosine {one.cosine:.2f})" for one in examples),
    )


def _context_reason(request: ChatRequest) -> tuple[str, ...]:
    """Whether answers are shared with other folders, where the caller says in which it works."""
    if not isinstance(request.context, CodeContext):
        return ()
    if asks_about_code(request):
        return ("context: about code: a cached answer serves only while that code is as it was",)
    return ("context: not about code: a cached answer serves in every folder",)


def _option(place: Place, settings: Settings) -> Option:
    target = place.target
    if target.provider != LOCAL:
        return Option(target, can=place.can)
    model = target.model or settings.local_llm_model or "the local model"
    return Option(Target(target.tier, LOCAL, model, free=True), can=Capabilities(settings.local_context_tokens))
