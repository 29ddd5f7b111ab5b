"""The arguments of commands that a shell or a service manager asks, and what they may be."""

from __future__ import annotations

import argparse
from typing import NoReturn, TypeAlias

SHELLS = ("bash", "zsh", "fish")
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_status(commands: Commands, common: argparse.ArgumentParser) -> None:
    status = commands.add_parser("status", parents=[common], help="one line on the running gateway")
    status.add_argument("--json", action="store_true", help="all that is known")
    status.add_argument("--format", metavar="TEMPLATE", help="your own line, as '{spent} {state}'")
    status.add_argument("--fields", action=_Fields, nargs=0, help="list what --format can show, and end")
    status.add_argument(
        "--timeout", type=_milliseconds, default=250, metavar="MS", help="how long to wait for an answer (default 250)"
    )
    status.add_argument("--watch", type=_seconds, metavar="SECONDS", help="a line every so often, until it is ended")


def add_service(commands: Commands, common: argparse.ArgumentParser) -> None:
    service = commands.add_parser("service", parents=[common], help="have the gateway run always, as a service")
    actions = service.add_subparsers(dest="action", metavar="ACTION", required=True)
    install = actions.add_parser("install", parents=[common], help="a systemd user unit, or a launchd agent")
    install.add_argument("--now", action="store_true", help="start it at once, or anew")
    install.add_argument("--dry-run", action="store_true", help="show the unit, write nothing")
    install.add_argument("--force", action="store_true", help="replace a unit that was changed by hand")
    actions.add_parser("uninstall", parents=[common], help="stop it and take it away")
    actions.add_parser("status", parents=[common], help="whether it runs")
    logs = actions.add_parser("logs", parents=[common], help="what it has written")
    logs.add_argument("--follow", "-f", action="store_true", help="go on showing")
    logs.add_argument("--lines", "-n", type=_lines, default=100, help="how many (default 100)")


def add_completion(commands: Commands, common: argparse.ArgumentParser) -> None:
    completed = commands.add_parser("completion", parents=[common], help="a script that completes commands in a shell")
    completed.add_argument("shell", choices=SHELLS)


class Version(argparse.Action):
    """Looks the version up when it is asked for: looking it up takes longer than `llmgw status` may."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"llmgw {version('llmgw')}")
        parser.exit()


class _Fields(argparse.Action):
    """Lists what a line of one's own can show."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from llmgw_tui.status import FIELDS

        print("\n".join(f"{name:<10} {what}" for name, what in FIELDS.items()))
        parser.exit()


def _milliseconds(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 60_000:
        raise argparse.ArgumentTypeError("a timeout is a number of milliseconds from 1 to 60000")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.2 <= value <= 86_400:
        raise argparse.ArgumentTypeError("seconds are a number from 0.2 to 86400")
    return value


def _lines(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError("lines are a number from 1 to 1000000")
    return value
