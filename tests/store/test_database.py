from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path

import pytest

from gateway_core.model import KillSwitch
from gateway_core.store.database import Database
from gateway_core.store.errors import NewerStore, StoreError
from gateway_core.store.files import PAGE_BYTES
from gateway_core.store.ledger import Ledger, Orphans
from gateway_core.store.migrations import MIGRATIONS
from gateway_core.store.operator import OperatorState, OperatorStore
from tests.store.support import (
    DAY,
    INSERT,
    FakeClock,
    entry,
    fill_the_disk,
    free_the_disk,
    insert,
    make_read_only,
    names,
    rows,
)


async def test_opens_durable_and_private(database: Database) -> None:
    async def pragma(name: str) -> object:
        return (await rows(database, f"PRAGMA {name}"))[0][0]

    await database.run(lambda connection: insert(connection, "one"))
    assert await pragma("journal_mode") == "wal"
    assert await pragma("synchronous") == 2
    assert await pragma("foreign_keys") == 1
    assert await pragma("busy_timeout") == 5000
    assert await pragma("user_version") == len(MIGRATIONS)
    files = [path for path in database.path.parent.iterdir() if path.is_file()]
    assert len(files) >= 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(database.path.parent.stat().st_mode) == 0o700


async def test_a_loose_umask_does_not_open_the_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = await Database.open(tmp_path / "data" / "llmgw.db")
    finally:
        os.umask(before)
    await database.close()
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(database.path.parent.stat().st_mode) == 0o700


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "llmgw.db"
    path.touch(0o644)
    path.chmod(0o644)
    await (await Database.open(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_what_is_written_is_there_after_reopening(database: Database) -> None:
    await database.run(lambda connection: insert(connection, "one"))
    await database.close()
    again = await Database.open(database.path)
    assert await names(again) == ["one"]
    assert again.notices == []
    await again.close()


async def test_work_that_raises_leaves_nothing(database: Database) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        insert(connection, "half")
        raise LookupError("no")

    with pytest.raises(LookupError):
        await database.run(fail)
    assert await names(database) == []


async def test_one_bad_job_among_many_fails_alone(database: Database) -> None:
    def job(number: int) -> Coroutine[None, None, int]:
        def work(connection: sqlite3.Connection) -> int:
            insert(connection, f"job {number}")
            if number == 7:
                raise LookupError("seven")
            return number

        return database.run(work)

    results = await asyncio.gather(*(job(number) for number in range(100)), return_exceptions=True)
    assert [result for result in results if not isinstance(result, BaseException)] == [n for n in range(100) if n != 7]
    assert isinstance(results[7], LookupError)
    assert sorted(str(name) for name in await names(database)) == sorted(f"job {n}" for n in range(100) if n != 7)


async def test_a_cancelled_caller_loses_no_write(database: Database) -> None:
    gate = threading.Event()
    blocked = asyncio.create_task(database.run(lambda connection: gate.wait(10)))
    queued = asyncio.create_task(database.run(lambda connection: insert(connection, "queued")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    blocked.cancel()
    queued.cancel()
    results = await asyncio.gather(blocked, queued, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    gate.set()
    assert await names(database) == ["queued"]


async def test_the_failed_work_of_a_cancelled_caller_is_not_logged(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        raise StoreError("the disk is full")

    task = asyncio.create_task(database.run(fail))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    del task
    assert await names(database) == []
    gc.collect()
    assert caplog.records == []


async def test_close_does_the_work_that_waits_and_then_refuses(database: Database) -> None:
    waiting = asyncio.create_task(database.run(lambda connection: insert(connection, "last")))
    await asyncio.sleep(0)
    await database.close()
    await waiting
    await database.close()
    with pytest.raises(StoreError, match="closed"):
        await database.run(lambda connection: insert(connection, "late"))
    again = await Database.open(database.path)
    assert await names(again) == ["last"]
    await again.close()


def test_a_loop_that_ends_with_work_in_flight_ends_quietly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    began, gate = threading.Event(), threading.Event()
    opened: list[Database] = []
    tasks: list[asyncio.Task[None]] = []

    async def main() -> None:
        database = await Database.open(tmp_path / "llmgw.db")
        opened.append(database)

        def slow(connection: sqlite3.Connection) -> None:
            began.set()
            gate.wait(10)

        def once(connection: sqlite3.Connection, name: str) -> None:
            connection.execute(f"{INSERT} ON CONFLICT DO UPDATE SET value = 'twice'", (name, "x"))

        loop = asyncio.get_running_loop()
        tasks.append(loop.create_task(database.run(slow)))
        await asyncio.to_thread(began.wait, 10)
        for name in ("one", "two"):
            tasks.append(loop.create_task(database.run(lambda connection, name=name: once(connection, name))))  # type: ignore[misc]
        await asyncio.sleep(0)

    asyncio.run(main())
    gate.set()

    async def check() -> list[tuple[object, ...]]:
        found = await rows(opened[0], "SELECT name, value FROM operator ORDER BY name")
        await opened[0].close()
        return found

    assert asyncio.run(check()) == [("one", "x"), ("two", "x")]
    assert caplog.records == []


async def test_a_full_disk_is_said_so_and_costs_nothing(database: Database) -> None:
    await database.run(lambda connection: insert(connection, "before"))
    await fill_the_disk(database)

    def grow(connection: sqlite3.Connection) -> None:
        insert(connection, "half")
        connection.execute(INSERT, ("big", "x" * 200_000))

    with pytest.raises(StoreError, match="disk is full"):
        await database.run(grow)
    assert await names(database) == ["before"]
    await free_the_disk(database)
    await database.run(lambda connection: insert(connection, "after"))
    assert await names(database) == ["before", "after"]
    assert not [name for name in os.listdir(database.path.parent) if "corrupt" in name]


async def test_a_read_only_file_is_said_so(database: Database) -> None:
    await make_read_only(database)
    with pytest.raises(StoreError, match="read-only"):
        await database.run(lambda connection: insert(connection, "no"))
    await make_read_only(database, False)
    await database.run(lambda connection: insert(connection, "yes"))
    assert await names(database) == ["yes"]


async def test_a_reader_beside_a_running_llmgw_sees_everything_and_changes_nothing(
    database: Database, clock: FakeClock
) -> None:
    await Ledger(database, clock).reserve(entry("one"))
    reader = await Database.open(database.path, clock, read_only=True)
    assert await rows(reader, "SELECT id FROM reservations") == [("one/1",)]
    await Ledger(database, clock).reserve(entry("two"))
    assert len(await rows(reader, "SELECT id FROM reservations")) == 2
    with pytest.raises(StoreError, match="read-only"):
        await reader.run(lambda connection: insert(connection, "no"))
    await reader.close()
    await Ledger(database, clock).reserve(entry("three"))
    await database.close()
    again = await Database.open(database.path, clock)
    assert len(await rows(again, "SELECT id FROM reservations")) == 3
    await again.close()


async def test_a_reader_that_meets_damage_leaves_the_file_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "llmgw.db"
    path.write_bytes(b"damaged" * 900)
    with pytest.raises(StoreError, match="damaged"):
        await Database.open(path, read_only=True)
    assert os.listdir(tmp_path) == ["llmgw.db"]
    assert path.read_bytes() == b"damaged" * 900


async def test_a_reader_makes_and_migrates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "llmgw.db"
    with pytest.raises(StoreError, match="cannot be opened"):
        await Database.open(path, read_only=True)
    assert os.listdir(tmp_path) == []
    with closing(sqlite3.connect(path)) as older:
        older.execute("CREATE TABLE older (x)")
    with pytest.raises(StoreError, match="Start llmgw once"):
        await Database.open(path, read_only=True)


async def test_a_read_only_disk_is_said_so_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "llmgw.db"
    await (await Database.open(path)).close()
    before = path.read_bytes()
    connect = sqlite3.connect
    read_only = f"{path.as_uri()}?mode=ro"
    monkeypatch.setattr(sqlite3, "connect", lambda _, **options: connect(read_only, uri=True, **options))
    with pytest.raises(StoreError, match="read-only"):
        await Database.open(path)
    assert path.read_bytes() == before


async def test_a_file_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="data-dir"):
        await Database.open(tmp_path / "file" / "llmgw.db")
    (tmp_path / "llmgw.db").mkdir()
    (tmp_path / "llmgw.db").chmod(0o755)
    with pytest.raises(StoreError, match="is a folder where llmgw keeps a file"):
        await Database.open(tmp_path / "llmgw.db")
    assert stat.S_IMODE((tmp_path / "llmgw.db").stat().st_mode) == 0o755


async def test_a_newer_file_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "llmgw.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE future (x)")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NewerStore, match="Upgrade llmgw"):
        await Database.open(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["llmgw.db"]


@pytest.mark.parametrize("content", [b"this is not a database, it is a letter" * 40, b"\0" * 5000 + b"x"])
async def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path, clock: FakeClock, content: bytes) -> None:
    path = tmp_path / "llmgw.db"
    path.write_bytes(content)
    database = await Database.open(path, clock)
    await database.run(lambda connection: insert(connection, "works"))
    await database.close()
    aside = path.with_name("llmgw.db.corrupt-20261123T120000Z")
    assert aside.read_bytes() == content
    assert "llmgw.db.corrupt-20261123T120000Z" in database.notices[0]


async def test_a_new_database_never_meets_the_log_of_a_damaged_one(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "llmgw.db"
    await (await Database.open(path, clock)).close()
    former = await Database.open(path, clock)
    await former.run(lambda connection: insert(connection, "of before"))
    log = path.with_name("llmgw.db-wal").read_bytes()
    await former.close()
    path.with_name("llmgw.db-wal").write_bytes(log)
    path.write_bytes(b"damaged" * 900)
    database = await Database.open(path, clock)
    assert await names(database) == []
    await database.close()
    aside = path.with_name("llmgw.db.corrupt-20261123T120000Z")
    assert aside.read_bytes() == b"damaged" * 900
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == log, "what it holds of money is not lost either"
    assert [name for name in os.listdir(tmp_path) if not name.startswith(aside.name)] == ["llmgw.db"]


async def test_a_locked_file_is_not_taken_for_a_damaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "llmgw.db"
    monkeypatch.setattr("gateway_core.store.files.BUSY_TIMEOUT_S", 0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked. Close it"):
            await Database.open(path)
    assert [name for name in os.listdir(tmp_path) if "corrupt" in name] == []


async def test_two_damaged_files_in_one_second_are_both_kept(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "llmgw.db"
    for content in (b"first" * 500, b"second" * 500):
        path.write_bytes(content)
        await (await Database.open(path, clock)).close()
    kept = [tmp_path / name for name in os.listdir(tmp_path) if ".corrupt-" in name]
    assert {found.read_bytes()[:5] for found in kept} == {b"first", b"secon"}


async def damaged(path: Path, clock: FakeClock) -> None:
    """A store with three paid calls under way and the kill switch on, whose page of bodies is destroyed."""
    database = await Database.open(path, clock)
    ledger = Ledger(database, clock)
    for number in range(3):
        await ledger.reserve(entry(f"req_{number}", cost=10))

    def many(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO bodies (request_id, at, size_bytes, messages) VALUES (?, 0, 0, ?)",
            [(f"req_{number}", b"x" * 3000) for number in range(300)],
        )

    await database.run(_add_requests(300))
    await database.run(many)
    await OperatorStore(database).save(OperatorState(kill=KillSwitch(True, 1.0, "key")))
    root = (await rows(database, "SELECT rootpage FROM sqlite_schema WHERE name = 'bodies'"))[0][0]
    size = (await rows(database, "PRAGMA page_size"))[0][0]
    await database.close()
    assert isinstance(root, int) and isinstance(size, int)
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)


async def is_recovered(path: Path, clock: FakeClock) -> None:
    again = await Database.open(path, clock)
    assert await Ledger(again, clock).charge_orphans() == Orphans(3, 30)
    assert await Ledger(again, clock).spent_microusd(DAY) == 30
    assert (await OperatorStore(again).load()).kill.on
    assert "recovered" in again.notices[0]
    await again.close()


async def test_the_ledger_and_the_kill_switch_survive_a_damaged_file(tmp_path: Path, clock: FakeClock) -> None:
    await damaged(tmp_path / "llmgw.db", clock)
    await is_recovered(tmp_path / "llmgw.db", clock)


async def test_damage_in_a_large_file_is_found_beside_all_else_and_mended_by_a_restart(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_core.store.files.CHECKED_WHOLE_BYTES", 1000)
    path = tmp_path / "llmgw.db"
    await damaged(path, clock)
    opened = await Database.open(path, clock)
    assert opened.notices == [] and await Ledger(opened, clock).spent_since(DAY) == {DAY: 0}
    assert await opened.find_damage()
    await opened.close()
    assert stat.S_IMODE(path.with_name("llmgw.db.suspect").stat().st_mode) == 0o600
    await is_recovered(path, clock)
    assert not path.with_name("llmgw.db.suspect").exists()
    sound = await Database.open(path, clock)
    assert sound.notices == [] and not await sound.find_damage()
    await sound.close()


async def test_damage_to_the_money_is_found_at_the_start_however_large_the_file(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_core.store.files.CHECKED_WHOLE_BYTES", 1000)
    path = tmp_path / "llmgw.db"
    database = await Database.open(path, clock)
    root = (await rows(database, "SELECT rootpage FROM sqlite_schema WHERE name = 'reservations'"))[0][0]
    await database.close()
    assert isinstance(root, int)
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE_BYTES)
        file.write(b"\xff" * PAGE_BYTES)
    again = await Database.open(path, clock)
    assert "was damaged" in again.notices[0]
    await again.close()


def _add_requests(count: int) -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO requests (id, at, status, client, lane, purpose, asked_model, preview, input_tokens,"
            " output_tokens, tools, stream, cache, route, cost_microusd, saved_microusd, latency_ms, search)"
            " VALUES (?, 0, 'ok', '', 'interactive', 'chat', '', '', 0, 0, 0, 0, 'miss', '', 0, 0, 0, '')",
            [(f"req_{number}",) for number in range(count)],
        )

    return work


async def test_damage_met_while_running_is_an_error_that_says_restart(database: Database) -> None:
    def damaged(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET rootpage = 9999 WHERE name = 'operator'")
        connection.execute("PRAGMA writable_schema = RESET")
        connection.execute("SELECT * FROM operator").fetchall()

    with pytest.raises(StoreError, match="damaged. Restart"):
        await database.run(damaged)
    assert await names(database) == []
    assert database.path.with_name("llmgw.db.suspect").exists(), "the next start checks all"
