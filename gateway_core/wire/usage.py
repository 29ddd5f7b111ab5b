"""Token counts as OpenAI-compatible servers report them, and as the gateway reports them."""

from __future__ import annotations

from dataclasses import fields
from decimal import ROUND_CEILING, Decimal
from operator import attrgetter
from typing import Any

from gateway_core.model import Cost, JsonObject, Usage
from gateway_core.wire.json_values import as_object, is_number

_MOST = 1_000_000_000
"""No answer has more tokens than this; a larger number is a broken counter."""
_MOST_DOLLARS = 1_000
_OUTPUT = ("completion_tokens", "output_tokens")
_SERVICE_TIERS = ("batch", "flex", "priority", "fast")
"""Those that change the price. ``default``, ``standard``, ``on_demand`` and the like do not."""
_PARTS_OF_A_COST = tuple(field.name for field in fields(Cost))
_parts_of = attrgetter(*_PARTS_OF_A_COST)


def count(value: Any) -> int | None:
    """A usable token count: a finite number, not negative. None for anything else, NaN and strings included."""
    if type(value) is int:
        return value if 0 <= value <= _MOST else None
    return int(value) if is_number(value) and 0 <= value <= _MOST else None


def read_usage(body: JsonObject) -> Usage | None:
    """What a completion, a chunk or a Responses object reports; None where it says nothing usable.

    OpenAI counts cached, written and audio tokens into the prompt, reasoning and rejected predictions into the output.
    Groq's streams carry usage in ``x_groq``, DeepSeek names its cache hits differently, OpenRouter adds cache writes
    and its own charge, Responses says input and output, llama.cpp may give its timings only.
    """
    usage = _reported(body)
    if usage is None:
        return None
    prompt, output = _count_of(usage, "prompt_tokens", "input_tokens"), _count_of(usage, *_OUTPUT)
    if prompt is None and output is None:
        return None
    prompt, output = prompt or 0, output or 0
    cached = written = heard = spoken = reasoning = 0
    taken = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    if isinstance(taken, dict):
        cached = count(taken.get("cached_tokens")) or 0
        written = _count_of(taken, "cache_write_tokens", "cache_creation_tokens") or 0
        heard = count(taken.get("audio_tokens")) or 0
    given = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    if isinstance(given, dict):
        reasoning = min(count(given.get("reasoning_tokens")) or 0, output)
        spoken = min(count(given.get("audio_tokens")) or 0, output - reasoning)
    cached = min(cached or count(usage.get("prompt_cache_hit_tokens")) or 0, prompt)
    written = min(written, prompt - cached)
    tier = body.get("service_tier")
    return Usage(
        input_tokens=prompt - cached - written,
        output_tokens=output,
        cache_read_tokens=cached,
        cache_write_5m_tokens=written,
        reasoning_tokens=reasoning,
        audio_input_tokens=min(heard, prompt - cached - written),
        audio_output_tokens=spoken,
        web_searches=_searches(usage),
        service_tier=tier if tier in _SERVICE_TIERS else "",
        reported_cost_microusd=_reported_cost(usage),
    )


def searches_of(server_tool_use: Any) -> int:
    """Web searches that the provider made and charges one by one; what it fetched or ran is free or not told."""
    return count(as_object(server_tool_use).get("web_search_requests")) or 0


def usage_json(usage: Usage, cost_microusd: int | None, details: Cost | None = None) -> JsonObject:
    """OpenAI's usage object with ``cost`` in US dollars, which OpenClaw puts before its own price table.

    ``cost`` is left out when it is not known. ``cost_details`` says what it was for, where ``details`` add up to it.
    """
    prompt: JsonObject = {"cached_tokens": usage.cache_read_tokens}
    output: JsonObject = {"reasoning_tokens": usage.reasoning_tokens}
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    if written:
        prompt["cache_write_tokens"] = written
    if usage.audio_input_tokens:
        prompt["audio_tokens"] = usage.audio_input_tokens
    if usage.audio_output_tokens:
        output["audio_tokens"] = usage.audio_output_tokens
    prompt_tokens = usage.prompt_tokens
    body: JsonObject = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": prompt_tokens + usage.output_tokens,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": output,
    }
    if usage.web_searches:
        body["server_tool_use"] = {"web_search_requests": usage.web_searches}
    if cost_microusd is not None:
        body["cost"] = cost_microusd / 1_000_000
        if details is not None and details.total_microusd == cost_microusd:
            parts = zip(_PARTS_OF_A_COST, _parts_of(details), strict=True)
            body["cost_details"] = {name: part / 1_000_000 for name, part in parts if part}
    return body


def _reported(body: JsonObject) -> JsonObject | None:
    """The object with the counts, wherever this kind of server puts it."""
    usage = body.get("usage")
    if isinstance(usage, dict):
        return usage
    usage = as_object(body.get("x_groq")).get("usage")
    if isinstance(usage, dict):
        return usage
    timings = body.get("timings")
    if not isinstance(timings, dict):
        return None
    kept, read = count(timings.get("cache_n")) or 0, count(timings.get("prompt_n"))
    return {
        "prompt_tokens": None if read is None else kept + read,
        "completion_tokens": timings.get("predicted_n"),
        "prompt_tokens_details": {"cached_tokens": kept},
    }


def _count_of(counts: JsonObject, *names: str) -> int | None:
    """The first usable count under one of the names."""
    for name in names:
        if (number := count(counts.get(name))) is not None:
            return number
    return None


def _searches(usage: JsonObject) -> int:
    """OpenRouter counts as Anthropic does, Perplexity in a field of its own."""
    used = usage.get("server_tool_use")
    return (searches_of(used) if used else 0) or count(usage.get("num_search_queries")) or 0


def _reported_cost(usage: JsonObject) -> int | None:
    """The provider's own charge in micro-dollars, rounded up; None where it gives none that can be true.

    OpenRouter's ``cost`` is in credits, which are dollars; with a key of the user's own it is the fee alone, and what
    the model costs is in ``cost_details`` (its usage accounting page, read 2026-11-28). Perplexity gives an object.
    """
    cost = usage.get("cost")
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    if cost is None:
        return None
    if usage.get("is_byok") is True:
        upstream = _dollars(as_object(usage.get("cost_details")).get("upstream_inference_cost"))
        own = _dollars(cost)
        return None if upstream is None or own is None else upstream + own
    return _dollars(cost)


def _dollars(value: Any) -> int | None:
    if not is_number(value) or not 0 <= value <= _MOST_DOLLARS:
        return None
    return int((Decimal(str(value)) * 1_000_000).to_integral_value(ROUND_CEILING))
