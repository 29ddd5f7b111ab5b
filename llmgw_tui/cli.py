"""``llmgw``: the command line. Textual is imported only when a screen is wanted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway_core.importing import importing
from gateway_core.own_files import keep_private
from gateway_core.settings_sources import SettingsError, SettingsSources
from llmgw_tui.arguments import make_parser, parse_arguments
from llmgw_tui.streams import run_as_command

if TYPE_CHECKING:
    from types import TracebackType

    from gateway_core.settings import Settings
    from gateway_core.settings_files import SettingsFiles
    from llmgw_tui.screen_options import ScreenOptions

WRONG_USE = 2
FLAGS = ("host", "port", "data_dir")
AT_ONCE = ("status", "completion")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code: 0 fine, 1 failed, 2 wrong use."""
    keep_private()
    sys.excepthook = _crashed
    return run_as_command(lambda: _main(argv))


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    from llmgw_tui.crashes import say_crash

    say_crash(kind, error, trace)


def _main(argv: Sequence[str] | None) -> int:
    arguments = parse_arguments(argv)
    try:
        return _run_at_once(arguments) if arguments.command in AT_ONCE else _load_and_run(arguments)
    except SettingsError as error:
        print(f"llmgw: {error}", file=sys.stderr)
        return WRONG_USE


def _run_at_once(arguments: argparse.Namespace) -> int:
    """Commands that somebody waits for at a prompt: they import neither the settings nor asyncio."""
    if arguments.command == "completion":
        from llmgw_tui import completion

        print(completion.script(arguments.shell, make_parser()), end="")
        return 0
    from llmgw_tui import status

    flags = {name: getattr(arguments, name) for name in FLAGS}
    place = SettingsSources(arguments.config, **flags).place()
    asked = {"timeout_s": arguments.timeout / 1e3, "every_s": arguments.watch}
    return status.status(place, as_json=arguments.json, template=arguments.format, **asked)


def _load_and_run(arguments: argparse.Namespace) -> int:
    with importing():
        from gateway_core.settings_files import SettingsFiles

    files = SettingsFiles(arguments.config, **{name: getattr(arguments, name) for name in FLAGS})
    if arguments.command == "service":
        from llmgw_tui.service.cli import service

        return service(arguments, files)
    if arguments.command == "doctor":
        from llmgw_tui import doctor

        return doctor.main(files, fetch_model=arguments.fetch_model, as_json=arguments.json)
    if arguments.command in (None, "serve"):
        from gateway_core.last_settings import load_or_last

        return _run(arguments, load_or_last(files), files)
    return _run(arguments, files.load(), files)


def _run(arguments: argparse.Namespace, settings: Settings, files: SettingsFiles) -> int:
    import asyncio

    match arguments.command:
        case None:
            with importing():
                from llmgw_tui import screen_runs

            return asyncio.run(
                screen_runs.control_centre(settings, files, _screen(arguments), read_only=arguments.read_only)
            )
        case "serve":
            with importing():
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

            if arguments.show_key and arguments.client:
                raise SettingsError(
                    "--show-key is for `llmgw connect` without a client: a client's part holds the key."
                )
            if arguments.client in monitoring.CLIENTS:
                return monitoring.run(settings, arguments.client, arguments.rules, arguments.write)
            if arguments.write or arguments.rules:
                raise SettingsError("A folder to --write into, and --rules, are for prometheus and grafana.")
            written = arguments.write is not None
            if arguments.client is None:
                options = arguments.api, arguments.memory, written, arguments.file
                return connecting.show(settings, show_key=arguments.show_key, options=any(options))
            given = arguments.client, arguments.api, arguments.memory, written, arguments.file
            return connecting.run(settings, *given)
        case "requests":
            from llmgw_tui import requesting

            return asyncio.run(requesting.requests(settings, arguments))
        case "cache":
            from llmgw_tui import caching

            return asyncio.run(caching.cache(settings, arguments))
        case "labels":
            from llmgw_tui import labelling

            return asyncio.run(labelling.labels(settings, arguments))
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
        case "secret":
            from llmgw_tui import rotating

            match arguments.action:
                case "rotate":
                    return rotating.new(settings, files, arguments.grace, write=arguments.write)
                case "end":
                    return rotating.end(settings)
                case _:
                    return rotating.show(settings, files)
        case "keys":
            from llmgw_tui import keymap_file

            return keymap_file.show(files.keymap_file)
        case "report":
            if arguments.reconcile:
                from llmgw_tui import reconciling

                held = reconciling.reconcile(settings, arguments.reconcile, arguments.tolerance, arguments.format)
                return asyncio.run(held)
            from llmgw_tui import report

            return asyncio.run(report.report(settings, arguments.days, arguments.format, arguments.by))
        case "what-if":
            from llmgw_tui import what_if

            return asyncio.run(what_if.what_if(settings, what_if.asked(arguments), as_json=arguments.json))
        case _:
            from llmgw_tui import explaining

            return explaining.explain(settings, arguments.file, as_json=arguments.json)


def _screen(arguments: argparse.Namespace) -> ScreenOptions:
    from llmgw_tui.screen_options import ScreenOptions

    return ScreenOptions(arguments.theme, arguments.ascii, arguments.fps, arguments.low_bandwidth)


if __name__ == "__main__":
    sys.exit(main())
