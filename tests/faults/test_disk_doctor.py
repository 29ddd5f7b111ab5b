"""The doctor looks at a set-up that is wrong: it names each fault with what to do, and changes nothing."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import socket
import sqlite3
import stat
from collections import namedtuple
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from gateway_core.settings import ProviderEntry, Settings
from gateway_core.settings_files import SettingsFiles
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.files import PAGE_BYTES
from gateway_core.store.ledger import Ledger
from gateway_core.store.lock import FolderLock
from llmgw_tui import doctor, doctor_machine
from llmgw_tui.doctor_files import folder_findings, settings_findings
from llmgw_tui.doctor_machine import screen_findings, version_findings
from llmgw_tui.doctor_network import listening_findings, upstream_findings
from llmgw_tui.doctor_providers import provider_findings
from llmgw_tui.doctor_store import store_findings
from llmgw_tui.findings import Finding
from tests.store.support import FakeClock, entry

GOOD_SECRET = "llmgw-3kD9sPq0vXz7LmT2"
Usage = namedtuple("Usage", "total used free")


def settings_of(folder: Path, **changes: Any) -> Settings:
    values = {"data_dir": folder, "port": 0, "semantic_cache": "off", "local_llm_enabled": False, **changes}
    return Settings(**values)


def fails(found: Iterable[Finding]) -> list[str]:
    return [finding.text for finding in found if finding.level == "fail"]


def texts(found: Iterable[Finding]) -> str:
    return "\n".join(f"{finding.level} {finding.text}" for finding in found)


async def all_of(found: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in found]


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A data folder with two paid calls in it."""
    path, clock = tmp_path / "data", FakeClock()
    database = await Database.open(path / FILE_NAME, clock)
    await Ledger(database, clock).reserve(entry("req_1", cost=30))
    await database.close()
    return path


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mode) for path in folder.iterdir() if path.is_file()}


# --- rights, room, and what lies there ---------------------------------------------------------------------------


def test_a_sound_folder_is_fine(folder: Path) -> None:
    assert texts(folder_findings(folder)) == f"ok data folder {folder}"


def test_rights_that_are_too_open_are_named_with_the_command_and_left_as_they_are(folder: Path) -> None:
    (folder / "secret").write_text(GOOD_SECRET)
    (folder / "secret").chmod(0o644)
    (folder / FILE_NAME).chmod(0o640)
    folder.chmod(0o755)
    found = list(folder_findings(folder))
    assert len(fails(found)) == 1 and f"chmod 600 {folder / 'secret'}" in fails(found)[0]
    assert f"chmod 600 {folder / FILE_NAME}" in texts(found) and f"chmod 700 {folder}" in texts(found)
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o644


def test_a_folder_and_a_file_that_are_not_writable_are_failures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmgw_tui.doctor_files.os.access", lambda path, mode: False)
    assert [text.split(" is not writable")[0] for text in fails(folder_findings(folder))] == [
        str(folder),
        str(folder / FILE_NAME),
    ]


@pytest.mark.parametrize(("free", "level"), [(10_000_000, "fail"), (200_000_000, "note"), (10**12, "")])
def test_a_disk_that_is_nearly_full_is_told_before_the_ledger_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, free))
    about = [finding for finding in folder_findings(folder) if "Free some space" in finding.text]
    assert [finding.level for finding in about] == ([level] if level else [])


def test_what_was_set_aside_and_what_is_suspected_is_named(folder: Path) -> None:
    for name in ("llmgw.db.suspect", "llmgw.db.corrupt-20261123T120000Z", "llmgw.db.corrupt-20261123T120000Z-wal"):
        (folder / name).touch(0o600)
    found = list(folder_findings(folder))
    assert fails(found) == ["damage was met in llmgw.db. Restart llmgw: it checks all of it, and sets it aside."]
    assert texts(found).count("corrupt-20261123T120000Z") == 1


def test_a_folder_that_is_a_file_and_one_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is not a folder" in fails(folder_findings(tmp_path / "file"))[0]
    assert "cannot be made" in fails(folder_findings(tmp_path / "file" / "below"))[0]
    assert not fails(folder_findings(tmp_path / "new" / "data")) and not (tmp_path / "new").exists()


