"""Installs and drives the real Claude Code, apart from any that the developer uses."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway_core.clients.claude_code_config import default_path, merge, settings_block
from gateway_core.model import JsonObject
from tests.real.npm import npm_install, version_of

CLAUDE_CODE_VERSION = "2.1.332"
_TIMEOUT_S = 300


async def install_claude_code(folder: Path) -> Path:
    """The program from npm, unless it is there already (400 MB)."""
    package = folder / "claude-code" / "node_modules" / "@anthropic-ai" / "claude-code"
    if version_of(package) != CLAUDE_CODE_VERSION:
        await npm_install(folder / "claude-code", f"@anthropic-ai/claude-code@{CLAUDE_CODE_VERSION}")
    return package / "bin" / "claude.exe"


@dataclass(frozen=True, slots=True)
class ClaudeCode:
    """One Claude Code with a home and a workspace of its own."""

    program: Path
    folder: Path

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }

    def connect(self, root: str, key: str) -> None:
        """What ``llmgw connect claude-code --write`` does, and notes to read."""
        self.workspace.mkdir(parents=True)
        (self.workspace / "AGENTS.md").write_text("# Notes\nThe code word is plum.\n", "utf-8")
        path = default_path(self.env, self.folder)
        path.parent.mkdir(parents=True)
        merge(path, settings_block(root, key), now=datetime.now(UTC))

    async def turn(self, message: str, *arguments: str) -> JsonObject:
        """One headless turn; ``arguments`` as the program takes them. What it reports of it."""
        process = await asyncio.create_subprocess_exec(
            *(str(self.program), "-p", message, "--output-format", "json", "--allowedTools", "Read", *arguments),
            env=self.env,
            cwd=self.workspace,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), _TIMEOUT_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        try:
            reported: JsonObject = json.loads(output)
        except ValueError:
            raise AssertionError(f"Claude Code ended with {process.returncode}: {output!r}\n{errors!r}") from None
        return reported
