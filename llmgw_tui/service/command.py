"""Installs the gateway as a service, takes it away, and says how it is. What somebody changed by hand is kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from gateway_core.clients.config_file import ConfigError, replace_file
from llmgw_tui.service.launchd import Launchd
from llmgw_tui.service.manager import Manager, Run, ServiceError, digest
from llmgw_tui.service.systemd import Systemd

_MARK = "llmgw service install wrote this:"


def manager_of(platform: str, run: Run, environment: Mapping[str, str], home: Path) -> Manager:
    """The service manager of this machine. Raises :class:`ServiceError` where there is none that is known."""
    if platform == "darwin":
        return Launchd(run, home)
    if platform.startswith("linux"):
        return Systemd(run, environment, home)
    raise ServiceError(
        f"llmgw knows systemd and launchd, and {platform} has neither: have your system run `llmgw serve`."
    )


def own_command(argv0: str, flags: Sequence[str]) -> list[str]:
    """What starts this very llmgw without a screen."""
    program = Path(argv0)
    if program.name == "llmgw" and program.is_file() and os.access(program, os.X_OK):
        return [str(program.absolute()), "serve", *flags]
    return [sys.executable, "-m", "llmgw_tui.cli", "serve", *flags]


def install(manager: Manager, command: Sequence[str], *, now: bool, force: bool) -> list[str]:
    """Writes the description and enables it; returns what is to be said. Raises :class:`ServiceError`."""
    manager.check()
    said = [_put(manager.path, marked(manager.text(command)), force)]
    manager.enable(now=now)
    said.append("llmgw runs as a service now." if now else "llmgw is a service now.")
    return [*said, *manager.hints(now=now), "`llmgw` attaches to it; `llmgw service logs` shows what it writes."]


def uninstall(manager: Manager) -> list[str]:
    """Stops it and takes its description away. Raises :class:`ServiceError`."""
    manager.check()
    if not manager.path.exists():
        return [f"There is no service: {manager.path} is not there."]
    said = []
    text = manager.path.read_text("utf-8", "replace")
    if not _is_ours(text):
        kept = manager.path.with_name(f"{manager.path.name}.llmgw-{datetime.now():%Y%m%d-%H%M%S}.bak")
        kept.write_text(text, "utf-8")
        said.append(f"It was changed by hand; a copy is kept in {kept}.")
    manager.disable()
    return [*said, "The service is stopped and gone. Its data, its key and its configuration are where they were."]


def marked(text: str) -> str:
    """``text`` with a line that tells later whether somebody has changed it."""
    mark = f"{_MARK} {digest(text)}"
    if not text.startswith("<?xml"):
        return f"# {mark}\n{text}"
    first, _, rest = text.partition("\n")
    return f"{first}\n<!-- {mark} -->\n{rest}"


def _is_ours(text: str) -> bool:
    """Whether nobody has changed it since it was written."""
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines[:2]):
        if _MARK in line:
            return digest("".join(lines[:at] + lines[at + 1 :])) in line
    return False


def _put(path: Path, text: str, force: bool) -> str:
    try:
        before = path.read_bytes() if path.exists() else b""
        if before == text.encode():
            return f"{path} is as it should be."
        if before and not force and not _is_ours(before.decode("utf-8", "replace")):
            raise ServiceError(
                f"{path} was changed by hand, or written by somebody else. `--force` replaces it, after a backup;"
                " `--dry-run` shows what would stand there."
            )
        backup = replace_file(path, before, text.encode(), datetime.now())
    except (OSError, ConfigError) as error:
        raise ServiceError(str(error)) from None
    if backup and _is_ours(before.decode("utf-8", "replace")):
        backup.unlink()
        backup = None
    return f"{path} is written." + (f" What it was is kept in {backup}." if backup else "")
