"""What a database in memory stands in for, and what it does not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway_core.store import files, temporary
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.errors import StoreError, StoreUnusable
from gateway_core.store.requests import RequestLog
from tests.store.support import FakeClock, request_row


async def stand_in(path: Path) -> Database:
    """Of a file that a newer llmgw wrote."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    return await Database.open_or_stand_in(path, FakeClock())


async def test_what_is_written_is_read_by_a_second_connection_that_changes_nothing(tmp_path: Path) -> None:
    database = await stand_in(tmp_path / FILE_NAME)
    await RequestLog(database, FakeClock()).add(request_row("req_1"))
    reader = await database.reader()
    assert [row.id for row in await RequestLog(reader, FakeClock()).recent(9)] == ["req_1"]
    with pytest.raises(StoreError):
        await RequestLog(reader, FakeClock()).add(request_row("req_2"))
    assert not await database.find_damage()
    await reader.close()
    await database.close()


async def test_two_of_them_in_one_process_share_nothing(tmp_path: Path) -> None:
    one, other = await stand_in(tmp_path / "one.db"), await stand_in(tmp_path / "other.db")
    await RequestLog(one, FakeClock()).add(request_row("req_1"))
    assert await RequestLog(other, FakeClock()).recent(9) == ()
    await one.close()
    await other.close()


async def test_it_is_bounded_and_says_so_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "MOST_BYTES", 1_000_000)
    database = await stand_in(tmp_path / FILE_NAME)
    with pytest.raises(StoreError, match="What llmgw keeps in memory, .* has no more room"):
        await database.run(lambda connection: connection.execute("CREATE TABLE t AS SELECT zeroblob(2000000)"))
    await database.close()


async def test_a_file_that_another_program_keeps_locked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BUSY_TIMEOUT_S", 0.01)
    path = tmp_path / FILE_NAME
    await (await Database.open(path, FakeClock())).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="Another program keeps") as caught:
            await Database.open_or_stand_in(path, FakeClock())
    assert not isinstance(caught.value, StoreUnusable)


async def test_a_kill_switch_that_cannot_be_read_is_said_to_be_taken_for_off(tmp_path: Path) -> None:
    database = await stand_in(tmp_path / FILE_NAME)
    assert "is taken for off" in database.notices[1], "a newer llmgw may keep it elsewhere"
    await database.close()
