"""Other gateways, from their registries, each in a folder of its own that is kept between runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PEERS_OF = "2026-11-29"
LITELLM_VERSION = "1.108.6"
PORTKEY_VERSION = "1.15.2"
"""The newest that could be installed whole on that day."""
HONO_VERSION = "1.13.8"
"""Of the server that Portkey runs on: with 1.14 and later it fails each stream (Portkey-AI/gateway issue 1389)."""
INSTALL_S = 1_800.0


class Missing(RuntimeError):
    """A peer that cannot be installed here; the message says what is needed."""


def cache_folder() -> Path:
    """Where what takes minutes is kept between runs."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "llmgw-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True, slots=True)
class Peer:
    """Another gateway: how it is installed into a folder that does not exist, and what of it is there then."""

    name: str
    version: str
    program: str
    """The path of what is started, within its folder."""
    install: Callable[[Path], None]

    def installed(self) -> Path:
        """What is to be started; installed now where it was not yet. Raises :class:`Missing`."""
        folder = cache_folder() / f"{self.name.lower()}-{self.version}"
        if not (folder / self.program).exists():
            print(f"Installing {self.name} {self.version} into {folder} (once, some minutes) ...", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            try:
                self.install(folder)
            except (OSError, subprocess.SubprocessError) as error:
                shutil.rmtree(folder, ignore_errors=True)
                raise Missing(f"{self.name} could not be installed: {_why(error)}") from None
        return folder / self.program


def _why(error: Exception) -> str:
    told = getattr(error, "stderr", None) or str(error)
    return str(told).strip().splitlines()[-1][:300]


def _run(*command: str) -> None:
    subprocess.run(
        command, check=True, timeout=INSTALL_S, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _litellm(folder: Path) -> None:
    _run(sys.executable, "-m", "venv", str(folder))
    pip = (str(folder / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check")
    _run(*pip, f"litellm[proxy]=={LITELLM_VERSION}")


def _portkey(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise OSError("it needs Node.js 18 or newer with npm (on Debian: apt-get install nodejs npm)")
    folder.mkdir(parents=True)
    packages = {"@portkey-ai/gateway": PORTKEY_VERSION}
    wanted = {"private": True, "dependencies": packages, "overrides": {"@hono/node-server": HONO_VERSION}}
    (folder / "package.json").write_text(json.dumps(wanted))
    _run(npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund")


LITELLM = Peer("LiteLLM", LITELLM_VERSION, "bin/litellm", _litellm)
PORTKEY = Peer("Portkey", PORTKEY_VERSION, "node_modules/@portkey-ai/gateway/build/start-server.js", _portkey)
