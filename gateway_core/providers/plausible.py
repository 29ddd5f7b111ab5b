"""What one call can have used at most: what an upstream reports beyond that is a broken counter, or a lie.

Reported tokens are billed tokens, hidden ones too, so they are believed far beyond what was sent and what arrived: up
to all that the model's context holds, each time that it may have been read, and to all that can have been written in
the time the call took. No provider's word is good for more.
"""

from __future__ import annotations

import re
from dataclasses import replace

from gateway_core.frozen import frozen
from gateway_core.model import ChatRequest, Reason, Target, Usage
from gateway_core.providers.pricing import Pricing
from gateway_core.wire.extras import MOST_ROUNDS, extras_of
from gateway_core.wire.reasoning import most_tokens

LARGEST_CONTEXT = 2_000_000
"""Tokens of a model whose context is not known. But for one of ten million, none is larger (genai-prices 0.2.3)."""
MOST_SEARCHES = 100
"""Searches of a model that searches unasked, or beyond the limit that it was given. Chosen."""
MOST_OTHERS = 20
"""Calls of further models within one answer. Chosen: Anthropic goes on by itself ten times."""
_SHORT = 1_000
"""Output tokens that no doubt is worth."""
_AGENTS = re.compile(r"compound|sonar|research|:online|agent")
"""Models that search and read by themselves, round after round, though the request names no tool (Groq's compound,
Perplexity's sonar, deep research of several makers, OpenRouter's ``:online``). By their names, 2026-11."""


@frozen
class _Most:
    """The most that one call can have used. ``expected_prompt`` is what money is set aside for."""

    prompt_tokens: int
    output_tokens: int
    web_searches: int
    cost_microusd: int
    expected_prompt: int


@frozen
class Called:
    """One call: what was sent, to whom, at which prices; the output limit that it was told, a ceiling of the tokens
    that arrived, and how long it took."""

    request: ChatRequest
    target: Target
    prices: Pricing
    limit: int | None
    arrived_tokens: int
    seconds: float


def plausible(reported: Usage, call: Called) -> tuple[Usage, Reason | None]:
    """What of a report can be true, and what a person should know of it: that not all can, or that a paid one says more
    than was sent."""
    within = reported.prompt_tokens <= call.request.size.input_tokens_ceiling and call.limit is not None
    unusual = reported.web_searches or reported.others or reported.reported_cost_microusd
    if within and not unusual and reported.output_tokens <= (call.limit or 0):
        return reported, None
    most = _most_of(call, with_cost=bool(reported.reported_cost_microusd))
    taken = _at_most(reported, most)
    if reported == taken and (call.target.free or reported.prompt_tokens <= most.expected_prompt):
        return taken, None
    said = f"{call.target.provider} reported {_counts(reported)}"
    if reported != taken:
        text = f"{said}: more than there can have been. Taken as {_counts(taken)}, which is all that can have been."
    else:
        text = f"{said}: of what was sent, {most.expected_prompt:,} at most were expected. Charged as reported."
    return taken, Reason("usage", text if call.target.free else f"{text} Compare it with the provider's own bill.")


def _most_of(call: Called, *, with_cost: bool) -> _Most:
    """A provider may leave thinking out of the output limit, and bill it: so much output is believed as can have been
    written meanwhile, and rejected predictions, which take no time."""
    provider, model, prices = call.target.provider, call.target.model, call.prices
    extras, ceiling = extras_of(call.request, prices.server_tool_uses), call.request.size.input_tokens_ceiling
    context = prices.context_window(provider, model)
    rounds = max(extras.rounds, 1 + MOST_ROUNDS if _AGENTS.search(model.lower()) else 1)
    expected = extras.prompt_tokens(ceiling, context)
    prompt = max(expected, rounds * max(ceiling, context or LARGEST_CONTEXT))
    written = call.arrived_tokens + most_tokens(provider, call.seconds) + _SHORT
    output = max(call.limit or 0, written) + (ceiling if call.request.body.get("prediction") else 0)
    searches = max(extras.web_searches, MOST_SEARCHES)
    cost = 0
    if with_cost and not call.target.free:
        dearest = replace(extras, web_searches=searches, rounds=1, result_tokens=0)
        cost = prices.worst_case_microusd(provider, model, prompt, output, dearest)
    return _Most(prompt, output, searches, cost, expected)


def _at_most(usage: Usage, most: _Most) -> Usage:
    """What of a report can be true, on the dear side: written to a cache first, read from one last."""
    long = min(usage.cache_write_1h_tokens, most.prompt_tokens)
    short = min(usage.cache_write_5m_tokens, most.prompt_tokens - long)
    plain = min(usage.input_tokens, most.prompt_tokens - long - short)
    output, cost = min(usage.output_tokens, most.output_tokens), usage.reported_cost_microusd
    return replace(
        usage,
        input_tokens=plain,
        output_tokens=output,
        cache_read_tokens=min(usage.cache_read_tokens, most.prompt_tokens - long - short - plain),
        cache_write_5m_tokens=short,
        cache_write_1h_tokens=long,
        reasoning_tokens=min(usage.reasoning_tokens, output),
        audio_input_tokens=min(usage.audio_input_tokens, plain),
        audio_output_tokens=min(usage.audio_output_tokens, output),
        web_searches=min(usage.web_searches, most.web_searches),
        reported_cost_microusd=cost if cost is None else min(cost, most.cost_microusd),
        others=tuple((model, _at_most(used, most)) for model, used in usage.others[:MOST_OTHERS]),
    )


def _counts(usage: Usage) -> str:
    text = f"{usage.prompt_tokens:,} prompt and {usage.output_tokens:,} output tokens"
    if usage.web_searches:
        text += f", {usage.web_searches:,} searches"
    if usage.others:
        text += f", {len(usage.others):,} calls of other models"
    if usage.reported_cost_microusd:
        text += f", {usage.reported_cost_microusd / 1e6:,.2f} USD"
    return text
