"""``llmgw``: the command line. Textual is imported only when a screen is wanted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateway_core.settings_sources import SettingsError, SettingsSources
from llmgw_tui.arguments import Commands, Version, add_completion, add_service, add_status

if TYPE_CHECKING:
    from gateway_core.settings import Settings
    from gateway_core.settings_files import SettingsFiles
    from llmgw_tui.screen_options import ScreenOptions

FAILED, WRONG_USE = 1, 2
CLIENTS = ("openclaw", "claude-code", "codex", "openai", "anthropic", "prometheus", "grafana")
FLAGS = ("host", "port", "data_dir")
AT_ONCE = ("status", "completion")
CACHE_ORDERS = ("newest", "hits", "saved", "largest")
"""``gateway_core.cache_entries.ORDERS``, which takes longer to import than `llmgw status` may take."""
LOG_LEVELS = ("debug", "info", "warning", "error")
"""``gateway_core.log_entries.LEVELS``, for the same reason."""
SORTS = ("newest", "cost", "saved", "tokens", "latency", "first_token")
"""``gateway_core.request_pages.SORTS``, for the same reason."""
SPEND_BY = ("day", "hour", "tier", "model", "provider", "lane", "session", "client", "purpose")
"""The names of ``gateway_core.spend_values.BY``, for the same reason."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code: 0 fine, 1 failed, 2 wrong use."""
    arguments = _parser().parse_args(argv)
    try:
        return _run_at_once(arguments) if arguments.command in AT_ONCE else _load_and_run(arguments)
    except SettingsError as error:
        print(f"llmgw: {error}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED


def _run_at_once(arguments: argparse.Namespace) -> int:
    """Commands that somebody waits for at a prompt: they import neither the settings nor asyncio."""
    if arguments.command == "completion":
        from llmgw_tui import completion

        print(completion.script(arguments.shell, _parser()), end="")
        return 0
    from llmgw_tui import status

    flags = {name: getattr(arguments, name) for name in FLAGS}
    place = SettingsSources(arguments.config, **flags).place()
    asked = {"timeout_s": arguments.timeout / 1e3, "every_s": arguments.watch}
    return status.status(place, as_json=arguments.json, template=arguments.format, **asked)


def _load_and_run(arguments: argparse.Namespace) -> int:
    from gateway_core.settings_files import SettingsFiles

    files = SettingsFiles(arguments.config, **{name: getattr(arguments, name) for name in FLAGS})
    if arguments.command == "service":
        from llmgw_tui.service.cli import service

        return service(arguments, files)
    return _run(arguments, files.load(), files)


def _run(arguments: argparse.Namespace, settings: Settings, files: SettingsFiles) -> int:
    import asyncio

    match arguments.command:
        case None:
            from llmgw_tui import screen_runs

            return asyncio.run(
                screen_runs.control_centre(settings, files, _screen(arguments), read_only=arguments.read_only)
            )
        case "serve":
            from llmgw_tui import headless

            return asyncio.run(headless.serve(settings, files, read_only=arguments.read_only, quiet=arguments.quiet))
        case "attach":
            from llmgw_tui import screen

            where = arguments.url, arguments.key, files.keymap_file, _screen(arguments)
            return asyncio.run(screen.attach(settings, *where, read_only=arguments.read_only))
        case "demo":
            from llmgw_tui import screen_runs

            return asyncio.run(screen_runs.demo(settings, files, _screen(arguments)))
        case "connect":
            from llmgw_tui import connecting, monitoring

            if arguments.client in monitoring.CLIENTS:
                return monitoring.run(settings, arguments.client, arguments.rules, arguments.write)
            if arguments.write or arguments.rules:
                raise SettingsError("A folder to --write into, and --rules, are for prometheus and grafana.")
            written = arguments.write is not None
            given = arguments.client, arguments.api, arguments.memory, written, arguments.file
            return connecting.run(settings, *given)
        case "requests":
            from llmgw_tui import requesting

            return asyncio.run(requesting.requests(settings, arguments))
        case "cache":
            from llmgw_tui import caching

            return asyncio.run(caching.cache(settings, arguments))
        case "log":
            from llmgw_tui import showing_log

            query, level = arguments.query, arguments.level
            return asyncio.run(showing_log.log(settings, query, level, follow=arguments.follow, as_json=arguments.json))
        case "settings" | "config":
            from llmgw_tui import showing_settings

            return asyncio.run(showing_settings.show(settings, files, arguments.query, as_json=arguments.json))
        case "export":
            from llmgw_tui import exporting

            return asyncio.run(exporting.run(settings, arguments.id, arguments.form))
        case "reload":
            from llmgw_tui import reloading

            return asyncio.run(reloading.reload(settings))
        case "stop":
            from llmgw_tui import stopping

            return asyncio.run(stopping.stop(settings))
        case "keys":
            from llmgw_tui import keymap_file

            return keymap_file.show(files.keymap_file)
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
    _add_screen(parser)
    parser.add_argument("--version", action=Version, nargs=0, help="show the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    serve = commands.add_parser("serve", parents=[common], help="the gateway without a screen")
    _add_read_only(serve)
    serve.add_argument("--quiet", action="store_true", help="no line for each request")

    attach = commands.add_parser("attach", parents=[common], help="the control centre of a gateway that runs elsewhere")
    attach.add_argument("url", nargs="?", help="its address (default: the configured host and port)")
    attach.add_argument("--key", help="its key (default: GATEWAY_SECRET, or the key in the data folder)")
    _add_read_only(attach)
    _add_screen(attach)

    demo = commands.add_parser(
        "demo", parents=[common], help="everything, with made-up traffic and simulated paid upstreams"
    )
    _add_screen(demo)

    commands.add_parser("stop", parents=[common], help="end the running gateway, wherever its screen is")
    commands.add_parser("keys", parents=[common], help="the keymap in force, as a keymap.yaml to start from")

    doctor = commands.add_parser(
        "doctor", parents=[common], help="look for what is set up wrong, and say how to mend it"
    )
    doctor.add_argument(
        "--fetch-model", action="store_true", help="get the built-in model's weights if they are missing"
    )

    connect = commands.add_parser("connect", parents=[common], help="set a client up to use the gateway")
    connect.add_argument("client", choices=CLIENTS)
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
    report.add_argument("--days", type=_positive, default=7, help="days to report, today included (default 7)")
    report.add_argument("--by", choices=SPEND_BY, help="one sum for each (default: by day, tier and model)")
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

    add_status(commands, common)

    exported = commands.add_parser(
        "export", parents=[common], help="a kept request of the running gateway, to run or to read elsewhere"
    )
    exported.add_argument("id", metavar="ID", help="the request's id, as answers carry it in x-llmgw-request-id")
    exported.add_argument("--as", dest="form", choices=("curl", "python", "json"), default="curl")

    _add_requests(commands, common)
    _add_cache(commands, common)
    _add_inside(commands, common)
    add_service(commands, common)
    add_completion(commands, common)

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


def _add_requests(commands: Commands, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser("requests", parents=[common], help="the running gateway's request log")
    parser.add_argument(
        "filter",
        nargs="*",
        metavar="FILTER",
        help="words and conditions: tier:premium 'cost>0.01' since:2h !tier:cache",
    )
    parser.add_argument("--sort", default=SORTS[0], help=f"{', '.join(SORTS)}; turned round by --sort=-cost")
    parser.add_argument("--limit", type=_rows, default=20, help="how many at most (default 20)")
    parser.add_argument("--json", action="store_true", help="a JSON object for each request, one a line")
    parser.add_argument("--follow", action="store_true", help="go on with those that end from now on")


def _add_cache(commands: Commands, common: argparse.ArgumentParser) -> None:
    cache = commands.add_parser(
        "cache", parents=[common], help="what the running gateway's answer caches keep and save"
    )
    cache.add_argument("--json", action="store_true", default=False)
    cache.set_defaults(action="totals")
    actions = cache.add_subparsers(dest="action", metavar="ACTION")
    listed = actions.add_parser("list", parents=[common], help="what is kept")
    listed.add_argument("query", nargs="?", default="", metavar="QUERY", help="words of the question")
    listed.add_argument("--order", choices=CACHE_ORDERS, default=CACHE_ORDERS[0])
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


def _add_inside(commands: Commands, common: argparse.ArgumentParser) -> None:
    log = commands.add_parser("log", parents=[common], help="what happened in the running gateway")
    log.add_argument("query", nargs="?", default="", metavar="QUERY", help="words of the text or of its source")
    log.add_argument("--level", choices=LOG_LEVELS, default="info", help="this level and above (default info)")
    log.add_argument("--follow", action="store_true", help="go on with what happens, until Ctrl+C")
    log.add_argument("--json", action="store_true", help="one JSON object a line")
    settings = commands.add_parser(
        "settings", aliases=["config"], parents=[common], help="which settings are in force, and where each comes from"
    )
    settings.add_argument("query", nargs="?", default="", metavar="QUERY", help="words of the name or the explanation")
    settings.add_argument("--json", action="store_true")


def _add_read_only(parser: argparse.ArgumentParser) -> None:
    default = argparse.SUPPRESS if parser.prog.endswith(("serve", "attach")) else False
    parser.add_argument("--read-only", action="store_true", default=default, help="commands change nothing")


def _add_screen(parser: argparse.ArgumentParser) -> None:
    """How the control centre looks; after a command they win over those before it."""
    given = argparse.SUPPRESS if " " in parser.prog else None
    off = argparse.SUPPRESS if " " in parser.prog else False
    parser.add_argument("--theme", default=given, metavar="NAME", help="dark, light, high-contrast, ansi, plain or own")
    parser.add_argument("--ascii", action="store_true", default=off, help="draw with ASCII only")
    parser.add_argument("--fps", type=_updates, default=given, metavar="N", help="updates a second (default 4)")
    parser.add_argument(
        "--low-bandwidth", action="store_true", default=off, help="for slow links: draw less, less often"
    )


def _screen(arguments: argparse.Namespace) -> ScreenOptions:
    from llmgw_tui.screen_options import ScreenOptions

    return ScreenOptions(arguments.theme, arguments.ascii, arguments.fps, arguments.low_bandwidth)


def _updates(text: str) -> float:
    from llmgw_tui.screen_options import updates_per_second

    try:
        return updates_per_second(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return value


def _rows(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 100_000:
        raise argparse.ArgumentTypeError("a limit is a number from 1 to 100000")
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


if __name__ == "__main__":
    sys.exit(main())
