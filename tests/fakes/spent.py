"""Reports of spend, as a gateway makes them."""

from __future__ import annotations

from datetime import date, timedelta

from gateway_core.model import (
    SpendBuckets,
    SpendReport,
    SpendRow,
)
from gateway_core.spending.reading import total_of
from tests.fakes.snapshots import BY_TIER, MIDNIGHT, busy

_GROUPS = {
    "tier": ("premium", "cheap", "local", "cache"),
    "lane": ("interactive", "background"),
    "session": ("agent:main:main", "agent:main:release-notes", "=cmd|' /C calc'!A0", ""),
    "client": ("openclaw", "claude-code"),
    "purpose": ("chat", "heartbeat", "title"),
    "provider": ("anthropic", "groq", "ollama"),
}


def spend_report(period: str = "today", by: str = "tier") -> SpendReport:
    """A period's sums by anything; what they are does not depend on it, so that they add up alike."""
    days = {"today": 1, "7d": 7, "month": 23}.get(period, 30)
    first = date(2026, 11, 23) - timedelta(days=days - 1)
    if by == "model":
        keys = [{"provider": provider, "model": model} for provider, model in BY_TIER.values()]
    elif by == "day":
        keys = [{"day": str(first + timedelta(days=number))} for number in reversed(range(days))]
    elif by == "hour":
        keys = [{"hour": f"{hour:02d}"} for hour in range(7, 15)]
    else:
        keys = [{by: name} for name in _GROUPS[by]]
    total = 3_420_000 * days
    values = [total * 7**2 // 8**2, *[total // (9 * (number + 2)) for number in range(len(keys) - 1)]]
    values[0] += total - sum(values)
    rows = tuple(
        SpendRow(
            **key,  # type: ignore[arg-type]
            requests=231 * days // (number + 1),
            answered=225 * days // (number + 1),
            input_tokens=1_204_000 * days // (number + 1),
            output_tokens=88_400 * days // (number + 2),
            cost_microusd=value,
            saved_microusd=value // 2 + 96_000,
            saved_by_answer_cache_microusd=value // 4,
            saved_by_prompt_cache_microusd=value // 4 - 4_000,
            saved_by_routing_microusd=value // 2 - 2 * (value // 4) + 100_000,
            cache_hits=149 * days // (number + 2),
            cache_saved_ms=61_000 * days,
            share=value / total,
            price_known=number != 1 or by != "model",
        )
        for number, (key, value) in enumerate(zip(keys, values, strict=True))
    )
    if period == "today":
        hours = [round(dollars * 1e6) for dollars in busy().spend_by_hour.values]
        hours[13] += total - sum(hours)
        buckets = SpendBuckets(MIDNIGHT, 3600, (*hours, *[0] * (24 - len(hours))))
    else:
        costs = [total // days + (day % 5 - 2) * 400_000 for day in range(days)]
        costs[-1] += total - sum(costs)
        buckets = SpendBuckets(MIDNIGHT - 86_400 * (days - 1), 86_400, tuple(costs))
    return SpendReport(period, by, str(first), "2026-11-23", rows, total_of(rows), buckets)
