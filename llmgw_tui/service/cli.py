"""``llmgw service install|uninstall|status|logs``: what is typed, and what is printed."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from gateway_core.settings_sources import environment_name
from llmgw_tui.asking import NoAnswer, ask
from llmgw_tui.service.command import install, manager_of, marked, own_command, uninstall
from llmgw_tui.service.manager import Manager, Run, ServiceError, run
from llmgw_tui.service.variables import hand_over

if TYPE_CHECKING:
    from gateway_core.settings_files import SettingsFiles


def service(arguments: argparse.Namespace, files: SettingsFiles, run: Run = run, platform: str = sys.platform) -> int:
    """Does what was asked; 0 done (or, for ``status``, active), 1 not."""
    try:
        manager = manager_of(platform, run, os.environ, Path.home())
        match arguments.action:
            case "install":
                _say(_install(arguments, files, manager))
            case "uninstall":
                _say(uninstall(manager))
            case "logs":
                return subprocess.call(manager.logs(arguments.lines, follow=arguments.follow))
            case _:
                state = manager.state()
                print(f"llmgw service: {state} ({manager.path})")
                return 0 if state.startswith("active") else 1
    except ServiceError as error:
        print(f"llmgw: {error}", file=sys.stderr)
        return 1
    return 0


def _install(arguments: argparse.Namespace, files: SettingsFiles, manager: Manager) -> list[str]:
    """Raises ``SettingsError`` for a configuration with which the service could not start."""
    settings, address = files.load(), files.place().address
    command = own_command(sys.argv[0], _flags(arguments, files))
    if arguments.dry_run:
        print(f"# {manager.path}")
        print(marked(manager.text(command)), end="")
        return []
    manager.check()
    now, said = arguments.now, []
    if now and not manager.state().startswith("active") and _answers(address):
        said.append(f"A gateway runs at {address} already: end it, then `llmgw service install --now`.")
        now = False
    names = [environment_name(name) for name in type(settings).model_fields]
    names += [entry.api_key_env for entry in settings.providers if entry.api_key_env]
    handed = hand_over(files.config_file.parent / ".env", os.environ, names)
    here = Path(".env").absolute()
    if here.is_file() and here != files.config_file.parent / ".env":
        said.append(f"{here} is read by what is started in its folder, and so not by the service.")
    return [*handed, *install(manager, command, now=now, force=arguments.force), *said]


def _flags(arguments: argparse.Namespace, files: SettingsFiles) -> list[str]:
    """The flags that were given, and what of the shell's places a service would look for elsewhere."""
    flags: list[str] = []
    named = arguments.config or os.environ.get("LLMGW_CONFIG")
    if named or (os.environ.get("XDG_CONFIG_HOME") and files.config_file.is_file()):
        flags += ["--config", str(files.config_file)]
    if arguments.data_dir or os.environ.get("XDG_DATA_HOME"):
        flags += ["--data-dir", str(files.place().data_dir.absolute())]
    for name in ("host", "port"):
        if (value := getattr(arguments, name)) is not None:
            flags += [f"--{name}", str(value)]
    return flags


def _answers(address: str) -> bool:
    try:
        return ask(address, "/health", None, monotonic() + 1)[1].get("service") == "llmgw"
    except NoAnswer:
        return False


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        print(line)
