"""A price that is changed counts from then on: what was paid stays what it was, in every account of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway_core.settings import Price
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.faults.mortal import ledger_of
from tests.http.inside import Client, client, with_claude

MODEL = "anthropic/claude-sonnet-5-5"
ACCOUNTS = (
    "/api/requests",
    "/api/budget",
    *(f"/api/spend?by={by}" for by in ("day", "tier", "provider", "model")),
    "/api/spend?by=model&period=7d",
)


async def accounts(llmgw: Client) -> dict[str, Any]:
    """All that says what was paid and what was saved."""
    found = {path: await llmgw.get(path) for path in ACCOUNTS}
    for row in found["/api/requests"]["requests"]:
        found[row["id"]] = await llmgw.get(f"/api/requests/{row['id']}")
    async with llmgw.http.get("/api/spend?by=model&format=csv") as answer:
        found["csv"] = await answer.text()
    return found


async def test_a_changed_price_rewrites_no_history(tmp_path: Path) -> None:
    cheap, dear = (Price(input=1.0 * factor, output=5.0 * factor) for factor in (1, 40))
    async with FakeAnthropic(default=Reply(text="word " * 30)) as fake:
        async with client(tmp_path, prices={MODEL: cheap}, **with_claude(fake)) as llmgw:
            for _ in range(2):
                assert (await llmgw.chat("What is it worth?", max_tokens=100))[0] == 200
            before, paid = await accounts(llmgw), ledger_of(tmp_path)
        async with client(tmp_path, prices={MODEL: dear}, **with_claude(fake)) as llmgw:
            assert await accounts(llmgw) == before
            _, headers, _ = await llmgw.chat("What is it worth now?", max_tokens=100)
            after = ledger_of(tmp_path)
            old = {row["id"]: row for row in (await llmgw.get("/api/requests"))["requests"]}

    (first,) = paid
    assert before["/api/spend?by=tier"]["total"]["cost_microusd"] == first.cost_microusd
    assert first.cost_microusd > 0 and after[0] == first
    assert float(headers["x-llmgw-cost-usd"]) * 1e6 > 30 * first.cost_microusd, "the new price is in force"
    assert [old[row["id"]] for row in before["/api/requests"]["requests"]] == before["/api/requests"]["requests"]
    assert sum(row["cost_microusd"] for row in old.values()) == sum(entry.cost_microusd for entry in after)
