"""``llmgw``: the command line. Textual is imported only when a screen is wanted."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from gateway_core.cache_entries import ORDERS
from gateway_core.settings import Settings, SettingsError
from gateway_core.settings_files import SettingsFiles
from gateway_core.spend_values import BY

FAILED, WRONG_USE = 1, 2
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code: 0 fine, 1 failed, 2 wrong use."""
    arguments = _parser().parse_args(argv)
    try:
        files = SettingsFiles(arguments.config, host=arguments.host, port=arguments.port, data_dir=arguments.data_dir)
        return _run(arguments, files.load(), files)
    except SettingsError as error:
        print(f"llmgw: {error}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED


def _run(arguments: argparse.Namespace, settings: Settings, files: SettingsFiles) -> int:
    match arguments.command:
        case None:
            from llmgw_tui import screen_runs

            return asyncio.run(screen_runs.control_centre(settings, files, read_only=arguments.read_only))
        case "serve":
            from llmgw_tui import headless

            return asyncio.run(headless.serve(settings, files, read_only=arguments.read_only, quiet=arguments.quiet))
        case "attach":
            from llmgw_tui import screen

            return asyncio.run(screen.attach(settings, arguments.url, arguments.key, files.keymap_file))
        case "demo":
            from llmgw_tui import screen_runs

            return asyncio.run(screen_runs.demo(settings, files))
        case "connect":
            from llmgw_tui import connecting

            given = arguments.client, arguments.api, arguments.memory, arguments.write, arguments.file
            return connecting.run(settings, *given)
        case "status":
            from llmgw_tui import status

            return asyncio.run(status.status(settings, as_json=arguments.json))
        case "cache":
            from llmgw_tui import caching

            return asyncio.run(caching.cache(settings, arguments))
        case "reload":
            from llmgw_tui import reloading

            return asyncio.run(reloading.reload(settings))
        case "doctor":
            from llmgw_tui import doctor

            return asyncio.run(doctor.run(settings, fetch_model=arguments.fetch_model))
        case "report":
            if arguments.reconcile:
                from llmgw_tui import reconciling

                held = reconciling.reconcile(settings, arguments.reconcile, arguments.tolerance, arguments.format)
                return asyncio.run(held)
            from llmgw_tui import report

            return asyncio.run(report.report(settings, arguments.days, arguments.format, arguments.by))
        case _:
            from llmgw_tui import explaining

            return explaining.explain(settings, arguments.file, as_json=arguments.json)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_common(common)
    parser = argparse.ArgumentParser(
        prog="llmgw",
        description="A control centre in the terminal with an LLM gateway inside. Without a command: the control "
        "centre with the gateway, or, where one already answers, the control centre attached to it.",
    )
    _add_common(parser)
    _add_read_only(parser)
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    serve = commands.add_parser("serve", parents=[common], help="the gateway without a screen")
    _add_read_only(serve)
    serve.add_argument("--quiet", action="store_true", help="no line for each request")

    attach = commands.add_parser("attach", parents=[common], help="the control centre of a gateway that runs elsewhere")
    attach.add_argument("url", nargs="?", help="its address (default: the configured host and port)")
    attach.add_argument("--key", help="its key (default: GATEWAY_SECRET, or the key in the data folder)")

    commands.add_parser("demo", parents=[common], help="everything, with made-up traffic and simulated paid upstreams")

    doctor = commands.add_parser(
        "doctor", parents=[common], help="look for what is set up wrong, and say how to mend it"
    )
    doctor.add_argument(
        "--fetch-model", action="store_true", help="get the built-in model's weights if they are missing"
    )

    connect = commands.add_parser("connect", parents=[common], help="set a client up to use the gateway")
    connect.add_argument("client", choices=["openclaw", "claude-code", "codex", "openai", "anthropic"])
    connect.add_argument(
        "--api",
        choices=["openai-completions", "openai-responses", "anthropic-messages", "clawrouter"],
        help="how OpenClaw speaks to it (default openai-completions); clawrouter also shows what was used",
    )
    connect.add_argument("--memory", action="store_true", help="OpenClaw's memory search, too, uses it for embeddings")
    connect.add_argument("--write", action="store_true", help="merge into its configuration, after a backup")
    connect.add_argument("--file", type=Path, help="its configuration file (default: where it looks itself)")

    report = commands.add_parser("report", parents=[common], help="what was spent and saved")
    report.add_argument("--days", type=_positive, default=7, help="days to report, today included (default 7)")
    report.add_argument("--by", choices=list(BY), help="one sum for each (default: by day, tier and model)")
    report.add_argument("--format", choices=["table", "json", "csv"], default="table")
    report.add_argument(
        "--reconcile",
        type=Path,
        metavar="FILE",
        help="hold the ledger against an export of Anthropic's: the Console's CSV of usage or cost, or the JSON of its "
        "usage and cost reports",
    )
    report.add_argument(
        "--tolerance", type=_percent, default=1.0, metavar="PERCENT", help="how far both may differ (default 1)"
    )

    status = commands.add_parser("status", parents=[common], help="one line on the running gateway")
    status.add_argument("--json", action="store_true")

    _add_cache(commands, common)

    commands.add_parser("reload", parents=[common], help="have the running gateway read its configuration again")

    explain = commands.add_parser("explain", parents=[common], help="where a prompt would go, and why; calls nothing")
    explain.add_argument("--json", action="store_true", help="answers as JSON lines; input lines {id, prompt}")
    explain.add_argument("file", nargs="?", default="-", metavar="FILE|-")
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    suppress = argparse.SUPPRESS if parser.argument_default is argparse.SUPPRESS else None
    parser.add_argument("--host", default=suppress, help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=suppress, help="port to listen on (default 8000; 0: a free one)")
    parser.add_argument("--config", type=Path, default=suppress, metavar="FILE", help="configuration file")
    parser.add_argument(
        "--data-dir", type=Path, default=suppress, metavar="DIR", help="folder of ledger, caches and key"
    )


def _add_cache(commands: Commands, common: argparse.ArgumentParser) -> None:
    cache = commands.add_parser(
        "cache", parents=[common], help="what the running gateway's answer caches keep and save"
    )
    cache.add_argument("--json", action="store_true", default=False)
    cache.set_defaults(action="totals")
    actions = cache.add_subparsers(dest="action", metavar="ACTION")
    listed = actions.add_parser("list", parents=[common], help="what is kept")
    listed.add_argument("query", nargs="?", default="", metavar="QUERY", help="words of the question")
    listed.add_argument("--order", choices=ORDERS, default=ORDERS[0])
    shown = actions.add_parser("show", parents=[common], help="one answer")
    deleted = actions.add_parser("delete", parents=[common], help="forget one answer")
    for parser in (listed, shown):
        parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    for parser in (shown, deleted):
        parser.add_argument("id", metavar="ID", help="as `llmgw cache list` shows it")
    cleared = actions.add_parser("clear", parents=[common], help="forget all answers, of both caches or of one")
    cleared.add_argument("--exact", action="store_true", help="of the exact cache")
    cleared.add_argument("--semantic", action="store_true", help="of the semantic cache")
    cleared.add_argument("--yes", action="store_true", help="it cannot be undone")


def _add_read_only(parser: argparse.ArgumentParser) -> None:
    default = argparse.SUPPRESS if parser.prog.endswith("serve") else False
    parser.add_argument("--read-only", action="store_true", default=default, help="commands change nothing")


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 400:
        raise argparse.ArgumentTypeError("days are a number from 1 to 400")
    return value


def _percent(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError("a tolerance is a percentage from 0 to 100")
    return value


def _version() -> str:
    from importlib.metadata import version

    return f"llmgw {version('llmgw')}"


if __name__ == "__main__":
    sys.exit(main())
