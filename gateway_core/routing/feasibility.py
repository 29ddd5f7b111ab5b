"""Whether a model can answer a request at all: context, tools, images, money, and its provider's own limits."""

from __future__ import annotations

from gateway_core.model import Considered, Refusal, RequestSize, Target, Tier
from gateway_core.routing.landscape import UPWARD, Landscape, Option
from gateway_core.wire import errors

DEFAULT_ANSWER_TOKENS = 512
"""Room kept for the answer where the caller sets no limit: less than that is no answer."""


def obstacle(size: RequestSize, option: Option, landscape: Landscape) -> str | None:
    """Why ``option`` cannot answer a request of this size, for people; None when it can."""
    if option.target is None:
        return option.unavailable
    return money_obstacle(option.target, landscape) or _incapable(size, option) or _full(size, option.target, landscape)


def considered(size: RequestSize, landscape: Landscape) -> tuple[Considered, ...]:
    """Every model of every tier with what stands in its way, for people."""
    return tuple(
        Considered(
            tier=tier,
            provider=option.target.provider if option.target else "",
            model=option.target.model if option.target else "",
            obstacle=obstacle(size, option, landscape) or "",
            tokens_needed=tokens_needed(size),
            context_tokens=option.can.context_tokens,
        )
        for tier in UPWARD
        for option in landscape.all(tier)
    )


def money_obstacle(target: Target, landscape: Landscape) -> str | None:
    """Why money does not allow ``target``; None when it does."""
    if target.free:
        return None
    if landscape.paid_refusal:
        return landscape.paid_obstacle
    if target.tier is Tier.PREMIUM and landscape.premium_blocked:
        return "the medium daily limit is reached"
    return None


def limit_refusal(size: RequestSize, target: Target, landscape: Landscape) -> Refusal | None:
    """What a request is told that names a target whose provider's own limits are reached; None while they are not."""
    room = landscape.rooms.get(target.provider)
    if room is None:
        return None
    if room.spent and not target.free:
        return room.spent
    if room.tokens_per_minute and size.input_tokens > room.tokens_per_minute:
        return errors.context_length_exceeded(size.input_tokens, room.tokens_per_minute)
    missing = 0 if room.tokens is None else max(0, size.input_tokens - room.tokens)
    wait_s = max(room.wait_s, -(-missing * 60 // room.tokens_per_minute) if missing else 0)
    return errors.rate_limited(f"the limit of {target.provider}", wait_s) if wait_s else None


def fits(size: RequestSize, option: Option) -> bool:
    """Whether prompt and a short answer fit the model's context; True where nobody told it."""
    return option.can.context_tokens is None or tokens_needed(size) <= option.can.context_tokens


def tokens_needed(size: RequestSize) -> int:
    """Context a request takes: its prompt, and room for an answer."""
    return size.input_tokens + min(size.max_output_tokens or DEFAULT_ANSWER_TOKENS, DEFAULT_ANSWER_TOKENS)


def _full(size: RequestSize, target: Target, landscape: Landscape) -> str | None:
    refusal = limit_refusal(size, target, landscape)
    if refusal is None:
        return None
    when = f", free again in {refusal.retry_after_s} s" if refusal.retry_after_s else ""
    what = "daily limit" if refusal.code == "budget_exceeded" else "limit"
    return f"{target.provider}'s own {what} is reached{when}"


def _incapable(size: RequestSize, option: Option) -> str | None:
    if not fits(size, option):
        return f"about {tokens_needed(size):,} tokens are needed and its context is {option.can.context_tokens:,}"
    if size.tools and option.can.tools is False:
        return "the model has no tools"
    if size.images and option.can.vision is False:
        return "the model sees no images"
    return None
