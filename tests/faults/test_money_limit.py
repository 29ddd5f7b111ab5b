"""A hundred requests at the limit never spend past it, whatever they speak and whoever waits for them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from gateway_core.model import Usage
from gateway_core.providers.pricing import Pricing
from tests.e2e.harness import GatewayProcess, anthropic_env, gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.faults.mortal import ledger_of

HARD_USD, BACKGROUND_USD = 0.012, 0.0025
PATHS = ("chat/completions", "messages", "responses")


def bills_microusd(fake: FakeAnthropic) -> int:
    """What the upstream takes for all its answers, each rounded up as the gateway does."""
    pricing = Pricing()
    used = [Usage(usage["input_tokens"], usage["output_tokens"]) for usage in fake.usages]
    return sum(pricing.cost_microusd("anthropic", "claude-sonnet-5-5", one) for one in used)


async def ask(llmgw: GatewayProcess, number: int) -> tuple[int, str]:
    """One of a hundred: of each protocol, streamed and whole; the first seventy are the background's."""
    path, words = PATHS[number % 3], f"Question number {number}?"
    body: dict[str, Any] = {"model": "gateway-premium", "stream": number % 2 == 0}
    if path == "responses":
        body |= {"input": words, "max_output_tokens": 100}
    else:
        body |= {"messages": [{"role": "user", "content": words}], "max_tokens": 100}
    headers = {"x-llmgw-lane": "background" if number < 70 else "interactive"}
    async with llmgw.http.post(f"/v1/{path}", json=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_a_hundred_requests_at_once_never_spend_past_the_limit_nor_the_background_past_its_own(
    tmp_path: Path,
) -> None:
    limits = {"DAILY_BUDGET_HARD": str(HARD_USD), "BACKGROUND_BUDGET_DAILY": str(BACKGROUND_USD)}
    async with (
        FakeAnthropic(default=Reply(text="word " * 30, before_s=0.05)) as fake,
        gateway(tmp_path, **limits, **anthropic_env(fake)) as llmgw,
    ):
        answers = await asyncio.gather(*(ask(llmgw, number) for number in range(100)))
        budget = await llmgw.get("/api/budget")
        rows = (await llmgw.get("/api/requests?limit=100"))["requests"]
        entries = ledger_of(tmp_path)

    spent = round(budget["spent_usd"] * 1e6)
    assert 0 < spent <= HARD_USD * 1e6 and budget["reserved_usd"] == 0
    assert 0 < budget["background"]["spent_usd"] <= BACKGROUND_USD < budget["spent_usd"]
    assert spent == bills_microusd(fake) == sum(entry.cost_microusd for entry in entries)
    assert spent == sum(row["cost_microusd"] for row in rows)
    answered = [said for status, said in answers if status == 200]
    refused = [said for status, said in answers if status == 429]
    assert len(answered) == fake.calls and len(answered) + len(refused) == 100
    assert answered and refused and all("Resets at 00:00 UTC" in said for said in refused)
