"""Makes a request fit the model that it goes to next, and says on the request what was left out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway_core.compaction.compact import Compaction, compact, least_tokens
from gateway_core.exchange import Exchange
from gateway_core.model import ChatRequest, Compacted, Reason, Target
from gateway_core.wire.tokens import measure

COMPACTED = "compacted"
"""The step of the remark."""


async def fit(exchange: Exchange, target: Target, budget: int | None) -> None:
    """Sets what goes to ``target``: the request whole, or within ``budget`` tokens where there is one.

    A compacted request goes as a chat completion, also where the target speaks its caller's own protocol. One that
    cannot be made to fit goes whole, and the target says so.
    """
    request = exchange.request
    exchange.sent, exchange.compacted = request, None
    if budget is None:
        return
    with exchange.watch.begin("compaction", f"{target.provider}/{target.model}") as step:
        made = await asyncio.to_thread(_made, request, budget)
        if made is None:
            step.outcome = "it cannot be made to fit"
            return
        compaction, exchange.sent = made
        step.outcome = f"{compaction.compacted_tokens:,} of {compaction.tokens:,} tokens"
    told = f"{target.provider} {target.model}"
    exchange.compacted = Compacted(
        f"{target.provider}/{target.model}",
        compaction.tokens,
        compaction.compacted_tokens,
        budget,
        compaction.left_out,
    )
    gone = compaction.tokens - compaction.compacted_tokens
    remark = Reason(COMPACTED, f"{gone:,} of {compaction.tokens:,} tokens left out for {told}: {compaction.summary}")
    if remark not in exchange.remarks:
        exchange.remarks.append(remark)


def can_be_shorter(exchange: Exchange, budget: int | None) -> bool:
    """Whether there is a point in trying a target again that has found the request too long."""
    return budget is not None and least_tokens(exchange.request.body) <= budget


def _made(request: ChatRequest, budget: int) -> tuple[Compaction, ChatRequest] | None:
    compaction = compact(request.body, budget)
    if compaction is None or not compaction.left_out:
        return None
    body = {**request.body, "messages": compaction.messages}
    return compaction, replace(request, body=body, native=None, native_headers={}, size=measure(body))
