"""``llmgw serve`` as a person starts it: a process of its own, with its own data folder."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gateway_core.model import JsonObject

KEY = "gateway-key-of-the-real-test"
_ADDRESS = re.compile(rb"http://127\.0\.0\.1:\d+")
_FOREIGN = ("ANTHROPIC_", "OPENAI_", "GROQ_", "LOCAL_LLM_", "OLLAMA_", "LLMGW_", "GATEWAY_", "DAILY_BUDGET_")
_START_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    base_url: str
    """Without ``/v1``."""

    async def get(self, path: str) -> JsonObject:
        """What the gateway's API answers."""
        headers = {"Authorization": f"Bearer {KEY}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(self.base_url + path) as answer:
            assert answer.status == 200, await answer.text()
            found: JsonObject = await answer.json()
            return found

    async def command(self, name: str, **arguments: object) -> JsonObject:
        """What a command of the control surface answers."""
        headers = {"Authorization": f"Bearer {KEY}"}
        url = f"{self.base_url}/api/commands/{name}"
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(url, json=arguments) as answer,
        ):
            assert answer.status == 200, await answer.text()
            found: JsonObject = await answer.json()
            return found

    async def requests(self) -> list[JsonObject]:
        """The recorded requests, newest first."""
        rows: list[JsonObject] = (await self.get("/api/requests?limit=50"))["requests"]
        return rows


@asynccontextmanager
async def gateway(folder: Path, **settings: str) -> AsyncIterator[GatewayProcess]:
    """Starts the gateway on a free port with these environment variables and no others of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    env = {**kept, "GATEWAY_SECRET": KEY, "BUILTIN_MODEL": "off", "HOME": str(folder), **settings}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "llmgw_tui.cli", "serve", "--port", "0", "--data-dir", str(folder / "data")),
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout
    try:
        address = await asyncio.wait_for(_address(process.stdout), _START_TIMEOUT_S)
        drained = asyncio.create_task(process.stdout.read())
        yield GatewayProcess(address)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
        await drained
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _address(output: asyncio.StreamReader) -> str:
    seen = b""
    while line := await output.readline():
        seen += line
        if found := _ADDRESS.search(line):
            return found.group().decode()
    raise AssertionError(f"the gateway ended without an address:\n{seen.decode('utf-8', 'replace')[-2000:]}")
