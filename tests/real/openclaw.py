"""Installs and drives the real OpenClaw, apart from any that the developer uses."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs

from gateway_core.clients.json_config import MergeResult
from gateway_core.clients.openclaw_block import OpenClawApi, provider_block
from gateway_core.clients.openclaw_config import default_path, merge
from gateway_core.model import JsonObject
from tests.real.npm import npm_install, version_of

NODE_VERSION = "24"
OPENCLAW_VERSION = "2026.9.6"
TURN_TIMEOUT_S = 1200


def cache_folder() -> Path:
    """Where the installed clients are kept between runs: ``LLMGW_TEST_CACHE``, else the user's cache folder."""
    named = os.environ.get("LLMGW_TEST_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("llmgw-tests", appauthor=False)


@dataclass(frozen=True, slots=True)
class Installed:
    """Node, OpenClaw's entry file, and where Node keeps compiled code; all outside the repository."""

    node: Path
    entry: Path
    compiled: Path


async def install(folder: Path) -> Installed:
    """Node and OpenClaw from npm, unless they are there already (about 2 minutes and 800 MB)."""
    node = folder / "node" / "node_modules" / "node" / "bin" / "node"
    entry = folder / "openclaw" / "node_modules" / "openclaw" / "openclaw.mjs"
    if not node.exists():
        await npm_install(folder / "node", f"node@{NODE_VERSION}")
    if version_of(entry.parent) != OPENCLAW_VERSION:
        path = f"{node.parent}{os.pathsep}{os.environ['PATH']}"
        await npm_install(folder / "openclaw", f"openclaw@{OPENCLAW_VERSION}", path=path)
    return Installed(node, entry, folder / "compiled")


@dataclass(frozen=True, slots=True)
class Turn:
    """What OpenClaw reports of one turn: its answer, its session, and the cost as it understood it."""

    text: str
    session: str
    cost_usd: float
    model: str


class OpenClaw:
    """One OpenClaw with a home, a state and a workspace of its own."""

    def __init__(self, installed: Installed, folder: Path) -> None:
        self._installed = installed
        self.workspace = folder / "workspace"
        state, temporary = folder / "state", folder / "tmp"
        for made in (self.workspace, state, temporary):
            made.mkdir(parents=True)
        (self.workspace / "AGENTS.md").write_text("# Notes\nThe code word is plum.\n", "utf-8")
        self.env = {
            "PATH": f"{installed.node.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "TMPDIR": str(temporary),
            "OPENCLAW_STATE_DIR": str(state),
            "NODE_COMPILE_CACHE": str(installed.compiled),
            "NO_COLOR": "1",
        }
        self.config = default_path(self.env, folder)
        # A short prompt: what the tests are about does not depend on the skills and the first-run questions.
        settings = {
            "agents": {"defaults": {"workspace": str(self.workspace), "skipBootstrap": True}},
            "skills": {"allowBundled": ["none"]},
            "memory": {"search": {"enabled": False}},
        }
        self.config.write_text(json.dumps(settings), "utf-8")

    def connect(
        self,
        base_url: str,
        key: str,
        *,
        api: OpenClawApi = OpenClawApi.COMPLETIONS,
        memory: bool = False,
        reasoning: bool = False,
    ) -> MergeResult:
        """What ``llmgw connect openclaw --write`` does; with ``reasoning`` OpenClaw asks the models to think, too."""
        block = provider_block(base_url, key, api=api, memory=memory)
        if reasoning:
            for model in block["models"]["providers"][api.provider]["models"]:
                model |= {"reasoning": True, "compat": {**model["compat"], "supportsReasoningEffort": True}}
        return merge(self.config, block, env=self.env, now=datetime.now(UTC))

    async def turn(self, message: str, *, model: str | None = None, thinking: str | None = None) -> Turn:
        """One headless turn in the main session."""
        meta, text = await self._answer(*_command(message, model, thinking))
        agent = meta["agentMeta"]
        return Turn(text, agent["sessionId"], agent["usage"]["cost"]["total"], f"{agent['provider']}/{agent['model']}")

    async def failed_turn(self, message: str, *, model: str) -> str:
        """What OpenClaw shows of a turn that must fail."""
        code, output, _ = await self.run(*_command(message, model, None))
        assert code, output
        shown: str = json.loads(output)["error"]["message"]
        return shown

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        """Runs the command; returns its exit code, standard output and standard error."""
        process = await asyncio.create_subprocess_exec(
            str(self._installed.node),
            str(self._installed.entry),
            *arguments,
            env=self.env,
            cwd=self.workspace,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), TURN_TIMEOUT_S + 60)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace")

    async def _answer(self, *arguments: str) -> tuple[JsonObject, str]:
        code, output, errors = await self.run(*arguments)
        try:
            answer: dict[str, Any] = json.loads(output)
        except ValueError:
            raise AssertionError(f"OpenClaw ended with {code}: {output[-600:]}\n{errors[-1500:]}") from None
        return answer["meta"], "\n".join(part.get("text") or "" for part in answer["payloads"])


def _command(message: str, model: str | None, thinking: str | None) -> tuple[str, ...]:
    chosen = (*(("--model", model) if model else ()), *(("--thinking", thinking) if thinking else ()))
    return ("agent", "--local", "--json", "--timeout", str(TURN_TIMEOUT_S), *chosen, "--message", message)
