"""A database that cannot be used, when llmgw starts: what costs nothing is served, and nothing is spent or lost."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway_core.model import KillSwitch
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.ledger import Ledger
from gateway_core.store.lock import LOCK_NAME, FolderLock
from gateway_core.store.operator import OperatorState, OperatorStore
from tests.e2e.harness import GatewayProcess, anthropic_env, gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.faults.disk import FULL, RIGHTS_BIND_ROOT
from tests.store.support import FakeClock, entry

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAID: dict[str, Any] = {"model": "gateway-premium"}
FREE: dict[str, Any] = {"model": "gateway-local"}


def newer(folder: Path) -> None:
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.execute("CREATE TABLE of_tomorrow (x)")
        connection.execute("PRAGMA user_version = 999")
        connection.commit()


def read_only(folder: Path) -> None:
    (folder / LOCK_NAME).unlink()
    for path in (*folder.iterdir(), folder):
        path.chmod(0o500 if path.is_dir() else 0o400)


def full(folder: Path) -> None:
    """Its process is: see ``BEFORE``."""


BEFORE: dict[Callable[[Path], None], str] = {newer: "", read_only: RIGHTS_BIND_ROOT, full: FULL}
SAID: dict[Callable[[Path], None], str] = {
    newer: "was written by a newer llmgw (schema 999",
    read_only: "is read-only",
    full: "is full",
}


@dataclass
class Served:
    """A gateway over a database that it cannot use, with a call in it that a crash cut off."""

    folder: Path
    llmgw: GatewayProcess
    claude: FakeAnthropic
    fault: Callable[[Path], None]
    before: dict[str, bytes]

    @property
    def said(self) -> str:
        return SAID[self.fault]


def kept(folder: Path) -> dict[str, bytes]:
    """What must be as it was: not the log file, nor whose lock it is."""
    others = (LOCK_NAME, "llmgw.log")
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name not in others}


async def _make(folder: Path, state: OperatorState) -> None:
    clock = FakeClock()
    database = await Database.open(folder / FILE_NAME, clock)
    await Ledger(database, clock).reserve(entry("req_1", cost=30))
    await OperatorStore(database).save(state)
    await database.close()
    FolderLock.acquire(folder).release()
    (folder / "monitor-token").write_text("llmgw-monitor-3kD9sPq0vXz7LmT2")


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[newer, read_only, full], ids=lambda one: one.__name__
)
async def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    await _make(folder, OperatorState())
    request.param(folder)
    before = kept(folder)
    async with FakeAnthropic() as claude, FakeOllama("qwen3:8b") as ollama:
        local = {"LOCAL_LLM_ENABLED": "true", "LOCAL_LLM_URL": ollama.base_url, "LOCAL_LLM_MODEL": "qwen3:8b"}
        env = {**local, **anthropic_env(claude), "BUILTIN_MODEL": "off"}
        async with gateway(folder, before=BEFORE[request.param], **env) as llmgw:
            yield Served(folder, llmgw, claude, request.param, before)
        folder.chmod(0o700)


async def test_it_starts_and_says_what_is_wrong_everywhere_it_is_looked_for(served: Served) -> None:
    llmgw = served.llmgw
    snapshot, status, health = (
        await llmgw.get("/api/snapshot"),
        await llmgw.get("/api/status"),
        await llmgw.get("/health"),
    )
    (notice,) = [text for text in snapshot["notices"] if served.said in text]
    assert "nothing paid is called" in notice and "kept in memory alone" in notice
    assert notice in llmgw.lines, "and it is printed at the start"
    assert (health["state"], status["state"], snapshot["state"]) == ("degraded",) * 3
    assert "paid tiers are stopped" in status["state_detail"] and served.said in status["state_detail"]
    assert not status["budget"]["ledger_ok"]


async def test_a_paid_request_is_refused_with_the_reason_and_what_to_do_and_no_provider_is_called(
    served: Served,
) -> None:
    refused = await served.llmgw.chat("a paid one", **PAID)
    message = refused.body["error"]["message"]
    assert (refused.status, refused.code) == (503, "no_provider")
    assert served.said in message and "nothing paid is called" in message and "`llmgw doctor`" in message
    assert served.claude.calls == 0


async def test_a_local_model_answers_and_its_answer_is_cached_and_logged_in_memory(served: Served) -> None:
    first, again = await served.llmgw.chat("a free one", **FREE), await served.llmgw.chat("a free one", **FREE)
    assert (first.status, first.tier, again.status, again.tier) == (200, "local", 200, "cache")
    rows = (await served.llmgw.get("/api/requests?limit=50"))["requests"]
    assert {first.headers["x-llmgw-request-id"], again.headers["x-llmgw-request-id"]} <= {row["id"] for row in rows}
    assert (await served.llmgw.get("/api/spend"))["problem"] == ""


async def test_an_idempotency_key_holds_for_as_long_as_the_process(served: Served) -> None:
    headers = {"Idempotency-Key": "one", "x-llmgw-cache": "no-store"}
    first = await served.llmgw.chat("with a key", headers=headers, **FREE)
    again = await served.llmgw.chat("with a key", headers=headers, **FREE)
    other = await served.llmgw.chat("with other words", headers=headers, **FREE)
    assert (first.status, again.body["choices"], other.code) == (200, first.body["choices"], "idempotency_conflict")


async def test_a_kill_switch_is_in_force_and_told_to_be_lost_with_the_process(served: Served) -> None:
    killed = await served.llmgw.command("kill")
    refused = await served.llmgw.chat("while it is on", **FREE)
    released = await served.llmgw.command("release")
    assert not killed["ok"] and "lost if llmgw ends" in killed["message"] and refused.code == "kill_switch"
    assert not released["ok"] and (await served.llmgw.chat("afterwards", **FREE)).status == 200


async def test_a_second_instance_is_refused_and_every_file_is_as_it_was(served: Served) -> None:
    """A read-only folder has no lock file, and is locked all the same."""
    if served.fault is read_only:
        second = GatewayProcess(served.folder, {}, before=RIGHTS_BIND_ROOT)
        with pytest.raises(AssertionError, match="already running in"):
            await second.start()
        assert await second.process.wait() == 1
    assert served.before.items() <= kept(served.folder).items()


async def test_a_kill_switch_that_is_on_in_a_newer_file_stays_on(tmp_path: Path) -> None:
    await _make(tmp_path, OperatorState(kill=KillSwitch(True, 1.0, "key")))
    newer(tmp_path)
    async with gateway(tmp_path) as llmgw:
        assert (await llmgw.get("/health"))["state"] == "killed"


async def test_a_restart_with_room_has_all_that_was_there_before_and_charges_what_was_cut_off(served: Served) -> None:
    """The last one: it ends the gateway."""
    if served.fault is newer:
        return
    await served.llmgw.end()
    for path in (served.folder, *served.folder.iterdir()):
        path.chmod(0o700)
    async with gateway(served.folder) as llmgw:
        assert (await llmgw.get("/api/status"))["budget"]["ledger_ok"]
        notices = (await llmgw.get("/api/snapshot"))["notices"]
    assert any("1 paid calls were cut off" in text for text in notices)
