"""Programs from npm, installed outside the repository."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path


def version_of(package: Path) -> str | None:
    """The version of the package in that folder, None where there is none."""
    described = package / "package.json"
    version: str | None = json.loads(described.read_text("utf-8"))["version"] if described.exists() else None
    return version


async def npm_install(folder: Path, package: str, *, path: str | None = None) -> None:
    """Installs ``package`` with its version into ``folder``; ``path`` is the PATH that npm's scripts see."""
    if shutil.which("npm") is None:
        raise RuntimeError("The tests with real clients need npm; install Node.js with npm first.")
    command = ("npm", "install", "--no-fund", "--no-audit", "--prefix", str(folder), package)
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, "PATH": path or os.environ["PATH"]})
    if await process.wait():
        raise RuntimeError(f"npm could not install {package}.")
