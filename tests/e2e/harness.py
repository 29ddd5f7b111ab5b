"""A real gateway process on a free port, with its own data folder and no variable of the developer's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e import forks
from tests.e2e.forks import PASSED_ON, ROOT

SECRET = "e2e-secret"
_SERVE = "\nimport sys\nfrom llmgw_tui.cli import main\nsys.exit(main(['serve']))"


class GatewayProcess:
    """``llmgw serve``. ``lines`` is what it has printed.

    It is a fork of a process that has the imports behind it (:mod:`tests.e2e.forks`), or started ``anew`` as a user
    starts it. ``before`` is Python that it runs first: a value of the product's that it sets has to be one that the
    product reads when it needs it.
    """

    def __init__(
        self, data_dir: Path, env: Mapping[str, str], stdin: int | None = None, before: str = "", *, anew: bool = False
    ) -> None:
        self._data_dir = data_dir
        self._stdin = stdin
        self._anew = anew
        self._before = before
        self._program = ("-c", f"{before}{_SERVE}") if before else ("-m", "llmgw_tui.cli", "serve")
        self.env = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "GATEWAY_SECRET": SECRET,
            "LLMGW_PORT": "0",
            "LLMGW_DATA_DIR": str(data_dir),
            "XDG_CONFIG_HOME": str(data_dir / "config"),
            "LOCAL_LLM_ENABLED": "false",
            "SEMANTIC_CACHE": "off",
            "ROUTER_EMBEDDING": "off",
            "RATE_LIMIT_RPM": "0",
            **env,
        }
        self.lines: list[str] = []
        self.address = ""

    async def start(self) -> None:
        self.process: asyncio.subprocess.Process | forks.Fork
        if not self._anew and forks.can_fork(self.env):
            self.process = await forks.serve(self.env, self._data_dir, self._stdin, self._before)
        else:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._program,
                env=self.env,
                cwd=self._data_dir,
                stdin=self._stdin,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        assert self.process.stdout
        async for raw in self.process.stdout:
            line = raw.decode().rstrip()
            self.lines.append(line)
            if found := re.search(r"serves (http://\S+)/v1", line):
                self.address = found[1]
                break
        assert self.address, "\n".join(self.lines)
        self._reader = asyncio.create_task(self._read())
        self.http = aiohttp.ClientSession(self.address, headers={"Authorization": f"Bearer {SECRET}"})

    async def _read(self) -> None:
        assert self.process.stdout
        async for raw in self.process.stdout:
            self.lines.append(raw.decode().rstrip())

    async def end(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal and returns the exit code. What is under way is ended by it, not by clients that leave."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signum)
        await self.http.close()
        code = await self.process.wait()
        await self._reader
        return code

    # --- what a client does --------------------------------------------------------------------------------------

    async def chat(self, text: str = "Say hello.", headers: Mapping[str, str] | None = None, **body: Any) -> Reply:
        """One request that is not streamed."""
        message = {"model": "gateway-premium", "messages": [{"role": "user", "content": text}], **body}
        async with self.http.post("/v1/chat/completions", json=message, headers=headers) as answer:
            return Reply(answer.status, dict(answer.headers), await answer.json())

    async def get(self, path: str) -> Any:
        async with self.http.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def command(self, name: str, **arguments: Any) -> Any:
        async with self.http.post(f"/api/commands/{name}", json=arguments) as answer:
            return await answer.json()

    async def event(self, kind: str) -> Any:
        """The next event of a kind. Start it before what causes the event."""
        async with self.http.get("/api/events") as answer:
            async for raw in answer.content:
                if raw.strip() == f"event: {kind}".encode():
                    return await anext(aiter(answer.content))
        raise AssertionError("the event stream ended")


class Reply:
    """An answer with what a test looks at."""

    def __init__(self, status: int, headers: dict[str, str], body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return str(self.body["choices"][0]["message"]["content"])

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def tier(self) -> str:
        return self.headers["x-llmgw-tier"]


@contextlib.asynccontextmanager
async def gateway(data_dir: Path, /, *, before: str = "", **env: str) -> AsyncIterator[GatewayProcess]:
    """A gateway for the length of a block."""
    process = GatewayProcess(data_dir, env, before=before)
    await process.start()
    try:
        yield process
    finally:
        await process.end()


def anthropic_env(fake: Any) -> dict[str, str]:
    """Settings that make a fake the PREMIUM tier."""
    return {"ANTHROPIC_API_KEY": fake.key, "ANTHROPIC_BASE_URL": fake.base_url}
