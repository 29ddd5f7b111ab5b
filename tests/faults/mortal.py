"""What a test does with gateways that kill themselves: starts them, talks to them, and reads what they leave."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from gateway_core.store.advance import IS_ADVANCE
from gateway_core.store.database import FILE_NAME
from tests.e2e.forks import ROOT
from tests.e2e.harness import GatewayProcess, anthropic_env
from tests.fakes.anthropic import FakeAnthropic
from tests.http.inside import KEY, Client

HARD_MICROUSD = 20_000
LONGEST_S = 60.0
"""Until a gateway has come to the point where it dies."""


class Mortals:
    """The process that forks gateways, one at a time: see :mod:`tests.faults.killed_gateway`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = 0

    @classmethod
    async def start(cls) -> Self:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.killed_gateway"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        made = cls(process)
        await made._until("ready")
        return made

    async def stop(self) -> None:
        """Also a gateway that has not come to its point."""
        assert self._process.stdin
        self._process.stdin.close()
        if self.pid:
            with suppress(ProcessLookupError):
                self.kill()
        await self._process.wait()

    @asynccontextmanager
    async def gateway(self, point: str, data_dir: Path, env: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientSession]:
        """A client of a gateway that dies at ``point``; the block ends when it has. One that dies as it starts has no
        client: use :meth:`dies`."""
        await self._tell(point, data_dir, env)
        address = re.search(r"serves (http://\S+)/v1", await self._until(r"serves http"))
        assert address
        secret = env["GATEWAY_SECRET"]
        async with aiohttp.ClientSession(address[1], headers={"Authorization": f"Bearer {secret}"}) as http:
            yield http
            await self._ended()

    async def dies(self, point: str, data_dir: Path, env: Mapping[str, str]) -> None:
        """Starts a gateway that dies as it starts."""
        await self._tell(point, data_dir, env)
        await self._ended()

    def kill(self) -> None:
        """Kills the gateway that runs."""
        os.kill(self.pid, signal.SIGKILL)

    async def _ended(self) -> None:
        async with asyncio.timeout(LONGEST_S):
            assert await self._until("^ended") == f"ended {-signal.SIGKILL}"
        self.pid = 0

    async def _tell(self, point: str, data_dir: Path, env: Mapping[str, str]) -> None:
        assert self._process.stdin
        whole = GatewayProcess(data_dir, env).env
        self._process.stdin.write(json.dumps({"point": point, "env": whole}).encode() + b"\n")
        self.pid = int((await self._until("^pid")).split()[1])

    async def _until(self, what: str) -> str:
        assert self._process.stdout
        seen = []
        async for raw in self._process.stdout:
            seen.append(raw.decode().rstrip())
            if re.search(what, seen[-1]):
                return seen[-1]
        raise AssertionError("\n".join(seen))


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the ledger."""

    request_id: str
    day: str
    state: str
    reserved_microusd: int
    cost_microusd: int


def ledger_of(data_dir: Path) -> list[Entry]:
    """What the ledger says, the oldest first."""
    with closing(sqlite3.connect(f"file:{data_dir / FILE_NAME}?mode=ro", uri=True)) as connection:
        found: list[tuple[Any, ...]] = connection.execute(
            "SELECT request_id, day, state, reserved_microusd, cost_microusd FROM reservations"
            f" WHERE NOT {IS_ADVANCE} ORDER BY created_at, id"
        ).fetchall()
    return [Entry(*row) for row in found]


def charged(entries: list[Entry]) -> int:
    return sum(entry.cost_microusd for entry in entries)


async def spent_microusd(llmgw: Client) -> int:
    """What today has cost, once nothing is reserved any more."""
    budget = await llmgw.get("/api/budget")
    assert budget["reserved_usd"] == 0
    spent: int = round(budget["spent_usd"] * 1e6)
    return spent


def mortal_env(fake: FakeAnthropic) -> dict[str, str]:
    return {"GATEWAY_SECRET": KEY, "DAILY_BUDGET_HARD": str(HARD_MICROUSD / 1e6), **anthropic_env(fake)}
