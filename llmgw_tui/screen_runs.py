"""The runs that show the control centre: with the gateway inside, attached to one, or as a demo."""

from __future__ import annotations

import asyncio
import os
import sys

from gateway_core.http.server import PortInUse
from gateway_core.running import running_gateway
from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings, default_config_file
from gateway_core.store.errors import StoreError
from llmgw_tui.asking import address_of, gateway_answers
from llmgw_tui.logs import log_to_file
from llmgw_tui.source import Source
from llmgw_tui.source_http import HttpSource
from llmgw_tui.source_local import LocalSource


async def control_centre(settings: Settings, *, read_only: bool) -> int:
    """The gateway with its control centre; where a gateway already answers, the control centre attached to it."""
    if not _has_terminal():
        return 1
    if settings.port and await gateway_answers(settings):
        return await attach(settings, None, None)
    log_to_file(settings.data_dir)
    try:
        async with running_gateway(settings, read_only=read_only) as gateway:
            return await _show(LocalSource(gateway))
    except (StoreError, PortInUse) as error:
        print(f"llmgw: {error.strerror if isinstance(error, OSError) else error}", file=sys.stderr)
        return 1


async def attach(settings: Settings, url: str | None, key: str | None) -> int:
    """The control centre of a gateway that runs elsewhere."""
    if not _has_terminal():
        return 1
    key = key or gateway_secret(settings, create=False)
    if not key:
        print(
            "llmgw: the gateway's key is not known here. Give it with --key or GATEWAY_SECRET; on the gateway's "
            "machine `llmgw connect openclaw` shows it.",
            file=sys.stderr,
        )
        return 1
    return await _show(HttpSource(url or address_of(settings), key))


async def demo(settings: Settings) -> int:
    """Everything at work in a throw-away folder: made-up traffic, simulated paid upstreams, the built-in model."""
    from gateway_core.demo import demo_environment, play

    if not _has_terminal():
        return 1
    async with demo_environment(settings) as demo_settings:
        log_to_file(demo_settings.data_dir)
        async with running_gateway(demo_settings, simulated=True) as gateway:
            traffic = asyncio.create_task(play(gateway.address, gateway_secret(demo_settings) or ""))
            try:
                return await _show(LocalSource(gateway))
            finally:
                traffic.cancel()
                await asyncio.gather(traffic, return_exceptions=True)


async def _show(source: Source) -> int:
    from llmgw_tui.app import run_control_centre

    await source.start()
    try:
        return await run_control_centre(
            source,
            keymap_file=default_config_file().with_name("keymap.yaml"),
            ascii_only=os.environ.get("LLMGW_ASCII", "") not in ("", "0"),
        )
    finally:
        await source.close()


def _has_terminal() -> bool:
    if sys.stdin.isatty() and sys.stderr.isatty():
        return True
    print("llmgw: the control centre needs a terminal. Without one: llmgw serve", file=sys.stderr)
    return False
