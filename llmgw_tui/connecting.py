"""``llmgw connect``: shows the gateway's address and key, and sets a client up to use it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gateway_core.clients import claude_code_config, openclaw_config
from gateway_core.clients.config_file import ConfigError
from gateway_core.clients.json_config import MergeResult, render
from gateway_core.clients.openclaw_block import OpenClawApi, provider_block
from gateway_core.clients.snippets import CODEX_KEY, codex_toml, exports, sdk_variables
from gateway_core.keys import monitor_token
from gateway_core.model import JsonObject
from gateway_core.redaction import masked
from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings, SettingsError
from llmgw_tui.arguments import CLIENTS
from llmgw_tui.reach import address_of
from llmgw_tui.tables import print_table
from llmgw_tui.text import one_line

WRITTEN = ("openclaw", "claude-code")
"""Clients whose configuration is JSON and can be merged into."""


def show(settings: Settings, *, show_key: bool, options: bool) -> int:
    """Prints where the gateway is, its key, and which clients can be set up; returns 0.

    Whoever asks at a terminal wants the key, as the answer to a wrong one says. What is piped ends in files and logs:
    there it is masked, as kubectl's and gh's are, until ``--show-key`` asks for it. Raises :class:`SettingsError` where
    ``options`` of a client were given.
    """
    if options:
        raise SettingsError(f"Say which client: llmgw connect {'|'.join(CLIENTS)}.")
    key = gateway_secret(settings)
    assert key is not None
    in_full = show_key or sys.stdout.isatty()
    token = monitor_token(settings) or ""
    rows = [
        ("address", f"{address_of(settings)}/v1"),
        ("key", one_line(key) if in_full else masked(key)),
        ("read-only token", f"{one_line(token) if in_full else masked(token)}, for monitors"),
    ]
    print_table([*rows, ("", ""), *((f"llmgw connect {name}", what) for name, what in CLIENTS.items())], left=2)
    if not in_full:
        _say("\n`llmgw connect --show-key` prints the key itself.")
    return 0


def run(settings: Settings, client: str, api: str | None, memory: bool, write: bool, file: Path | None) -> int:
    """Prints what the client needs, or merges it into its configuration after a backup; returns the exit code.

    Raises :class:`SettingsError` for options that do not fit the client.
    """
    if client != "openclaw" and (api or memory):
        raise SettingsError("--api and --memory are for openclaw.")
    if client not in WRITTEN and (write or file):
        raise SettingsError(f"What {client} needs is printed, not written: paste it.")
    key = gateway_secret(settings)
    assert key is not None
    root, now = address_of(settings), datetime.now()
    if client == "openclaw":
        block = provider_block(
            f"{root}/v1",
            key,
            api=OpenClawApi(api or OpenClawApi.COMPLETIONS),
            local_context_tokens=settings.local_context_tokens,
            memory=memory,
        )
        path = file or openclaw_config.default_path(os.environ, Path.home())
        return _settle(client, path, block, write, lambda: openclaw_config.merge(path, block, env=os.environ, now=now))
    if client == "claude-code":
        block = claude_code_config.settings_block(root, key)
        path = file or claude_code_config.default_path(os.environ, Path.home())
        done = _settle(client, path, block, write, lambda: claude_code_config.merge(path, block, now=now))
        _say("Claude Code names a Claude model itself; ANTHROPIC_MODEL=gateway-auto lets llmgw choose.")
        return done
    if client == "codex":
        print(codex_toml(root), end="")
        _say(
            "\nThis belongs into ~/.codex/config.toml, its first two lines above all [tables]. The key, for your shell:"
        )
        _say(exports({CODEX_KEY: key}))
        return 0
    print(exports(sdk_variables(client, root, key)), end="")
    return 0


def _settle(client: str, path: Path, block: JsonObject, write: bool, merge: Callable[[], MergeResult]) -> int:
    if not write:
        print(render(block), end="")
        _say(f"\nThis belongs in {path}. `llmgw connect {client} --write` puts it there, after a backup.")
        return 0
    try:
        result = merge()
    except ConfigError as error:
        _say(f"llmgw: {one_line(str(error))}")
        print(render(block), end="")
        return 1
    print(f"{result.path} uses llmgw now." if result.changed else f"{result.path} uses llmgw already.")
    if result.backup:
        print(f"What it was is kept in {result.backup}.")
    for note in result.notes:
        print(one_line(note))
    return 0


def _say(text: str) -> None:
    """Beside what can be pasted."""
    print(text, file=sys.stderr)
