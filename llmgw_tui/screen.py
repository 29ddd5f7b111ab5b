"""The control centre on a source, and the run that attaches it to a gateway elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from gateway_core.importing import importing
from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from llmgw_tui.reach import address_of
from llmgw_tui.screen_options import ScreenOptions, is_set
from llmgw_tui.source import Source


async def attach(
    settings: Settings,
    url: str | None,
    key: str | None,
    keymap_file: Path,
    options: ScreenOptions,
    *,
    read_only: bool = False,
) -> int:
    """The control centre of a gateway that runs elsewhere."""
    from llmgw_tui.source_http import HttpSource  # 0.1 s, for nothing where the gateway is inside

    if not has_terminal():
        return 1
    given, key = key, key or gateway_secret(settings, create=False)
    if not key:
        print(
            "llmgw: the gateway's key is not known here. Give it with --key or GATEWAY_SECRET; on the gateway's "
            "machine `llmgw connect` shows it.",
            file=sys.stderr,
        )
        return 1
    source = HttpSource(
        url or address_of(settings),
        key,
        read_only=read_only,
        look_up_key=lambda: given or gateway_secret(settings, create=False),
        slow=options.low_bandwidth or is_set(os.environ, "LLMGW_LOW_BANDWIDTH"),
    )
    return await show(source, keymap_file, options, settings.data_dir)


async def show(
    source: Source,
    keymap_file: Path,
    options: ScreenOptions,
    data_dir: Path,
    *,
    until: asyncio.Event | None = None,
    lost: asyncio.Event | None = None,
) -> int:
    """Shows the control centre until it is left, or ``until`` is set; returns the exit code.

    ``lost`` is set when the terminal has gone; what then becomes of the process is up to the caller.
    """
    with importing():
        from llmgw_tui.app import run_control_centre
    from llmgw_tui.setup import set_up
    from llmgw_tui.streams import let_go_of_terminal

    setup = set_up(options, os.environ, keymap_file, data_dir)
    os.environ.pop("NO_COLOR", None)  # it is in the theme now; Textual would make greys of one that was asked for
    lost = lost or asyncio.Event()
    await source.start()
    try:
        return await run_control_centre(source, setup, until=until, lost=lost, folder=data_dir)
    finally:
        if lost.is_set():
            let_go_of_terminal()
        await source.close()


def has_terminal() -> bool:
    """Whether there is a screen to draw on; says what to do when there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        print("llmgw: the control centre needs a terminal. Without one: llmgw serve", file=sys.stderr)
        return False
    if os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        print(
            f"llmgw: this terminal (TERM={os.environ.get('TERM', '')!r}) cannot place text on the screen. Without a "
            "screen: llmgw serve; if it can, set TERM, for example to xterm.",
            file=sys.stderr,
        )
        return False
    return True
