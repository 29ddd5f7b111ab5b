"""What was spent, over HTTP, and that everything that tells of today tells the same."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway_core.clock import SystemClock
from gateway_core.events import RequestFinished
from gateway_core.model import Savings, SemanticStats, Snapshot, Status
from gateway_core.settings_sources import Place
from gateway_core.spend_values import BY
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.days import day_of, days_before
from gateway_core.store.ledger import Ledger, LedgerEntry
from gateway_core.store.requests import RequestLog
from llmgw_tui.panes.draw import Look
from llmgw_tui.panes.header import Link, header_view
from llmgw_tui.panes.spend import spend_view
from llmgw_tui.report import report
from llmgw_tui.source_http import HttpSource
from llmgw_tui.status import status
from llmgw_tui.text import dollars
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import KEY, Client, chat_body, client, make_settings, with_claude
from tests.store.support import PAID, request_detail, request_row

ORPHAN_MICROUSD = 420_000
USAGE = {
    "input_tokens": 1000,
    "output_tokens": 100,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
}


async def leave_as_a_crash_does(folder: Path) -> None:
    """A request was running, its paid call and another one reserved; yesterday something was spent."""
    clock = SystemClock()
    database = await Database.open(folder / FILE_NAME, clock)
    ledger, today = Ledger(database, clock), day_of(clock.now())
    row = request_row("req_cut", at=clock.now(), status=Status.RUNNING, tier=PAID.tier, provider="anthropic")
    await RequestLog(database, clock).add(row, request_detail(row, answer=None))
    for name in ("req_cut", "req_lost"):
        await ledger.reserve(LedgerEntry(name, 1, today, PAID, ORPHAN_MICROUSD, clock.now()))
    old = LedgerEntry("req_old", 1, days_before(today, 1), PAID, 70_000, clock.now() - 86_400)
    await ledger.settle(await ledger.reserve(old), 70_000, request_detail(row).usage)
    await database.close()


async def mixed_traffic(llmgw: Client, fake: FakeAnthropic) -> None:
    """Paid, from the cache, failed in the middle, killed, refused."""
    fake.script(Reply(text="Paris.", usage=USAGE))
    for _ in range(2):
        await llmgw.chat("What is the capital of France?", temperature=0)
    for fault in ({"drop_after": 5}, {"stall_after": 5}):
        fake.script(Reply(text="one two three four five six", **fault))  # type: ignore[arg-type]
        with llmgw.gateway.bus.subscribe() as events:
            async with llmgw.http.post("/v1/chat/completions", json=chat_body(f"{fault}", stream=True)) as answer:
                await answer.content.readuntil(b"one")
                if "stall_after" in fault:
                    await llmgw.post("/api/commands/kill")
                await answer.content.read()
            async for event in events:
                if isinstance(event, RequestFinished):
                    break
    await llmgw.chat("Nothing passes now.")
    await llmgw.post("/api/commands/release")


async def test_everything_that_tells_of_today_tells_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await leave_as_a_crash_does(tmp_path)
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await mixed_traffic(llmgw, fake)
        snapshot = llmgw.gateway.snapshot()
        budget = await llmgw.get("/api/budget")
        spent = {by: await llmgw.get(f"/api/spend?period=today&by={by}") for by in BY}
        async with llmgw.http.get("/metrics") as answer:
            metrics = await answer.text()
        settings = make_settings(tmp_path, port=urlsplit(llmgw.gateway.address).port)
        assert await report(settings, 1, "json") == 0
        printed = json.loads(capsys.readouterr().out)
        where = Place(settings.host, settings.port, settings.data_dir, KEY)
        told = partial(status, where, as_json=False, template=None, timeout_s=30.0, every_s=None)
        assert await asyncio.to_thread(told) == 0
        line = capsys.readouterr().out

    today = snapshot.budget.spent_microusd
    statuses = sorted(row.status.value for row in snapshot.requests)
    assert statuses == ["failed", "failed", "killed", "ok", "ok", "refused"] and snapshot.requests_today == 6
    assert today > 2 * ORPHAN_MICROUSD + 3000 and snapshot.budget.reserved_microusd == 0
    assert round(budget["spent_usd"] * 1e6) == today
    for by, found in spent.items():
        assert found["total"]["cost_microusd"] == sum(row["cost_microusd"] for row in found["rows"]) == today, by
        assert sum(found["buckets"]["values"]) == today
        assert found["total"]["requests"] == snapshot.requests_today
        assert found["total"]["saved_microusd"] == snapshot.saved_today_microusd
        assert found["total"]["answered"] == sum(tier.requests for tier in snapshot.tiers) == 2
    assert {tier.name: tier.requests for tier in snapshot.tiers if tier.requests} == {"premium": 1, "cache": 1}
    assert {row["tier"]: row["answered"] for row in spent["tier"]["rows"] if row["answered"]} == {"premium": 2}
    assert sum(tier.cost_microusd for tier in snapshot.tiers) == today - ORPHAN_MICROUSD
    assert round(sum(row["cost_usd"] for row in printed) * 1e6) == today
    assert f"llmgw_budget_spent_usd {today / 1e6!r}" in metrics
    assert f" {today / 1e6:.2f} of 50.00 USD today" in line
    assert round(sum(snapshot.spend_by_hour.values) * 1e6) == today
    look = Look(snapshot.at)
    for strips in (spend_view(snapshot, look, 60, 10).lines, header_view(snapshot, Link(False, True), look, 120, 3)):
        assert dollars(today) in "\n".join(strip.text for strip in strips)


def of_today(snapshot: Snapshot) -> tuple[object, ...]:
    """What a restart must not change."""
    money = (snapshot.budget, snapshot.saved_today_microusd, snapshot.spend_by_hour, snapshot.requests_today)
    caches = replace(snapshot.cache, semantic=SemanticStats(), today=Savings(), ever=Savings())
    hits = (snapshot.cache.today.total.hits, snapshot.cache.ever.total.microusd)
    return (*money, caches, hits, snapshot.tiers, snapshot.requests)


async def test_a_restart_shows_what_was_shown_before_it(tmp_path: Path) -> None:
    await leave_as_a_crash_does(tmp_path)
    paths = ("/api/budget", *(f"/api/spend?period=today&by={by}" for by in BY))
    shown, told = [], []
    async with FakeAnthropic() as fake:
        for start in range(2):
            async with client(tmp_path, **with_claude(fake)) as llmgw:
                if not start:
                    await mixed_traffic(llmgw, fake)
                shown.append(of_today(llmgw.gateway.snapshot()))
                told.append([await llmgw.get(path) for path in paths])
    assert shown[1] == shown[0]
    assert told[1] == told[0]


async def spent_before(folder: Path, sessions: Sequence[str]) -> None:
    clock = SystemClock()
    database = await Database.open(folder / FILE_NAME, clock)
    log, ledger = RequestLog(database, clock), Ledger(database, clock)
    for number, session in enumerate(sessions):
        row = request_row(f"req_{number}", at=clock.now(), session=session, tier=PAID.tier, model=PAID.model)
        await log.add(row, request_detail(row))
        entry = LedgerEntry(row.id, 1, day_of(clock.now()), PAID, 1000 + number, clock.now())
        await ledger.settle(await ledger.reserve(entry), 1000 + number, request_detail(row).usage)
    await database.close()


async def test_the_csv_is_that_of_the_command_and_of_the_screen_and_has_all_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await spent_before(tmp_path, ["=1+1", *(f"s{number}" for number in range(600))])
    async with client(tmp_path) as llmgw:
        async with llmgw.http.get("/api/spend?period=7d&by=session&format=csv") as answer:
            text = (await answer.read()).decode()
            assert answer.headers["Content-Type"].startswith("text/csv")
            named = answer.headers["Content-Disposition"]
            assert re.fullmatch(r'attachment; filename="llmgw-spend-[\d-]+-by-session.csv"', named)
        shown = await llmgw.get("/api/spend?period=7d&by=session")
        source = HttpSource(llmgw.gateway.address, KEY)
        source.open()
        attached, looked = await source.spend_csv("7d", "session"), await source.spend("7d", "session")
        await source.close()
        assert text == attached == await llmgw.gateway.spending.csv("7d", "session")
        assert await report(make_settings(tmp_path), 7, "csv", "session") == 0
        assert capsys.readouterr().out == text
        assert looked == await llmgw.gateway.spending.look("7d", "session") and not looked.problem
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 601 and (len(shown["rows"]), shown["left_out"]) == (500, 101)
    assert sum(round(float(row["cost_usd"]) * 1e6) for row in rows) == shown["total"]["cost_microusd"]
    assert "'=1+1" in {row["session"] for row in rows}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("period=tomorrow", "period is today, 7d, 30d, month or a number of days up to 400d."),
        ("period=0d", "period is"),
        ("period=401d", "period is"),
        ("by=mood", "by is one of day, hour, tier"),
        ("format=xls", "format is json or csv."),
    ],
)
async def test_a_wrong_question_is_told_what_would_be_right(tmp_path: Path, query: str, says: str) -> None:
    async with client(tmp_path) as llmgw, llmgw.http.get(f"/api/spend?{query}") as answer:
        assert answer.status == 400 and says in (await answer.json())["error"]["message"]


async def test_a_month_begins_on_its_first_and_a_week_has_seven_days(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        month, week = await llmgw.get("/api/spend?period=month"), await llmgw.get("/api/spend?period=7d&by=lane")
        today = day_of(SystemClock().now())
    assert (month["first_day"], month["last_day"]) == (f"{today[:8]}01", today)
    assert len(week["buckets"]["values"]) == 7 and week["buckets"]["step_s"] == 86_400
    assert week["rows"] == [] and week["total"]["cost_microusd"] == 0


async def test_limits_out_of_order_change_nothing_and_the_override_is_told(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        before = await llmgw.get("/api/budget")
        code, refused = await llmgw.post("/api/commands/set_budget", soft=20, medium=10)
        assert code == 400 and "soft <= medium <= hard" in refused["message"]
        assert await llmgw.get("/api/budget") == before and llmgw.gateway.snapshot().configured_limits is None
        _, lowered = await llmgw.post("/api/commands/set_budget", hard=2)
        assert "soft 2.00 USD, medium 2.00 USD, hard 2.00 USD" in lowered["message"]
        assert "kept over a restart (configured: soft 5.00 USD" in lowered["message"]
    async with client(tmp_path) as llmgw:
        snapshot: Any = await llmgw.get("/api/snapshot")
        assert snapshot["budget"]["hard_microusd"] == 2_000_000
        assert snapshot["configured_limits"]["hard_microusd"] == 50_000_000
        _, back = await llmgw.post("/api/commands/set_budget", soft=5, medium=15, hard=50)
        assert "as configured" in back["message"] and llmgw.gateway.snapshot().configured_limits is None


async def test_a_long_sum_keeps_no_paid_call_waiting(tmp_path: Path) -> None:
    """The report reads beside the ledger: while it does, a call is reserved and settled."""
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        reader = await llmgw.gateway.spending._reader()
        held, release = threading.Event(), threading.Event()

        def long_sum(_: sqlite3.Connection) -> bool:
            held.set()
            return release.wait(20)

        task = asyncio.ensure_future(reader.run(long_sum))
        await asyncio.to_thread(held.wait, 20)
        status_code, _, _ = await llmgw.chat("Hello?")
        assert status_code == 200 and not task.done()
        release.set()
        await task


async def test_the_forecast_is_on_the_snapshot(tmp_path: Path) -> None:
    clock = SystemClock()
    database = await Database.open(tmp_path / FILE_NAME, clock)
    ledger, today = Ledger(database, clock), day_of(clock.now())
    for count in range(1, 8):
        entry = LedgerEntry(f"r{count}", 1, days_before(today, count), PAID, 9_000_000, clock.now() - count * 86_400)
        await ledger.settle(await ledger.reserve(entry), 9_000_000, request_detail(request_row()).usage)
    await database.close()
    async with client(tmp_path) as llmgw:
        await llmgw.gateway.spending.read_earlier(today)
        snapshot = llmgw.gateway.snapshot()
    assert snapshot.forecast.day_end is not None and snapshot.forecast.month_end is not None
    assert "and what today has cost so far" in snapshot.forecast.basis
