"""Whether a tier can answer a request at all: context, tools, images, money."""

from __future__ import annotations

from gateway_core.model import RequestSize, Tier
from gateway_core.routing.landscape import Landscape, Option

DEFAULT_ANSWER_TOKENS = 512
"""Room kept for the answer where the caller sets no limit: less than that is no answer."""


def obstacle(size: RequestSize, tier: Tier, landscape: Landscape) -> str | None:
    """Why ``tier`` cannot answer a request of this size, for people; None when it can."""
    option = landscape.option(tier)
    if option.target is None:
        return option.unavailable
    if not option.target.free:
        if landscape.paid_refusal:
            return "paid tiers are stopped"
        if tier is Tier.PREMIUM and landscape.premium_blocked:
            return "the medium daily limit is reached"
    return _incapable(size, option)


def fits(size: RequestSize, option: Option) -> bool:
    """Whether prompt and a short answer fit the model's context; True where nobody told it."""
    return option.can.context_tokens is None or tokens_needed(size) <= option.can.context_tokens


def tokens_needed(size: RequestSize) -> int:
    """Context a request takes: its prompt, and room for an answer."""
    return size.input_tokens + min(size.max_output_tokens or DEFAULT_ANSWER_TOKENS, DEFAULT_ANSWER_TOKENS)


def _incapable(size: RequestSize, option: Option) -> str | None:
    if not fits(size, option):
        return f"about {tokens_needed(size):,} tokens are needed and its context is {option.can.context_tokens:,}"
    if size.tools and option.can.tools is False:
        return "the model has no tools"
    if size.images and option.can.vision is False:
        return "the model sees no images"
    return None
