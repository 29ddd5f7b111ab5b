"""What a request used and cost, and what it would have cost otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from gateway_core.model import Cost, RequestDetail, RequestRow
from llmgw_tui.panes.details import Line, pair
from llmgw_tui.text import count, dollars, preview
from llmgw_tui.theme import BRIGHT_STYLE, GOOD_STYLE, MUTED_STYLE, WARN_STYLE


def cost_lines(detail: RequestDetail) -> Iterator[Line]:
    usage, row = detail.usage, detail.row
    counted = "  (estimated: the upstream reported none)" if usage.estimated else ""
    yield pair("input", f"{usage.input_tokens:,}{counted}")
    if usage.cache_read_tokens:
        yield pair("cache read", f"{usage.cache_read_tokens:,}  from the provider's prompt cache")
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    if written:
        yield pair("cache write", f"{written:,}  to the provider's prompt cache")
    reasoning = f"  of which reasoning {count(usage.reasoning_tokens)}" if usage.reasoning_tokens else ""
    yield pair("output", f"{usage.output_tokens:,}{reasoning}")
    if usage.web_searches:
        yield pair("searches", f"{usage.web_searches:,}  made by the provider")
    guessed = any(remark.step == "price" for remark in detail.remarks)
    yield pair(
        "cost",
        (dollars(row.cost_microusd) if row.cost_microusd else "nothing") + ("  price unknown" if guessed else ""),
        WARN_STYLE if guessed else BRIGHT_STYLE,
    )
    if parts := _cost_parts(detail.cost):
        yield pair("", parts, MUTED_STYLE)
    yield from _savings(row)
    if detail.attempts > 1:
        yield pair("attempts", str(detail.attempts), WARN_STYLE)
    if row.repaired:
        yield pair("repaired", "an answer was none: it was put right, or another model was asked", WARN_STYLE)
    if row.finish_reason:
        yield pair("finished", preview(row.finish_reason))


def _cost_parts(cost: Cost) -> str:
    """What the money was for, where there is more than one thing."""
    parts = [
        f"{name.replace('_', ' ')} {dollars(part)}"
        for name, part in ((f.name, getattr(cost, f.name)) for f in fields(cost))
        if part
    ]
    return "  ".join(parts) if len(parts) > 1 else ""


def _savings(row: RequestRow) -> Iterator[Line]:
    """What the answer would have cost otherwise, and what saved the difference."""
    if row.premium_microusd is None and row.no_prompt_cache_microusd is None:
        if row.saved_microusd:
            yield pair("saved", f"{dollars(row.saved_microusd)}  against the premium model's list price", GOOD_STYLE)
        return
    if row.premium_microusd is not None:
        yield pair("all premium", f"{dollars(row.premium_microusd)}  premium would have cost, at its list price")
    if row.no_prompt_cache_microusd is not None:
        yield pair(
            "uncached",
            f"{dollars(row.no_prompt_cache_microusd)}  without prompt cache it would have cost",
        )
    if row.no_answer_cache_microusd is not None:
        yield pair(
            "no answer c.",
            f"{dollars(row.no_answer_cache_microusd)}  without answer cache, as when it was made",
        )
    names = ("answer cache", "prompt cache", "routing")
    split = [
        f"{name} {dollars(part)}"
        for name, part in zip(names, row.otherwise.saved(row.cost_microusd), strict=True)
        if part
    ]
    if split:
        style = GOOD_STYLE if row.saved_microusd >= 0 else WARN_STYLE
        yield pair("saved", f"{dollars(row.saved_microusd)}  by {', '.join(split)}", style)
