"""The control centre on a source, and the run that attaches it to a gateway elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from llmgw_tui.reach import address_of
from llmgw_tui.source import Source
from llmgw_tui.source_http import HttpSource


async def attach(settings: Settings, url: str | None, key: str | None, keymap_file: Path) -> int:
    """The control centre of a gateway that runs elsewhere."""
    if not has_terminal():
        return 1
    key = key or gateway_secret(settings, create=False)
    if not key:
        print(
            "llmgw: the gateway's key is not known here. Give it with --key or GATEWAY_SECRET; on the gateway's "
            "machine `llmgw connect openclaw` shows it.",
            file=sys.stderr,
        )
        return 1
    return await show(HttpSource(url or address_of(settings), key), keymap_file, settings.data_dir)


async def show(source: Source, keymap_file: Path, folder: Path) -> int:
    """Shows the control centre until it is left; returns the exit code. ``folder`` gets copies and exports."""
    from llmgw_tui.app import run_control_centre

    await source.start()
    try:
        return await run_control_centre(
            source,
            keymap_file=keymap_file,
            folder=folder,
            ascii_only=os.environ.get("LLMGW_ASCII", "") not in ("", "0"),
        )
    finally:
        await source.close()


def has_terminal() -> bool:
    """Whether there is a screen to draw on; says what to do when there is none."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        return True
    print("llmgw: the control centre needs a terminal. Without one: llmgw serve", file=sys.stderr)
    return False
