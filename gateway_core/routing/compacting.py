"""Whether a request that is too long for a model fits it once old turns are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from gateway_core.compaction.compact import budget_tokens, least_tokens
from gateway_core.model import ChatRequest, Reason, Refusal, RequestSize, Target, Tier
from gateway_core.routing.landscape import Landscape, Option


def with_least_size(
    request: ChatRequest, landscape: Landscape, fits: Callable[[RequestSize, Option], bool]
) -> ChatRequest:
    """The request with what it can be compacted to, where a model that may get it so cannot take it whole.

    Finding that out takes half a millisecond for 400 kB, and nothing where no model needs it.
    """
    for option in landscape.serving():
        if option.compacts and not fits(request.size, option):
            return replace(request, size=replace(request.size, compacted_tokens=least_tokens(request.body)))
    return request


def fits_compacted(size: RequestSize, option: Option) -> bool:
    """Whether the request can be compacted to fit; False where that is not known or not wanted."""
    return option.compacts and _can_fit(size, size.compacted_tokens, option)


def compaction_reason(
    size: RequestSize, chosen: Target, landscape: Landscape, fits: Callable[[RequestSize, Option], bool]
) -> list[Reason]:
    """What is said of a model that was chosen although the whole request does not fit it; nothing where it does."""
    if size.compacted_tokens is None:
        return []
    option = next((option for option in landscape.all(chosen.tier) if option.target == chosen), None)
    if option is None or fits(replace(size, compacted_tokens=None), option):
        return []
    whole, least, context = size.input_tokens, size.compacted_tokens, option.can.context_tokens or 0
    return [
        Reason(
            "compaction",
            f"{chosen.model} gets it compacted: about {whole:,} tokens do not fit its context of {context:,}, and old "
            f"tool results, images and turns can be left out, down to {least:,}",
        )
    ]


def with_advice(refusal: Refusal, request: ChatRequest, options: Iterable[Option]) -> Refusal:
    """A refusal for a prompt that is too long, which tells of the setting where that would help."""
    least: int | None = None
    for option in options:
        if option.target and option.target.tier is Tier.LOCAL and not option.compacts:
            least = least_tokens(request.body) if least is None else least
            if _can_fit(request.size, least, option):
                more = (
                    f"CONTEXT_COMPACTION=on would let it fit {option.target.model}, without old tool results and turns."
                )
                return replace(refusal, message=f"{refusal.message} {more}")
    return refusal


def _can_fit(size: RequestSize, least: int | None, option: Option) -> bool:
    context = option.can.context_tokens
    return bool(context and least and least <= budget_tokens(context, size.max_output_tokens, option.ratio))