# --- the database --------------------------------------------------------------------------------------------------


async def test_the_doctor_changes_nothing_and_tells_of_calls_that_a_crash_cut_off(folder: Path) -> None:
    before = everything(folder)
    found = await all_of(store_findings(settings_of(folder), running=False))
    assert everything(folder) == before
    assert not fails(found) and "while 1 paid call ran: the next start charges 0.0000 USD" in texts(found)


def header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"x" * 100)


def page(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'bodies'").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE_BYTES)
        file.write(b"\xff" * PAGE_BYTES)


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 77)


def no_database(path: Path) -> None:
    path.write_text("not a database at all\n" * 500)


@pytest.mark.parametrize("damage", [header, page, truncated, no_database])
async def test_a_damaged_database_is_found_and_left_where_it_is(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder / FILE_NAME)
    before = (folder / FILE_NAME).read_bytes()
    (text,) = fails(await all_of(store_findings(settings_of(folder), running=False)))
    assert "is damaged. Restart llmgw: it sets the file aside" in text
    assert (folder / FILE_NAME).read_bytes() == before
    assert not any("corrupt" in name for name in os.listdir(folder))


@pytest.mark.parametrize(
    ("steps", "level", "said"), [(999, "fail", "written by a newer llmgw"), (1, "note", "written by an older llmgw")]
)
async def test_a_database_of_another_llmgw_is_told(folder: Path, steps: int, level: str, said: str) -> None:
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {steps}")
    found = await all_of(store_findings(settings_of(folder), running=False))
    assert [(finding.level, said in finding.text) for finding in found] == [(level, True)]


async def test_a_day_of_the_ledger_that_has_not_come_yet_is_a_clock_that_was_wrong(folder: Path) -> None:
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.execute("UPDATE reservations SET day = '2999-01-01', state = 'settled', cost_microusd = 5")
        connection.commit()
    assert "the ledger has spend on 2999-01-01" in texts(
        await all_of(store_findings(settings_of(folder), running=False))
    )


async def test_another_llmgw_on_the_folder_is_named_with_its_process(folder: Path) -> None:
    lock = FolderLock.acquire(folder)
    try:
        (text,) = fails(await all_of(store_findings(settings_of(folder), running=False)))
        assert f"process {os.getpid()}" in text
        assert not fails(await all_of(store_findings(settings_of(folder), running=True)))
    finally:
        lock.release()
    (folder / "llmgw.lock").write_text("4711\n")
    assert not fails(await all_of(store_findings(settings_of(folder), running=False))), "a lock nobody holds is none"


async def test_a_damaged_table_of_the_semantic_cache_is_found_by_reading_it(folder: Path) -> None:
    import lancedb

    place = folder / "semantic"
    connection = await lancedb.connect_async(str(place))
    rows = [{"scope_key": "0" * 16, "vector": [0.0, 1.0], "answer": "x" * 500} for _ in range(100)]
    import pyarrow as pa  # type: ignore[import-untyped]

    schema = pa.schema([("scope_key", pa.string()), ("vector", pa.list_(pa.float32(), 2)), ("answer", pa.string())])
    await connection.create_table("answers_v2_0000000000000000", rows, schema=schema)
    asked = settings_of(folder, semantic_cache="on", semantic_cache_uri=SecretStr(str(place)))
    assert "ok the semantic cache can be read" in texts(await all_of(store_findings(asked, running=False)))
    for path in place.rglob("*.lance"):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)
    (text,) = fails(await all_of(store_findings(asked, running=False)))
    assert "answers_v2_0000000000000000 of the semantic cache is damaged" in text


# --- settings ------------------------------------------------------------------------------------------------------


