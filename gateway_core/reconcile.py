"""The ledger held against what Anthropic says it charged, by UTC day and model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from gateway_core.frozen import frozen
from gateway_core.store.report import ProviderCalls
from gateway_core.wire.anthropic_exports import Amounts, Export, model_key

TOKENS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "web_searches",
)
SEARCH_MICROUSD = 10_000
"""Anthropic's price of a search, 10 USD for a thousand (pricing page, read 2026-11-28). Its cost reports list searches
apart from the model that made them."""
LEAST_TOKENS = 100
LEAST_MICROUSD = 10_000
"""Smaller differences are never reported, searches excepted: a cent is what the Console rounds to."""


@frozen
class Comparison:
    """One day and model. ``off`` are the kinds that differ by more than was allowed, ``reasons`` what may be why.

    The model is empty for what the export does not give to one: searches, or a whole day that is not grouped.
    """

    day: str
    model: str
    ours: Amounts
    theirs: Amounts
    off: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def compare(
    export: Export, calls: Iterable[ProviderCalls], tolerance_percent: float, today: str
) -> tuple[Comparison, ...]:
    """Every day and model that either side knows of, oldest first."""
    names: dict[str, str] = {}
    ledger: dict[tuple[str, str], list[ProviderCalls]] = {}
    ours: dict[tuple[str, str], Amounts] = {}
    by_model = any(model for _, model in export.amounts)
    for call in calls:
        key = (call.day, model_key(call.model) if by_model else "")
        names.setdefault(key[1], call.model if by_model else "")
        ledger.setdefault(key, []).append(call)
        for place, amounts in _split(key, _amounts(call), apart=by_model and export.has_cost):
            ours[place] = ours.get(place, Amounts()) + amounts
    found = []
    for day, model in sorted({*export.amounts, *ours}):
        mine, theirs = ours.get((day, model), Amounts()), export.amounts.get((day, model), Amounts())
        compared = Comparison(day, names.get(model, model), mine, theirs)
        off = _off(compared, export, Decimal(str(tolerance_percent)))
        reasons = tuple(_reasons(compared, off, ledger.get((day, model), []), export, today)) if off else ()
        found.append(replace(compared, off=off, reasons=reasons))
    return tuple(found)


def _amounts(call: ProviderCalls) -> Amounts:
    usage = call.usage
    return Amounts(
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_5m_tokens,
        usage.cache_write_1h_tokens,
        usage.output_tokens,
        usage.web_searches,
        Decimal(call.cost_microusd),
    )


def _split(key: tuple[str, str], amounts: Amounts, *, apart: bool) -> list[tuple[tuple[str, str], Amounts]]:
    """Searches where the export has them: apart from the model in a cost report, with it in one of usage."""
    searches = Decimal(min(amounts.web_searches * SEARCH_MICROUSD, int(amounts.cost_microusd)))
    if not apart or not searches:
        return [(key, amounts)]
    rest = replace(amounts, web_searches=0, cost_microusd=amounts.cost_microusd - searches)
    return [(key, rest), ((key[0], ""), Amounts(web_searches=amounts.web_searches, cost_microusd=searches))]


def _off(compared: Comparison, export: Export, percent: Decimal) -> tuple[str, ...]:
    names = ("cost_microusd",) if export.has_cost else TOKENS
    least = Decimal(LEAST_MICROUSD if export.has_cost else LEAST_TOKENS)
    if export.rounded:
        least = max(least, Decimal(LEAST_MICROUSD) / 2 * compared.theirs.rows)
    off = []
    for name in names:
        mine, theirs = Decimal(getattr(compared.ours, name)), Decimal(getattr(compared.theirs, name))
        allowed = max(mine, theirs) * percent / 100
        if abs(mine - theirs) > (allowed if name == "web_searches" else max(least, allowed)):
            off.append(name)
    return tuple(off)


def _reasons(
    compared: Comparison, off: tuple[str, ...], calls: list[ProviderCalls], export: Export, today: str
) -> Iterable[str]:
    more = sum(Decimal(getattr(compared.theirs, name)) - Decimal(getattr(compared.ours, name)) for name in off) > 0
    orphans, estimated = sum(call.orphans for call in calls), sum(call.estimated for call in calls)
    if more:
        if not calls and compared.model:
            yield "llmgw made no call of this model that day: they were made outside it, or in another data folder"
        else:
            yield "calls made outside llmgw with the same account"
        if not compared.model and export.has_cost:
            yield "code execution, which Anthropic charges by the hour and does not count in its answers"
    if not more and not compared.theirs.rows:
        yield "the export does not have this day or model: another workspace or key, or a subscription's token"
    if orphans:
        cost = sum(call.orphans_microusd for call in calls) / 1e6
        yield f"{orphans} calls cut off by a crash are charged at their worst case here, {cost:.4f} USD"
    if estimated:
        cost = sum(call.estimated_microusd for call in calls) / 1e6
        yield f"{estimated} calls ended without a count and are charged at what they can have used, {cost:.4f} USD"
    if not export.complete:
        yield "the export says that it has more pages"
    if compared.day == today:
        yield "the day is not over, and Anthropic's reports lag behind"
    if export.has_cost and not more:
        yield "discounts, credits and priority capacity, which llmgw does not know"
    yield "calls around midnight UTC, which either side may count to the other day"
