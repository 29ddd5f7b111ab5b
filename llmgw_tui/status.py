"""``llmgw status``: one line on the running gateway."""

from __future__ import annotations

import json
import sys

import aiohttp

from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from llmgw_tui.reach import ASK_S, address_of


async def status(settings: Settings, *, as_json: bool) -> int:
    """One line for a prompt or a status bar; 1 when no gateway runs."""
    key = gateway_secret(settings, create=False) or ""
    timeout = aiohttp.ClientTimeout(total=ASK_S)
    headers = {"Authorization": f"Bearer {key}"}
    address = address_of(settings)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async with session.get(f"{address}/health") as answer:
                health = await answer.json()
            if health.get("service") != "llmgw":
                raise ValueError("something else answers there, and is not told the key")
            async with session.get(f"{address}/api/metrics", headers=headers) as answer:
                metrics = await answer.json()
                refused = answer.status != 200
            async with session.get(f"{address}/api/budget", headers=headers) as answer:
                budget = await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError, RecursionError):
        print(json.dumps({"running": False}) if as_json else f"llmgw: nothing answers at {address}")
        return 1
    if refused:
        print(f"llmgw: a gateway runs at {address}, but the key here is not its key.", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps({"running": True, "address": address, **health, "metrics": metrics, "budget": budget}))
        return 0
    hard = f" of {budget['hard_usd']:.2f}" if budget["hard_usd"] else ""
    hits = metrics["cache"]["hit_rate"]
    print(
        f"llmgw {health['state']}  {budget['spent_usd']:.2f}{hard} USD today  saved {metrics['saved_usd']:.2f}  "
        f"{metrics['requests_today']} requests  cache {hits:.0%}  {metrics['in_flight']} in flight"
    )
    return 0
