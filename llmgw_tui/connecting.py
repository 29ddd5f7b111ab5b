"""``llmgw connect``: sets a client up to use the gateway."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

from gateway_core.clients.config_file import ConfigError
from gateway_core.clients.openclaw_config import default_path, merge, provider_block, render
from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from llmgw_tui.reach import address_of
from llmgw_tui.text import one_line


def connect_openclaw(settings: Settings, *, write: bool, file: Path | None) -> int:
    """Prints what OpenClaw needs, or merges it into its configuration after a backup."""
    key = gateway_secret(settings)
    assert key is not None
    block = provider_block(f"{address_of(settings)}/v1", key, local_context_tokens=settings.local_context_tokens)
    path = file or default_path(os.environ, Path.home())
    if not write:
        print(render(block), end="")
        print(
            f"\nThis belongs in {path}. `llmgw connect openclaw --write` puts it there, after a backup.",
            file=sys.stderr,
        )
        return 0
    try:
        result = merge(path, block, env=os.environ, now=datetime.now())
    except ConfigError as error:
        print(f"llmgw: {one_line(str(error))}", file=sys.stderr)
        print(render(block), end="")
        return 1
    print(f"{result.path} uses llmgw now." if result.changed else f"{result.path} uses llmgw already.")
    if result.backup:
        print(f"What it was is kept in {result.backup}.")
    for note in result.notes:
        print(one_line(note))
    return 0
