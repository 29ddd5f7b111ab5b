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
            await accounts(llmgw)
            old = {row["id"]: row for row in (await llmgw.get("/api/requests"))["requests"]}
            after = ledger_of(tmp_path)

    (first,) = paid
    assert before["/api/spend?by=tier"]["total"]["cost_microusd"] == first.cost_microusd
    assert first.cost_microusd > 0 and after[0] == first
    assert float(headers["x-llmgw-cost-usd"]) * 1e6 > 30 * first.cost_microusd, "the new price is in force"
    assert [old[row["id"]] for row in before["/api/requests"]["requests"]] == before["/api/requests"]["requests"]
    assert sum(row["cost_microusd"] for row in old.values()) == sum(entry.cost_microusd for entry in after)


async def test_an_upstream_that_reports_a_hundred_million_tokens_for_a_short_prompt_does_not_end_the_day(
    tmp_path: Path,
) -> None:
    """It is charged as the most that can have been, and the request says so."""
    price = Price(input=3.0, output=15.0)
    lie = Reply(text="Ten words.", usage={"input_tokens": 100_000_000, "output_tokens": 100_000_000})
    settings: dict[str, Any] = {"prices": {MODEL: price}, "rate_limit_tpm": 0}
    async with FakeAnthropic() as fake, client(tmp_path, **settings, **with_claude(fake)) as llmgw:
        for number, stream in enumerate((False, True)):
            fake.script(lie)
            if stream:
                await llmgw.stream(f"Question {number}?", max_tokens=100)
            else:
                await llmgw.chat(f"Question {number}?", max_tokens=100)
        status, _, body = await llmgw.chat("Is there money left?", max_tokens=100)
        *_, row = (await llmgw.get("/api/requests"))["requests"]
        detail = await llmgw.get(f"/api/requests/{row['id']}")
        lied = ledger_of(tmp_path)[:2]
    assert status == 200, body
    assert all(3_000_000 <= entry.cost_microusd < 5_000_000 for entry in lied), "a context of a million tokens"
    (remark,) = [remark["text"] for remark in detail["remarks"] if remark["step"] == "usage"]
    assert "100,000,000 prompt" in remark and "Compare it with the provider's own bill." in remark
