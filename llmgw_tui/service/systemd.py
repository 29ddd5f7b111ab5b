"""A user unit of systemd's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from llmgw_tui.service.manager import Run, ServiceError, must

NAME = "llmgw.service"
_UNIT = """\
[Unit]
Description=llmgw, the LLM gateway
StartLimitIntervalSec=120
StartLimitBurst=5

[Service]
Type=exec
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
# 2 is wrong use: a configuration that cannot be read does not get better by itself.
RestartPreventExitStatus=2
TimeoutStopSec=20
UMask=0077
# What a user's own manager can enforce without privileges. Nothing here keeps models from compiling code at run time.
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""


class Systemd:
    """The user's systemd, through ``systemctl --user``."""

    def __init__(self, run: Run, environment: Mapping[str, str], home: Path) -> None:
        self._run = run
        self._user = environment.get("USER") or environment.get("LOGNAME") or str(os.getuid())
        config = environment.get("XDG_CONFIG_HOME") or ""
        root = Path(config) if Path(config).is_absolute() else home / ".config"
        self.path = root / "systemd" / "user" / NAME

    def text(self, command: Sequence[str]) -> str:
        if any(letter in command[0] for letter in "\"'\\"):  # systemd takes no program of such a name
            command = ["/usr/bin/env", *command]
        program, *arguments = command
        words = [_quoted(program), *(_quoted(word).replace("$", "$$") for word in arguments)]
        return _UNIT.format(command=" ".join(words))

    def check(self) -> None:
        done = self._run(["systemctl", "--user", "show-environment"])
        if done.code == 127:
            raise ServiceError(
                "systemd is not installed here. `llmgw service install --dry-run` shows the unit; have whatever starts"
                " your services run `llmgw serve`."
            )
        if done.code:
            raise ServiceError(
                "your systemd user manager cannot be reached "
                f"({done.text.splitlines()[0] if done.text else 'no reason given'}). It runs for users who have logged"
                " in themselves, not through su or sudo: log in by SSH or at the console, or have it started with"
                f" `sudo loginctl enable-linger {self._user}` and set XDG_RUNTIME_DIR=/run/user/{os.getuid()}."
                " `llmgw service install --dry-run` shows the unit."
            )

    def enable(self, *, now: bool) -> None:
        must(self._run, "systemctl", "--user", "daemon-reload")
        must(self._run, "systemctl", "--user", "enable", NAME)
        if now:
            must(self._run, "systemctl", "--user", "restart", NAME)

    def disable(self) -> None:
        self._run(["systemctl", "--user", "disable", "--now", NAME])
        self.path.unlink(missing_ok=True)
        must(self._run, "systemctl", "--user", "daemon-reload")
        self._run(["systemctl", "--user", "reset-failed", NAME])

    def state(self) -> str:
        if not self.path.exists():
            return "not installed"
        active = self._run(["systemctl", "--user", "is-active", NAME]).text
        enabled = self._run(["systemctl", "--user", "is-enabled", NAME]).text
        return f"{active or 'unknown'}, {enabled or 'unknown'}"

    def hints(self, *, now: bool) -> list[str]:
        hints = [] if now else ["It starts at your next login; at once with `systemctl --user start llmgw`."]
        linger = self._run(["loginctl", "show-user", self._user, "--property=Linger"]).text
        if linger != "Linger=yes":
            hints.append(
                f"It ends when you log out. To have it run always: `sudo loginctl enable-linger {self._user}`."
            )
        return hints

    def logs(self, lines: int, *, follow: bool) -> Sequence[str]:
        return ["journalctl", "--user", "--unit", NAME, "--lines", str(lines), *(["--follow"] if follow else [])]


def _quoted(word: str) -> str:
    """A word of ExecStart. ``%`` is doubled; ``$`` in arguments too, not in the program (systemd.service, 252)."""
    if "\n" in word or "\0" in word:
        raise ServiceError(f"{word!r} cannot stand in a unit.")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if not word or any(letter in word for letter in " \t\"'\\;") else escaped
