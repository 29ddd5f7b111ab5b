"""``llmgw report``: by what, in which form, and against an export of Anthropic's."""

from __future__ import annotations

import csv
import io
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway_core.clock import SystemClock
from gateway_core.model import Target, Tier, Usage
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.days import day_of, days_before
from gateway_core.store.ledger import Ledger, LedgerEntry
from gateway_core.store.requests import RequestLog
from llmgw_tui.cli import main
from llmgw_tui.reconciling import reconcile
from llmgw_tui.report import report
from tests.http.inside import make_settings
from tests.store.support import PAID, request_detail, request_row
from tests.wire.test_anthropic_exports import COST, USED, bucket, pages

GUESSED = Target(Tier.CHEAP, "groq", "model-of-tomorrow", free=False)


@pytest.fixture
def today() -> str:
    return day_of(time.time())


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A data folder with two paid calls, one of them at a price that nobody knows, and a hit."""
    clock = SystemClock()
    database = await Database.open(tmp_path / FILE_NAME, clock)
    log, ledger = RequestLog(database, clock), Ledger(database, clock)
    for number, (target, cost) in enumerate(((PAID, 400_000), (GUESSED, 70))):
        row = request_row(f"r{number}", at=clock.now(), tier=target.tier, provider=target.provider, model=target.model)
        row = replace(row, cost_microusd=cost, premium_microusd=500_000, no_prompt_cache_microusd=450_000)
        row = replace(row, saved_microusd=500_000 - cost)
        await log.add(row, request_detail(row))
        entry = LedgerEntry(row.id, 1, day_of(clock.now()), target, cost, clock.now())
        usage = Usage(1500, 500, 200, 500, 1000)
        await ledger.settle(await ledger.reserve(entry), cost, usage)
    await database.close()
    return tmp_path


async def printed(capsys: pytest.CaptureFixture[str], folder: Path, form: str, by: str | None = None) -> str:
    assert await report(make_settings(folder), 7, form, by) == 0
    return capsys.readouterr().out


async def test_the_table_has_what_was_saved_by_what_and_its_total(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = await printed(capsys, folder, "table")
    lines = out.splitlines()
    assert lines[0].split()[-5:] == ["cost", "saved", "cache", "prompt", "routing"]
    assert lines[2].split()[3:] == ["1", "1", "0", "100", "20", "$0.000070*", "$0.500", "$0.00", "$0.450", "$0.050"]
    assert lines[3].split()[:2] == ["total", "2"] and "$0.400" in lines[3]
    assert "* no price is known" in out


async def test_prompt_cache_writes_that_are_not_repaid_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "not yet repaid" not in await printed(capsys, folder, "table")
    database = await Database.open(folder / FILE_NAME)
    row = request_row("written", at=SystemClock().now(), saved_microusd=-56_000)
    row = replace(row, cost_microusd=300_000, no_prompt_cache_microusd=244_000)
    await RequestLog(database, SystemClock()).add(row, request_detail(row))
    await database.close()
    out = await printed(capsys, folder, "table")
    assert "-$0.056" in out and "prompt: less than $0 is prompt-cache writes not yet repaid by reads" in out


@pytest.mark.parametrize("by", [None, "day", "tier", "model", "session"])
async def test_each_form_adds_up_to_the_ledger(
    folder: Path, capsys: pytest.CaptureFixture[str], by: str | None
) -> None:
    rows = json.loads(await printed(capsys, folder, "json", by))
    lines = list(csv.DictReader(io.StringIO(await printed(capsys, folder, "csv", by))))
    assert [list(row) for row in rows] == [list(line) for line in lines]
    for found in (rows, lines):
        assert round(sum(float(row["cost_usd"]) for row in found) * 1e6) == 400_070
        parts = ("answer_cache", "prompt_cache", "routing")
        split = sum(float(row[f"saved_by_{part}_usd"]) for row in found for part in parts)
        assert round(split * 1e6) == round(sum(float(row["saved_usd"]) for row in found) * 1e6) == 599_930
    assert ("session" in rows[0]) == (by == "session")
    if by in (None, "model"):
        assert {row["model"]: row["price_known"] for row in rows} == {PAID.model: True, GUESSED.model: False}


async def held(folder: Path, data: bytes, form: str = "table", tolerance: float = 1.0) -> int:
    file = folder / "export"
    file.write_bytes(data)
    return await reconcile(make_settings(folder), file, tolerance, form)


def used_today(today: str, **more: Any) -> bytes:
    searches = {"server_tool_use": {"web_search_requests": 0}}
    after = days_before(today, -1)
    return pages(bucket({**USED, **searches, "model": PAID.model, **more}, day=today, after=after))


async def test_a_ledger_that_agrees_with_the_export(
    folder: Path, today: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await held(folder, used_today(today)) == 0
    assert "All 1 days and models agree within 1 %." in capsys.readouterr().out


async def test_a_ledger_that_does_not(folder: Path, today: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await held(folder, used_today(today, output_tokens=900)) == 1
    out = capsys.readouterr().out
    assert "-400 !" in out and "outside llmgw" in out and "1 of 1 days" in out
    assert await held(folder, used_today(today, output_tokens=900), tolerance=50) == 0


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_the_comparison_as_data(folder: Path, today: str, capsys: pytest.CaptureFixture[str], form: str) -> None:
    cost = pages(bucket({**COST, "amount": "41.5"}, day=today, after=days_before(today, -1)))
    assert await held(folder, cost, form) == 1
    out = capsys.readouterr().out
    (row,) = json.loads(out) if form == "json" else csv.DictReader(io.StringIO(out))
    assert (float(row["ledger_cost_usd"]), float(row["anthropic_cost_usd"])) == (0.4, 0.415)
    assert str(row["off"]) == "True" and "outside llmgw" in str(row["reasons"])


@pytest.mark.parametrize(
    ("data", "says"), [(b"a,b\n1,2\n", "Console's CSV"), (b"{}", "Anthropic's reports"), (None, "No such file")]
)
async def test_a_file_that_is_no_export_is_refused_with_what_would_be(
    folder: Path, capsys: pytest.CaptureFixture[str], data: bytes | None, says: str
) -> None:
    if data is None:
        assert await reconcile(make_settings(folder), folder / "none", 1.0, "table") == 1
    else:
        assert await held(folder, data) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("tolerance", ["-1", "101", "much", "nan"])
def test_a_tolerance_is_a_percentage(tolerance: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["report", "--reconcile", "x", "--tolerance", tolerance])
    assert ended.value.code == 2
