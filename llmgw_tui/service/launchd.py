"""A launch agent of macOS's launchd."""

from __future__ import annotations

import os
import plistlib
from collections.abc import Sequence
from pathlib import Path

from llmgw_tui.service.manager import Run, ServiceError, must

LABEL = "llmgw.serve"


class Launchd:
    """The user's launchd, through ``launchctl``."""

    def __init__(self, run: Run, home: Path) -> None:
        self._run = run
        self._domain = f"gui/{os.getuid()}"
        self._log = home / "Library" / "Logs" / "llmgw.log"
        self.path = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    def text(self, command: Sequence[str]) -> str:
        return plistlib.dumps(
            {
                "Label": LABEL,
                "ProgramArguments": list(command),
                "RunAtLoad": True,
                "KeepAlive": {"SuccessfulExit": False},
                "ThrottleInterval": 5,
                "ExitTimeOut": 20,
                "Umask": 0o077,
                "StandardOutPath": str(self._log),
                "StandardErrorPath": str(self._log),
            },
            sort_keys=False,
        ).decode()

    def check(self) -> None:
        if self._run(["launchctl", "version"]).code == 127:
            raise ServiceError("launchctl is not here. `llmgw service install --dry-run` shows the plist.")

    def enable(self, *, now: bool) -> None:
        if now:
            self._run(["launchctl", "bootout", f"{self._domain}/{LABEL}"])
            must(self._run, "launchctl", "bootstrap", self._domain, str(self.path))

    def disable(self) -> None:
        self._run(["launchctl", "bootout", f"{self._domain}/{LABEL}"])
        self.path.unlink(missing_ok=True)

    def state(self) -> str:
        if not self.path.exists():
            return "not installed"
        done = self._run(["launchctl", "print", f"{self._domain}/{LABEL}"])
        return "active" if done.code == 0 and "state = running" in done.text else "inactive"

    def hints(self, *, now: bool) -> list[str]:
        return [] if now else [f"It starts at your next login; at once with `launchctl bootstrap {self._domain} FILE`."]

    def logs(self, lines: int, *, follow: bool) -> Sequence[str]:
        return ["tail", "-n", str(lines), *(["-F"] if follow else []), str(self._log)]
