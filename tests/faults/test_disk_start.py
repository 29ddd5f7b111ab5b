"""A data folder that cannot be used, when llmgw starts: one line that says what to do, no traceback, nothing lost."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway_core.model import KillSwitch
from gateway_core.settings_sources import SettingsError, default_data_dir
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.ledger import Ledger
from gateway_core.store.lock import LOCK_NAME, FolderLock
from gateway_core.store.operator import OperatorState, OperatorStore
from llmgw_tui import cli, logs
from tests.e2e.harness import gateway
from tests.store.support import FakeClock, entry


@pytest.fixture(autouse=True)
def own_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a start does to the logging of its process is undone."""
    root = logging.getLogger()
    before = list(root.handlers)
    monkeypatch.setattr(root, "level", root.level)
    yield
    for handler in root.handlers:
        if handler not in before:
            handler.close()
    root.handlers = before


def a_file(folder: Path) -> None:
    folder.write_text("mine")


def below_a_file(folder: Path) -> None:
    folder.parent.rmdir()
    folder.parent.write_text("mine")


def a_link_to_nowhere(folder: Path) -> None:
    folder.symlink_to(folder.parent / "gone")


def database_is_a_folder(folder: Path) -> None:
    (folder / FILE_NAME).mkdir(parents=True)


def lock_is_a_folder(folder: Path) -> None:
    (folder / LOCK_NAME).mkdir(parents=True)


def key_is_no_text(folder: Path) -> None:
    folder.mkdir()
    (folder / "secret").write_bytes(b"\xff\xfe")


def key_has_two_lines(folder: Path) -> None:
    folder.mkdir()
    (folder / "secret").write_text("llmgw-3kD9sPq0vXz7\nLmT2wWe5\n")


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file() and path.name != LOCK_NAME}


async def _it_serves(_: object) -> str:
    pytest.fail("it serves")


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (a_file, 1, "is not a folder. Give another one with --data-dir."),
        (below_a_file, 1, "Give another folder with --data-dir."),
        (a_link_to_nowhere, 1, "is not a folder. Give another one with --data-dir."),
        (database_is_a_folder, 1, "llmgw.db is a folder where llmgw keeps a file. Move it away"),
        (lock_is_a_folder, 1, "llmgw.lock is a folder where llmgw keeps a file. Move it away"),
        (key_is_no_text, 2, "Repair its mode, or set GATEWAY_SECRET."),
        (key_has_two_lines, 2, "no client can send it. Delete the file: the next start makes another."),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_data_folder_that_cannot_be_used_is_one_line_that_says_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    fault: Callable[[Path], None],
    code: int,
    said: str,
) -> None:
    folder = tmp_path / "parent" / "data"
    folder.parent.mkdir()
    fault(folder)
    before = _contents(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("LOCAL_LLM_ENABLED", "false")
    monkeypatch.setattr("gateway_core.http.server.Server.start", _it_serves)
    assert cli.main(["serve", "--port", "0", "--data-dir", str(folder)]) == code
    told = capfd.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert told.err.startswith("llmgw: ") and said in told.err
    assert {name: content for name, content in _contents(folder).items() if name in before} == before


def test_a_full_disk_keeps_nobody_from_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gateway_core.store.lock.os.pwrite", full)
    lock = FolderLock.acquire(tmp_path)
    with pytest.raises(Exception, match="already running in .* \\(another process\\)"):
        FolderLock.acquire(tmp_path)
    lock.release()


def test_without_a_home_no_folder_is_made_where_llmgw_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: "~/.local/share/llmgw")
    with pytest.raises(SettingsError, match="set HOME, or name a data folder with --data-dir"):
        default_data_dir()


def test_a_log_that_cannot_be_written_is_told_and_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / logs.FILE).mkdir()
    assert "llmgw keeps no log" in logs.log_to_file(tmp_path)
    logging.getLogger("gateway_core.test").warning("goes nowhere")


def test_the_files_that_follow_a_full_log_are_private_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LARGEST_BYTES", 200)
    before = os.umask(0)
    try:
        assert logs.log_to_file(tmp_path) == ""
        for _ in range(9):
            logging.getLogger("gateway_core.test").warning("a line of some length, so that the file is full soon")
    finally:
        os.umask(before)
    kept = list(tmp_path.glob("llmgw.log*"))
    assert len(kept) == 1 + logs.OLD_FILES and {path.stat().st_mode & 0o777 for path in kept} == {0o600}


def _set_aside(folder: Path) -> list[Path]:
    return [path for path in folder.glob("llmgw.db.corrupt-*") if not path.name.endswith(("-wal", "-shm"))]


async def test_a_damaged_database_is_set_aside_and_served_around_with_its_money_and_its_kill_switch(
    tmp_path: Path,
) -> None:
    clock, path = FakeClock(), tmp_path / FILE_NAME
    database = await Database.open(path, clock)
    await Ledger(database, clock).reserve(entry("req_1", cost=30))
    await OperatorStore(database).save(OperatorState(kill=KillSwitch(True, 1.0, "key")))
    root = await database.run(
        lambda connection: connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'bodies'").fetchone()[0]
    )
    await database.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    damaged = path.read_bytes()
    async with gateway(tmp_path) as llmgw:
        status, snapshot = await llmgw.get("/api/status"), await llmgw.get("/api/snapshot")
        assert status["state"] == "killed"
    (aside,) = _set_aside(tmp_path)
    assert aside.read_bytes() == damaged
    (about,) = [text for text in snapshot["notices"] if "damaged" in text]
    assert aside.name in about and "the switches were recovered" in about
    assert any(about in line for line in llmgw.lines), "and it is printed at the start"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT state, cost_microusd FROM reservations").fetchall() == [("orphaned", 30)]