def test_settings_that_cannot_be_read_are_findings_and_not_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text("daily_budget_hard: [5]\nrate_limit_rpm: x\n")
    assert doctor.main(SettingsFiles(tmp_path / "config.yaml")) == 1
    said = capsys.readouterr().out
    assert "FAIL  DAILY_BUDGET_HARD: " in said and "FAIL  RATE_LIMIT_RPM: " in said and "Python" in said
    (tmp_path / "config.yaml").write_text("providers: [")
    assert doctor.main(SettingsFiles(tmp_path / "config.yaml"), as_json=True) == 1
    assert [one["level"] for one in json.loads(capsys.readouterr().out)].count("fail") == 1


@pytest.mark.parametrize(
    ("name", "content", "secret"),
    [
        (".env", "ANTHROPIC_API_KEY=canary", "ANTHROPIC_API_KEY"),
        (".env", "gateway_secret=canary", "gateway_secret"),
        ("config.yaml", "gateway_secret: canary", "gateway_secret"),
        ("config.yaml", "providers: {mine: {api_key: canary}}", "the key of a provider"),
        ("config.yaml", "providers: [{name: mine, api_key: canary}]", "the key of a provider"),
    ],
)
def test_a_key_in_a_file_that_others_may_read_is_a_failure(
    tmp_path: Path, name: str, content: str, secret: str
) -> None:
    (tmp_path / "config.yaml").touch(0o600)
    (tmp_path / name).write_text(content)
    (tmp_path / name).chmod(0o644)
    (text,) = fails(settings_findings(SettingsFiles(tmp_path / "config.yaml")))
    assert secret in text and f"chmod 600 {tmp_path / name}" in text and "canary" not in text
    (tmp_path / name).chmod(0o600)
    assert not fails(settings_findings(SettingsFiles(tmp_path / "config.yaml")))


