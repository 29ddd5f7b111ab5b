"""Token counts as OpenAI-compatible servers report them, and as the gateway reports them."""

from __future__ import annotations

from typing import Any

from gateway_core.model import JsonObject, Usage

_MOST = 1_000_000_000
"""No answer has more tokens than this; a larger number is a broken counter."""


def count(value: Any) -> int | None:
    """A usable token count: a finite number, not negative. None for anything else, NaN and strings included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _MOST else None


def read_usage(body: JsonObject) -> Usage | None:
    """What a completion or a chunk reports; None where it says nothing usable.

    OpenAI counts cached tokens into ``prompt_tokens`` and reasoning into ``completion_tokens``. Groq's streams carry
    usage in ``x_groq``, DeepSeek names its cache hits differently, OpenRouter adds cache writes.
    """
    usage = body.get("usage")
    if not isinstance(usage, dict):
        groq = body.get("x_groq")
        usage = groq.get("usage") if isinstance(groq, dict) else None
    if not isinstance(usage, dict):
        return None
    prompt, output = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    if prompt is None and output is None:
        return None
    prompt, output = prompt or 0, output or 0
    details = _object(usage.get("prompt_tokens_details"))
    cached = count(details.get("cached_tokens")) or count(usage.get("prompt_cache_hit_tokens")) or 0
    cached = min(cached, prompt)
    written = min(count(details.get("cache_write_tokens")) or 0, prompt - cached)
    reasoning = count(_object(usage.get("completion_tokens_details")).get("reasoning_tokens")) or 0
    return Usage(
        input_tokens=prompt - cached - written,
        output_tokens=output,
        cache_read_tokens=cached,
        cache_write_5m_tokens=written,
        reasoning_tokens=min(reasoning, output),
    )


def usage_json(usage: Usage, cost_microusd: int | None) -> JsonObject:
    """OpenAI's usage object with ``cost`` in US dollars, which OpenClaw puts before its own price table.

    ``cost`` is left out when it is not known.
    """
    prompt: JsonObject = {"cached_tokens": usage.cache_read_tokens}
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    if written:
        prompt["cache_write_tokens"] = written
    body: JsonObject = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.prompt_tokens + usage.output_tokens,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
    if cost_microusd is not None:
        body["cost"] = cost_microusd / 1_000_000
    return body


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}
