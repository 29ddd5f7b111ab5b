"""A restart on a long ledger reads no more of it than one on a short ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway_core.clock import SystemClock
from gateway_core.gateway import Gateway
from gateway_core.store import files, tallies
from gateway_core.store.database import Database
from gateway_core.store.days import DAY_S, day_of
from gateway_core.store.requests import RequestLog
from tests.http.inside import make_settings

SHORT, LONG = 1_000, 6_000
NOW = SystemClock().now()


async def filled(folder: Path, count: int) -> Path:
    """A data folder with so many requests and calls of earlier days, as an hour of llmgw leaves it behind."""
    database = await Database.open(folder / "llmgw.db", SystemClock())
    ats = [NOW - 2 * DAY_S - 300 * DAY_S * number / count for number in range(count)]

    def fill(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO requests (id, at, status, client, lane, purpose, asked_model, preview, input_tokens,"
            " output_tokens, tools, stream, tier, provider, model, cache, route, cost_microusd, saved_microusd,"
            " latency_ms, search) VALUES (?, ?, 'ok', '', 'interactive', 'chat', '', '', 9, 9, 0, 0, 'premium',"
            " 'anthropic', 'claude-sonnet-5-5', ?, '', 100, 100, 1000, '')",
            [(f"req_{number}", at, ("exact", "miss")[number % 2]) for number, at in enumerate(ats)],
        )
        connection.executemany(
            "INSERT INTO reservations (id, request_id, attempt, day, tier, provider, model, reserved_microusd, state,"
            " cost_microusd, created_at) VALUES (?, ?, 1, ?, 'premium', 'anthropic', 'claude-sonnet-5-5', 300,"
            " 'settled', 100, ?)",
            [(f"req_{number}/1", f"req_{number}", day_of(at), at) for number, at in enumerate(ats)],
        )

    await database.run(fill)
    await RequestLog(database, SystemClock()).keep_savings(NOW)
    await database.close()
    return folder


class Steps:
    """Counts the steps of SQLite's virtual machine, a row that is looked at takes a few, by tens."""

    def __init__(self) -> None:
        self.tens = 0
        self.counting = False

    def connect(self, *given: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = CONNECT(*given, **named)
        if self.counting:
            connection.set_progress_handler(self._count, 10)
        return connection

    def _count(self) -> int:
        self.tens += 1
        return 0


CONNECT = sqlite3.connect


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    """Every file is large, and lists are as short as they are beside a ledger of a million entries."""
    counted = Steps()
    monkeypatch.setattr(sqlite3, "connect", counted.connect)
    monkeypatch.setattr(files, "CHECKED_WHOLE_BYTES", 1)
    monkeypatch.setattr(files, "NEWEST_CHECKED", 100)
    monkeypatch.setattr(tallies, "NEWEST_ANSWERS", 100)
    yield counted


async def started(folder: Path, steps: Steps) -> int:
    before, steps.counting = steps.tens, True
    gateway = await Gateway.open(make_settings(folder))
    taken, steps.counting = steps.tens - before, False
    await gateway.close()
    return taken


async def test_a_start_on_a_ledger_six_times_as_long_takes_no_more_steps(tmp_path: Path, steps: Steps) -> None:
    short = await started(await filled(tmp_path / "short", SHORT), steps)
    long = await started(await filled(tmp_path / "long", LONG), steps)
    assert long < short + (LONG - SHORT) / 20


async def test_what_was_saved_before_and_what_came_since_is_the_same_as_all_of_it(tmp_path: Path) -> None:
    folder = await filled(tmp_path, 100)
    with closing(sqlite3.connect(folder / "llmgw.db")) as connection:
        connection.execute("UPDATE requests SET at = ? WHERE id = 'req_0'", (NOW,))
        connection.execute("UPDATE requests SET at = ?, status = 'running' WHERE id = 'req_1'", (NOW - 3_600,))
        kept = tallies.read_savings(connection)
        assert kept.exact.hits == 51
        tallies.keep_savings(connection, NOW + DAY_S)
        connection.execute("UPDATE requests SET cache = 'semantic', status = 'ok' WHERE id = 'req_1'")
        assert tallies.read_savings(connection).semantic.hits == 1
        tallies.keep_savings(connection, NOW + DAY_S)
        tallies.keep_savings(connection, NOW + DAY_S)
        after = tallies.read_savings(connection)
    assert (after.exact.hits, after.semantic.hits) == (51, 1) and after.exact == kept.exact