def test_names_in_dotenv_that_are_cut_off_or_mistyped_are_told(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    (tmp_path / ".env").write_text("SOMETHING_ELSE=1\nDAILY_BUGET_HARD=5\nDAILY_BUDGET_HA")
    found = list(settings_findings(SettingsFiles(tmp_path / "config.yaml")))
    assert len(fails(found)) == 1 and "DAILY_BUDGET_HA has no '='" in fails(found)[0]
    assert "did you mean DAILY_BUDGET_HARD?" in texts(found) and "SOMETHING_ELSE" not in texts(found)


def test_a_half_written_keymap_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keymap.yaml").write_bytes(b"quit: [")
    monkeypatch.setenv("LC_ALL", "C")
    found = texts(screen_findings(tmp_path / "keymap.yaml", tmp_path))
    assert "note keymap.yaml: line 1" in found and "ASCII only" in found


# --- the network ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "secret", "level"),
    [
        ("127.0.0.1", GOOD_SECRET, ""),
        ("127.0.0.1", "a", "note"),
        ("0.0.0.0", "a", "fail"),
        ("0.0.0.0", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "fail"),
        ("0.0.0.0", GOOD_SECRET, ""),
    ],
)
def test_a_key_that_can_be_guessed_is_a_failure_where_others_can_try_it(
    tmp_path: Path, host: str, secret: str, level: str
) -> None:
    asked = settings_of(tmp_path, host=host, gateway_secret=secret)
    found = list(listening_findings(asked, running=False))
    told = [finding.level for finding in found if "can be guessed" in finding.text or "can try keys" in finding.text]
    assert told == ([level] if level else [])
    assert ("others on the network" in texts(found)) is (host == "0.0.0.0")


@pytest.mark.parametrize(
    "secret", [" llmgw-3kD9sPq0vXz7LmT2", "llmgw-3kD9sP\nq0vXz7LmT2", "schlüssel-3kD9sPq0vXz7LmT2"]
)
def test_a_key_that_no_client_can_send_is_a_failure(tmp_path: Path, secret: str) -> None:
    assert "no client can send it" in fails(listening_findings(settings_of(tmp_path, gateway_secret=secret), False))[0]


def test_a_secret_file_with_a_line_break_in_it_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("llmgw-3kD9sPq0vXz7\nLmT2wWe5\n")
    (text,) = fails(listening_findings(settings_of(tmp_path), False))
    assert f"{tmp_path / 'secret'} has a line break" in text and "Delete the file" in text


def test_a_port_that_another_program_has_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (text,) = fails(listening_findings(settings_of(tmp_path, port=port), running=False))
        assert f"127.0.0.1:{port}: another program listens there" in text
        assert not fails(listening_findings(settings_of(tmp_path, port=port), running=True))
    assert not fails(listening_findings(settings_of(tmp_path, port=port), running=False))


def test_an_address_that_is_not_this_machines_is_named(tmp_path: Path) -> None:
    asked = settings_of(tmp_path, port=8000, host="192.0.2.1", gateway_secret=GOOD_SECRET)
    assert "it is no address of this machine" in fails(listening_findings(asked, running=False))[0]


@pytest.fixture
async def moved() -> AsyncIterator[str]:
    """The address of a server that sends everybody elsewhere."""
    seen: list[web.Request] = []

    async def move(request: web.Request) -> web.Response:
        seen.append(request)
        raise web.HTTPMovedPermanently("https://user:canary@elsewhere.example/v1?key=canary")

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", move)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()
    assert [("Authorization" in request.headers, "x-api-key" in request.headers) for request in seen] == [(False,) * 2]


async def test_a_base_url_that_redirects_is_named_and_gets_no_key(tmp_path: Path, moved: str) -> None:
    asked = settings_of(tmp_path, groq_api_key="gsk_canary", groq_base_url=moved)
    (text,) = fails(await all_of(upstream_findings(asked)))
    assert "redirects to https://" in text and "elsewhere.example" in text and "canary" not in text


async def test_a_name_without_an_address_is_named(tmp_path: Path) -> None:
    asked = settings_of(tmp_path, groq_api_key="gsk_canary", groq_base_url="https://nowhere.invalid/v1")
    assert fails(await all_of(upstream_findings(asked))) == [
        "groq: there is no address for nowhere.invalid. Check its URL, or your DNS."
    ]


async def test_a_key_that_would_go_over_the_network_unencrypted_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: object, **__: object) -> list[Any]:
        raise OSError(errno.EIO, "no network in tests")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nobody)
    entries = [
        {"name": "mine", "base_url": "http://gpu.example:8080/v1", "api_key": "canary", "models": ["m"]},
        {"name": "here", "base_url": "http://127.0.0.1:9/v1", "api_key": "canary", "models": ["m"]},
        {"name": "keyless", "base_url": "http://gpu.example:8080/v1", "models": ["m"], "free": True},
    ]
    asked = settings_of(tmp_path, providers=tuple(map(ProviderEntry.model_validate, entries)))
    unsafe = [text for text in fails(await all_of(upstream_findings(asked))) if "without encryption" in text]
    assert len(unsafe) == 1 and unsafe[0].startswith("mine is at http://gpu.example:8080/v1")
    assert "canary" not in unsafe[0]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("gsk_canary", "looks like a key of groq"),
        ("sk-ant-api03-canary", "looks like a key of anthropic"),
        ("sk-proj-can ary", "has white space or other characters"),
        ("sk-proj-canary\n", "has white space around it"),
        ("sk-proj-canary", ""),
        ("of-my-own-proxy-canary", ""),
    ],
)
def test_a_key_of_the_wrong_provider_or_with_blanks_is_a_failure(tmp_path: Path, key: str, said: str) -> None:
    found = list(provider_findings(settings_of(tmp_path, openai_api_key=key)))
    assert [said in text for text in fails(found)] == ([True] if said else [])
    assert "canary" not in texts(found)


# --- the machine ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("installed", "bad"), [("3.14.2", True), ("3.9.5", True), ("3.14.3", False), ("4.0.0b1", False)]
)
def test_an_aiohttp_with_known_faults_is_a_failure(monkeypatch: pytest.MonkeyPatch, installed: str, bad: bool) -> None:
    monkeypatch.setattr(doctor_machine, "version", lambda _: installed)
    assert bool(fails(version_findings())) is bad


def test_an_sqlite_with_the_wal_fault_is_told_with_why_it_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    assert "llmgw writes through one only" in texts(version_findings())
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    assert "SQLite" not in texts(version_findings())
