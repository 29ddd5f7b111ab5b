"""Work that waits shares commits, and what has time makes way for what is in a hurry."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from gateway_core.store.database import Database
from tests.store.support import (
    INSERT,
    insert,
)


async def test_work_that_waits_shares_a_commit(database: Database) -> None:
    statements: list[str] = []
    began, gate = threading.Event(), threading.Event()

    def block(connection: sqlite3.Connection) -> None:
        began.set()
        gate.wait(10)

    await database.run(lambda connection: connection.set_trace_callback(statements.append))
    blocked = asyncio.create_task(database.run(block))
    await asyncio.to_thread(began.wait, 10)
    waiting = [
        asyncio.create_task(database.run(lambda connection, n=number: insert(connection, f"job {n}")))  # type: ignore[misc]
        for number in range(20)
    ]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(blocked, *waiting)
    await database.run(lambda connection: connection.set_trace_callback(None))
    inserts = [number for number, text in enumerate(statements) if text.startswith("INSERT")]
    assert len(inserts) == 20
    assert "COMMIT" not in statements[inserts[0] : inserts[-1]]


async def test_patient_work_makes_way_and_shares_the_commit_of_what_comes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await Database.open(tmp_path / "llmgw.db")
    commits: list[list[str]] = []
    transact = Database._transact
    loop, done = asyncio.get_running_loop(), list[str]()
    began, gate = threading.Event(), threading.Event()

    def counted(of: Database, jobs: Iterable[Any], taken: list[Any]) -> None:
        before = len(done)
        transact(of, jobs, taken)
        commits.append(done[before:])

    def work(name: str) -> Callable[[sqlite3.Connection], None]:
        def note(connection: sqlite3.Connection) -> None:
            if name == "first":
                began.set()
                gate.wait(10)
            done.append(name)

        return note

    monkeypatch.setattr(Database, "_transact", counted)
    patient = [database.begin(work(name), patiently=True) for name in ("first", "second", "third")]
    await database.run(work("at once"))
    assert commits == [["at once"]], "nobody waits for what has time"
    database.hurry()
    await loop.run_in_executor(None, began.wait, 10)
    in_a_hurry = database.begin(work("in a hurry"))
    await asyncio.sleep(0)
    gate.set()
    await in_a_hurry
    await asyncio.gather(*patient)
    assert commits == [["at once"], ["first", "in a hurry"], ["second", "third"]]
    await database.close()


async def test_patient_work_is_done_before_the_file_is_closed(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "llmgw.db")
    done = database.begin(lambda connection: connection.execute(INSERT, ("patient", "x")).rowcount, patiently=True)
    added: list[asyncio.Future[int]] = []
    again = lambda connection: connection.execute(INSERT, ("added", "x")).rowcount  # noqa: E731
    database.on_hurry.append(lambda: added.append(database.begin(again, patiently=True)))
    await database.close()
    assert await done == 1 == await added[0]


async def test_all_that_waits_is_told_at_once_where_no_transaction_can_begin(tmp_path: Path) -> None:
    """To begin takes seconds where another program holds the database: not for each of them again."""
    database = await Database.open(tmp_path / "llmgw.db")
    connection = database._connection
    assert connection is not None
    waits, tried = threading.Event(), 0

    def forbidden(action: int, *_: object) -> int:
        nonlocal tried
        tried += action == sqlite3.SQLITE_TRANSACTION
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_TRANSACTION else sqlite3.SQLITE_OK

    def forbid() -> None:
        waits.wait(30)
        connection.set_authorizer(forbidden)

    forbidding = asyncio.ensure_future(database._ordered(forbid))
    await asyncio.sleep(0)
    waiting = [database.begin(lambda connection: None) for _ in range(3)]
    waits.set()
    async with asyncio.timeout(30):
        await forbidding
        told = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one, Exception) for one in told) and tried == 1
    await database._ordered(lambda: connection.set_authorizer(None))
    await database.run(lambda connection: None)
    await database.close()
