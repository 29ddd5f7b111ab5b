"""Older files are brought up to date, each step whole, and what they did not know stays unknown."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import fields
from itertools import chain
from pathlib import Path

import pytest

from gateway_core.model import Counted, RequestRow
from gateway_core.store.database import Database
from gateway_core.store.days import end_of
from gateway_core.store.errors import StoreError
from gateway_core.store.migrations import _DIFFICULTY, MIGRATIONS
from gateway_core.store.report import KEYS, sums_between
from gateway_core.store.requests import RequestLog
from tests.store.support import (
    DAY,
    NEXT_DAY,
    NOON,
    FakeClock,
    request_row,
    rows,
)


async def test_every_step_of_the_schema_is_taken_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "llmgw.db"
    await (await Database.open(path)).close()
    broken = (*MIGRATIONS, ("CREATE TABLE second (x)", "CREATE TABLE nonsense ("))
    monkeypatch.setattr("gateway_core.store.migrations.MIGRATIONS", broken)
    with pytest.raises(StoreError):
        await Database.open(path)
    monkeypatch.setattr("gateway_core.store.migrations.MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE second (x)",)))
    database = await Database.open(path)
    assert (await rows(database, "PRAGMA user_version"))[0][0] == len(MIGRATIONS) + 1
    assert await rows(database, "SELECT * FROM second") == []
    await database.close()


def first_schema(path: Path, steps: int = 1) -> sqlite3.Connection:
    """A database as the first release made it, or as it is after some steps more."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in chain.from_iterable(MIGRATIONS[:steps]):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {steps}")
    return connection


async def test_older_requests_get_their_difficulty_out_of_their_decision(tmp_path: Path) -> None:
    path, before = tmp_path / "llmgw.db", len(MIGRATIONS[: MIGRATIONS.index(_DIFFICULTY)])
    details = {"r1": '{"decision":{"difficulty":0.71}}', "r2": '{"decision":null}', "r3": "{", "r4": None, "r5": "[0]"}
    with closing(first_schema(path, before)) as connection:
        for name, detail in details.items():
            row = request_row(name)
            values = {field.name: getattr(row, field.name) for field in fields(RequestRow)}
            plain = [str(value) if isinstance(value, str) else value for value in values.values()]
            names, places = ", ".join(values), ", ".join("?" * len(plain))
            statement = f"INSERT INTO requests (search, detail, {names}) VALUES ('', ?, {places})"
            connection.execute(statement, (detail, *plain))
    database = await Database.open(path)
    found = await rows(database, "SELECT id, difficulty FROM requests ORDER BY id")
    assert found == [("r1", 0.71), ("r2", None), ("r3", None), ("r4", None), ("r5", None)]
    await database.close()


async def test_requests_of_the_first_schema_are_not_marked_as_repaired(tmp_path: Path) -> None:
    path = tmp_path / "llmgw.db"
    with closing(first_schema(path)) as connection:
        known = {row[1] for row in connection.execute("PRAGMA table_info(requests)")}
        row = {field.name: getattr(request_row(), field.name) for field in fields(RequestRow) if field.name in known}
        values = [str(value) if isinstance(value, str) else value for value in row.values()]
        places = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO requests (search, {', '.join(row)}) VALUES ('', {places})", values)
    database = await Database.open(path)
    assert await RequestLog(database, FakeClock()).recent(9) == (request_row(),)
    await database.close()


