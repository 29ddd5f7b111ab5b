"""Debian's Prometheus, run apart from any that the developer uses."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

_START_TIMEOUT_S = 60


def program(name: str) -> str:
    """``prometheus`` or ``promtool`` on the PATH."""
    found = shutil.which(name)
    assert found, f"{name} is not installed. On Debian: apt-get install --no-install-recommends prometheus"
    return found


async def promtool(*arguments: str, stdin: bytes = b"") -> str:
    """What promtool says; fails when it is not content."""
    process = await asyncio.create_subprocess_exec(
        program("promtool"),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(stdin)
    assert process.returncode == 0, output.decode()
    return output.decode()


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running one; ``http`` knows its address."""

    http: aiohttp.ClientSession

    async def get(self, path: str, **parameters: str) -> Any:
        """The ``data`` of an answer of its API. Fails with what it says of a wrong query."""
        async with self.http.get(f"/api/v1/{path}", params=parameters) as answer:
            body = await answer.json()
            assert body["status"] == "success", body
            return body["data"]

    async def values(self, query: str) -> list[tuple[dict[str, str], float]]:
        """The samples that a query finds now."""
        found = (await self.get("query", query=query))["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in found]


@asynccontextmanager
async def prometheus(config: Path, folder: Path) -> AsyncIterator[Prometheus]:
    """Prometheus with that configuration, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            async with asyncio.timeout(_START_TIMEOUT_S):
                while not await _ready(http):  # noqa: ASYNC110 - another program's state
                    assert process.returncode is None, "Prometheus ended at once; its configuration is wrong"
                    await asyncio.sleep(0.2)
            yield Prometheus(http)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _ready(http: aiohttp.ClientSession) -> bool:
    try:
        async with http.get("/-/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
