"""The command line's arguments. Nothing dear is imported for them: `llmgw status` has no time for it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TypeAlias

from gateway_core.choices import BY, CACHE_ORDERS, LEVELS, SORTS
from llmgw_tui import argument_kinds as kinds

SHELLS = ("bash", "zsh", "fish")
CLIENTS = {
    "openclaw": "OpenClaw's configuration",
    "claude-code": "Claude Code's settings",
    "codex": "Codex's configuration",
    "openai": "variables that OpenAI's SDKs read",
    "anthropic": "variables that Anthropic's SDKs read",
    "prometheus": "a scrape configuration and alert rules",
    "grafana": "a dashboard",
}
"""What ``llmgw connect`` gives each."""
_AS_JSON = "for other programs"
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """What was typed. Ends the process when it cannot be used.

    A filter may go on behind an option, which argparse knows of no argument that is a list.
    """
    typed = sys.argv[1:] if argv is None else list(argv)
    parser = make_parser(every=typed[:1] not in ([], ["serve"]))
    arguments, rest = parser.parse_known_args(typed)
    if rest and (arguments.command != "requests" or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        arguments.filter += rest
    return arguments


def make_parser(*, every: bool = True) -> argparse.ArgumentParser:
    """All commands and what they take; not ``every`` one is only what a gateway is started with.

    All of them take a hundredth of a start.
    """
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_common(common, "to listen on")
    asking = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_common(asking, "of the gateway")
    parser = argparse.ArgumentParser(
        prog="llmgw",
        description="A control centre in the terminal with an LLM gateway inside. Without a command: the control "
        "centre with the gateway, or, where one already answers, the control centre attached to it.",
    )
    _add_common(parser, "to listen on")
    _add_read_only(parser)
    _add_screen(parser)
    parser.add_argument("--version", action=Version, nargs=0, help="show the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    serve = commands.add_parser("serve", parents=[common], help="the gateway without a screen")
    _add_read_only(serve)
    serve.add_argument("--quiet", action="store_true", help="no line for each request")
    if not every:
        return parser

    attach = commands.add_parser("attach", parents=[asking], help="the control centre of a gateway that runs elsewhere")
    attach.add_argument("url", nargs="?", help="its address (default: the configured host and port)")
    attach.add_argument("--key", help="its key (default: GATEWAY_SECRET, or the key in the data folder)")
    _add_read_only(attach)
    _add_screen(attach)

    demo = commands.add_parser(
        "demo", parents=[common], help="everything, with made-up traffic and simulated paid upstreams"
    )
    _add_screen(demo)

    commands.add_parser("stop", parents=[asking], help="end the running gateway, wherever its screen is")
    commands.add_parser("keys", parents=[common], help="the keymap in force, as a keymap.yaml to start from")

    doctor = commands.add_parser(
        "doctor", parents=[common], help="look for what is set up wrong, and say how to mend it"
    )
    doctor.add_argument(
        "--fetch-model", action="store_true", help="get the built-in model's weights if they are missing"
    )
    doctor.add_argument("--json", action="store_true", help="what is found as JSON: its level and its text")

    connect = commands.add_parser(
        "connect",
        parents=[asking],
        help="set a client up to use the gateway; without one: its address, its key and the clients",
    )
    connect.add_argument("client", nargs="?", choices=tuple(CLIENTS))
    connect.add_argument(
        "--show-key", action="store_true", help="without a client: the key itself, not only in a terminal"
    )
    connect.add_argument(
        "--api",
        choices=["openai-completions", "openai-responses", "anthropic-messages", "clawrouter"],
        help="how OpenClaw speaks to it (default openai-completions); clawrouter also shows what was used",
    )
    connect.add_argument("--memory", action="store_true", help="OpenClaw's memory search, too, uses it for embeddings")
    connect.add_argument(
        "--write",
        nargs="?",
        const="",
        metavar="DIR",
        help="merge into its configuration, after a backup; for prometheus and grafana: files in a folder",
    )
    connect.add_argument("--rules", action="store_true", help="prometheus: the alert rules, not the configuration")
    connect.add_argument("--file", type=Path, help="its configuration file (default: where it looks itself)")

    report = commands.add_parser("report", parents=[common], help="what was spent and saved")
    report.add_argument("--days", type=kinds.days, default=7, help="days to report, today included (default 7)")
    report.add_argument("--by", choices=BY, help="one sum for each (default: by day, tier and model)")
    report.add_argument("--format", choices=["table", "json", "csv"], default="table", help="default table")
    report.add_argument(
        "--reconcile",
        type=Path,
        metavar="FILE",
        help="hold the ledger against an export of Anthropic's: the Console's CSV of usage or cost, or the JSON of its "
        "usage and cost reports",
    )
    report.add_argument(
        "--tolerance", type=kinds.percent, default=1.0, metavar="PERCENT", help="how far both may differ (default 1)"
    )

    _add_what_if(commands, common)
    _add_status(commands, asking)

    exported = commands.add_parser(
        "export", parents=[asking], help="a kept request of the running gateway, to run or to read elsewhere"
    )
    exported.add_argument("id", metavar="ID", help="the request's id, as answers carry it in x-llmgw-request-id")
    exported.add_argument(
        "--as", dest="form", choices=("curl", "python", "json"), default="curl", help="what to print (default curl)"
    )

    _add_requests(commands, asking)
    _add_cache(commands, asking)
    _add_labels(commands, common)
    _add_inside(commands, asking)
    _add_secret(commands, asking)
    _add_service(commands, common)
    _add_completion(commands, common)

    commands.add_parser("reload", parents=[asking], help="have the running gateway read its configuration again")

    explain = commands.add_parser("explain", parents=[common], help="where a prompt would go, and why; calls nothing")
    explain.add_argument("--json", action="store_true", help="answers as JSON lines; input lines {id, prompt}")
    explain.add_argument("file", nargs="?", default="-", metavar="FILE|-")
    return parser


def _add_common(parser: argparse.ArgumentParser, whose: str) -> None:
    suppress = argparse.SUPPRESS if parser.argument_default is argparse.SUPPRESS else None
    free = "; 0: a free one" if whose == "to listen on" else ""
    parser.add_argument("--host", default=suppress, help=f"address {whose} (default 127.0.0.1)")
    parser.add_argument("--port", type=kinds.port, default=suppress, help=f"port {whose} (default 8000{free})")
    parser.add_argument("--config", type=Path, default=suppress, metavar="FILE", help="configuration file")
    parser.add_argument(
        "--data-dir", type=Path, default=suppress, metavar="DIR", help="folder of ledger, caches and key"
    )


def _add_what_if(commands: Commands, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "what-if", parents=[common], help="what the last days would have cost under another policy; calls nothing"
    )
    parser.add_argument("--days", type=kinds.days, default=30, help="days to replay, today included (default 30)")
    decides = parser.add_mutually_exclusive_group()
    decides.add_argument(
        "--premium-share",
        type=kinds.share,
        metavar="PERCENT",
        help="so many of the requests that difficulty decides go to premium, the hardest",
    )
    for tier in ("premium", "cheap", "local"):
        decides.add_argument(
            f"--all-{tier}", dest="all_to", action="store_const", const=tier, help=f"every request goes to {tier}"
        )
    parser.add_argument(
        "--local-model", metavar="NAME[@TOKENS]", help="another model serves the local tier; TOKENS is its context"
    )
    parser.add_argument("--cache", choices=("on", "off"), help="off: without the answer caches")
    parser.add_argument("--prompt-cache", choices=("on", "off"), help="off: without the providers' prompt caching")
    parser.add_argument("--json", action="store_true", help=_AS_JSON)


def _add_requests(commands: Commands, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser("requests", parents=[common], help="the running gateway's request log")
    parser.add_argument(
        "filter",
        nargs="*",
        metavar="FILTER",
        help="words and conditions, in quotes what the shell takes for its own: tier:premium 'cost>0.01' since:2h "
        "'!tier:cache'",
    )
    parser.add_argument("--sort", default=SORTS[0], help=f"{', '.join(SORTS)}, oldest; turned round by --sort=-cost")
    parser.add_argument("--limit", type=kinds.rows, default=20, help="how many at most (default 20)")
    parser.add_argument("--json", action="store_true", help="a JSON object for each request, one a line")
    parser.add_argument("--follow", action="store_true", help="go on with those that end from now on")


def _add_cache(commands: Commands, common: argparse.ArgumentParser) -> None:
    cache = commands.add_parser(
        "cache", parents=[common], help="what the running gateway's answer caches keep and save"
    )
    cache.add_argument("--json", action="store_true", default=False, help=_AS_JSON)
    cache.set_defaults(action="totals")
    actions = cache.add_subparsers(dest="action", metavar="ACTION")
    listed = actions.add_parser("list", parents=[common], help="what is kept")
    listed.add_argument("query", nargs="?", default="", metavar="QUERY", help="words from the question")
    listed.add_argument("--order", choices=CACHE_ORDERS, default=CACHE_ORDERS[0], help="the most first")
    shown = actions.add_parser("show", parents=[common], help="one answer")
    deleted = actions.add_parser("delete", parents=[common], help="forget one answer")
    for parser in (listed, shown):
        parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_AS_JSON)
    for parser in (shown, deleted):
        parser.add_argument("id", metavar="ID", help="as `llmgw cache list` shows it")
    cleared = actions.add_parser("clear", parents=[common], help="forget all answers, of both caches or of one")
    cleared.add_argument("--exact", action="store_true", help="of the exact cache")
    cleared.add_argument("--semantic", action="store_true", help="of the semantic cache")
    cleared.add_argument("--yes", action="store_true", help="it cannot be undone")


def _add_labels(commands: Commands, common: argparse.ArgumentParser) -> None:
    labels = commands.add_parser(
        "labels", parents=[common], help="what the router learns from, and how to be rid of it"
    )
    labels.set_defaults(action="list")
    actions = labels.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", parents=[common], help="the newest labels")
    actions.add_parser("export", parents=[common], help="all labels as lines of JSON")
    taken = actions.add_parser("import", parents=[common], help="take in labels that export wrote, or of your own")
    taken.add_argument(
        "file",
        metavar="FILE",
        help='lines of JSON: {"prompt", "tier": local|cheap|premium}, or "weak" and "strong" scores from 0 to 1 for '
        "the tier; - is stdin",
    )
    forget = actions.add_parser("forget", parents=[common], help="forget all labels and what was learned from them")
    forget.add_argument("--yes", action="store_true", help="really")


def _add_inside(commands: Commands, common: argparse.ArgumentParser) -> None:
    log = commands.add_parser("log", parents=[common], help="what happened in the running gateway")
    log.add_argument("query", nargs="?", default="", metavar="QUERY", help="words from the text or source")
    log.add_argument("--level", choices=LEVELS, default="info", help="this level and above (default info)")
    log.add_argument("--follow", action="store_true", help="go on with what happens, until Ctrl+C")
    log.add_argument("--json", action="store_true", help="one JSON object a line")
    settings = commands.add_parser(
        "settings", aliases=["config"], parents=[common], help="which settings are in force, and where each comes from"
    )
    settings.add_argument("query", nargs="?", default="", metavar="QUERY", help="words of the name or the explanation")
    settings.add_argument("--json", action="store_true", help=_AS_JSON)


def _add_read_only(parser: argparse.ArgumentParser) -> None:
    default = argparse.SUPPRESS if parser.prog.endswith(("serve", "attach")) else False
    parser.add_argument("--read-only", action="store_true", default=default, help="commands change nothing")


def _add_screen(parser: argparse.ArgumentParser) -> None:
    """How the control centre looks; after a command they win over those before it."""
    given = argparse.SUPPRESS if " " in parser.prog else None
    off = argparse.SUPPRESS if " " in parser.prog else False
    parser.add_argument(
        "--theme",
        default=given,
        metavar="NAME",
        help="dark, light, high-contrast, ansi, plain or your own (LLMGW_THEME)",
    )
    parser.add_argument("--ascii", action="store_true", default=off, help="draw with ASCII only (LLMGW_ASCII=1)")
    parser.add_argument(
        "--fps", type=kinds.updates, default=given, metavar="N", help="updates a second, default 4 (LLMGW_FPS)"
    )
    parser.add_argument(
        "--low-bandwidth",
        action="store_true",
        default=off,
        help="for slow links: draw less, less often (LLMGW_LOW_BANDWIDTH=1)",
    )


def _add_status(commands: Commands, common: argparse.ArgumentParser) -> None:
    status = commands.add_parser("status", parents=[common], help="one line on the running gateway")
    status.add_argument("--json", action="store_true", help="all that is known")
    status.add_argument("--format", metavar="TEMPLATE", help="your own line, as '{spent} {state}'")
    status.add_argument("--fields", action=_Fields, nargs=0, help="list what --format can show, and end")
    status.add_argument(
        "--timeout",
        type=kinds.milliseconds,
        default=250,
        metavar="MS",
        help="how long to wait for an answer (default 250)",
    )
    status.add_argument(
        "--watch", type=kinds.seconds, metavar="SECONDS", help="a line every so often, until it is ended"
    )


def _add_service(commands: Commands, common: argparse.ArgumentParser) -> None:
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
    logs.add_argument("--lines", "-n", type=kinds.lines, default=100, help="how many (default 100)")


def _add_secret(commands: Commands, common: argparse.ArgumentParser) -> None:
    secret = commands.add_parser("secret", parents=[common], help="the keys of the gateway, and a new one for the old")
    secret.set_defaults(action="show")
    actions = secret.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("show", parents=[common], help="which keys are taken, masked")
    new = actions.add_parser("rotate", parents=[common], help="make a new key; the old one is taken for a while")
    new.add_argument(
        "--grace", type=kinds.hours, default=24.0, metavar="HOURS", help="how long; 0 ends it at once (default 24)"
    )
    new.add_argument(
        "--write",
        action="store_true",
        help="also put it where OpenClaw and Claude Code have the old one, after a backup",
    )
    actions.add_parser("end", parents=[common], help="take the old key no more")


def _add_completion(commands: Commands, common: argparse.ArgumentParser) -> None:
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