async def test_rows_from_before_counterfactuals_stay_unknown(tmp_path: Path) -> None:
    path = tmp_path / "llmgw.db"
    with closing(first_schema(path)) as connection:
        connection.execute(
            "INSERT INTO requests (id, at, status, client, lane, purpose, asked_model, preview, input_tokens,"
            " output_tokens, tools, stream, cache, route, cost_microusd, saved_microusd, latency_ms, search) VALUES"
            f" ('old', {NOON}, 'ok', 'c', 'interactive', 'chat', 'm', 'p', 1, 1, 0, 0, 'exact', 'r', 0, 77, 1.0, '')",
        )
    database = await Database.open(path)
    try:
        log = RequestLog(database, FakeClock())
        (row,) = await log.recent(1)
        (sums,) = await database.run(lambda connection: sums_between(connection, DAY, DAY, KEYS))
    finally:
        await database.close()
    assert (row.premium_microusd, row.no_prompt_cache_microusd, row.no_answer_cache_microusd) == (None, None, None)
    assert (sums.saved_microusd, sums.saved_unsplit_microusd, sums.saved_by_answer_cache_microusd) == (77, 77, 0)


async def test_of_older_rows_it_is_told_that_their_tokens_were_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "llmgw.db"
    details = {
        "counted": '{"usage":{"estimated":false}}',
        "cut": '{"usage":{"estimated":true}}',
        "said": """{"usage":{"estimated":false},"error_message":"\\"estimated\\":true"}""",
        "damaged": '{"usage":{"estimated":true',
        "none": None,
    }
    with closing(first_schema(path)) as connection:
        for status in ("ok", "cancelled"):
            connection.executemany(
                "INSERT INTO requests (id, at, status, client, lane, purpose, asked_model, preview, input_tokens,"
                " output_tokens, tools, stream, cache, route, cost_microusd, saved_microusd, latency_ms, search,"
                " detail) VALUES (?, ?, ?, 'c', 'background', 'p', 'm', 'p', 1, 1, 0, 0, 'miss', 'r', 0, 0, 0, '', ?)",
                [(f"{name} {status}", NOON, status, detail) for name, detail in details.items()],
            )
    database = await Database.open(path)
    rows = await RequestLog(database, FakeClock()).recent(20)
    await database.close()
    known = {row.id: (row.input_counted, row.output_counted) for row in rows}
    assert known.pop("cut ok") == (Counted.ESTIMATED, Counted.ESTIMATED)
    assert known.pop("cut cancelled") == (Counted.CEILING, Counted.CEILING)
    assert set(known.values()) == {(Counted.MEASURED, Counted.MEASURED)} and len(known) == 8


async def test_requests_from_before_the_day_that_paid_was_kept_get_it_from_the_ledger(tmp_path: Path) -> None:
    path, midnight = tmp_path / "llmgw.db", end_of(DAY)
    with closing(first_schema(path, steps=11)) as connection:
        for name, at, reserved_at, day in (
            ("late", midnight - 0.01, midnight + 1, NEXT_DAY),
            ("long", midnight - 0.01, midnight - 0.01, DAY),
            ("early", midnight + 1, midnight + 2, NEXT_DAY),
            ("released", midnight - 0.01, midnight + 1, NEXT_DAY),
        ):
            connection.execute(
                "INSERT INTO requests (id, at, status, client, lane, purpose, asked_model, preview, input_tokens,"
                " output_tokens, tools, stream, cache, route, cost_microusd, saved_microusd, latency_ms, search) VALUES"
                " (?, ?, 'ok', 'c', 'interactive', 'chat', 'm', 'p', 1, 1, 0, 0, 'miss', 'r', 0, 1, 1.0, '')",
                (name, at),
            )
            connection.execute(
                "INSERT INTO reservations (id, request_id, attempt, day, tier, provider, model, reserved_microusd,"
                " created_at, state) VALUES (?, ?, 1, ?, 'premium', 'p', 'm', 1, ?, ?)",
                (name, name, day, reserved_at, "released" if name == "released" else "settled"),
            )
    database = await Database.open(path)
    try:
        found = await rows(database, "SELECT id, paid_day FROM requests ORDER BY id")
        sums = await database.run(lambda connection: sums_between(connection, DAY, NEXT_DAY, ("day",)))
    finally:
        await database.close()
    assert found == [("early", None), ("late", NEXT_DAY), ("long", None), ("released", None)]
    assert {row.day: row.requests for row in sums} == {DAY: 2, NEXT_DAY: 2}
