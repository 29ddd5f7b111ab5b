"""The runs with the gateway inside: the control centre, and the demo."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gateway_core.garbage import settle_in
from gateway_core.http.server import PortInUse
from gateway_core.running import running_gateway
from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles
from gateway_core.store.errors import StoreError
from llmgw_tui.detached import serve_on
from llmgw_tui.ending import end_by_signals
from llmgw_tui.logs import hide_in_log, log_to_file
from llmgw_tui.reach import gateway_answers
from llmgw_tui.screen import attach, has_terminal, show
from llmgw_tui.screen_options import ScreenOptions
from llmgw_tui.source_local import LocalSource


async def control_centre(settings: Settings, files: SettingsFiles, options: ScreenOptions, *, read_only: bool) -> int:
    """The gateway with its control centre; where a gateway already answers, the control centre attached to it.

    When the terminal goes away the gateway goes on without a screen, until SIGTERM or ``llmgw stop``.
    """
    if not has_terminal():
        return 1
    if settings.port and await gateway_answers(settings):
        return await attach(settings, None, None, files.keymap_file, options, read_only=read_only)
    trouble = log_to_file(settings.data_dir)
    lost = asyncio.Event()
    try:
        async with running_gateway(settings, files=files, read_only=read_only) as gateway:
            settle_in()
            hide_in_log(gateway.event_log.redactor)
            if trouble:
                gateway.notice("warning", trouble)
            source, stopped = LocalSource(gateway), gateway.stopping.asked
            code = await show(source, files.keymap_file, options, settings.data_dir, until=stopped, lost=lost)
            if lost.is_set() and not stopped.is_set():
                await serve_on(gateway)
            else:
                end_by_signals(gateway.stopping.hurry)
            return code
    except (StoreError, PortInUse) as error:
        print(f"llmgw: {error.strerror if isinstance(error, OSError) else error}", file=sys.stderr)
        return 1


async def demo(settings: Settings, files: SettingsFiles, options: ScreenOptions) -> int:
    """Everything at work in a throw-away folder: made-up traffic, simulated paid upstreams, the built-in model.

    Where its port is taken, by your own gateway for one, it takes a free one.
    """
    from gateway_core.demo import demo_environment

    if not has_terminal():
        return 1
    async with demo_environment(settings) as demo_settings:
        log_to_file(demo_settings.data_dir)
        try:
            return await _play_and_show(demo_settings, files.keymap_file, options)
        except PortInUse:
            return await _play_and_show(demo_settings.model_copy(update={"port": 0}), files.keymap_file, options)


async def _play_and_show(settings: Settings, keymap_file: Path, options: ScreenOptions) -> int:
    from gateway_core.demo import judge_some, play

    async with running_gateway(settings, simulated=True) as gateway:
        hide_in_log(gateway.event_log.redactor)
        await judge_some(gateway.commands)
        traffic = asyncio.create_task(play(gateway.address, gateway_secret(settings) or ""))
        try:
            stopped = gateway.stopping.asked
            return await show(LocalSource(gateway), keymap_file, options, settings.data_dir, until=stopped)
        finally:
            traffic.cancel()
            await asyncio.gather(traffic, return_exceptions=True)
