"""How commands tell of what went wrong, and what other programs read of them."""

from __future__ import annotations

import json
import sys

from gateway_core.model import CommandResult
from llmgw_tui.text import one_line


def complain(text: str) -> int:
    """A line on stderr; returns the exit code of what failed."""
    print(f"llmgw: {one_line(text)}", file=sys.stderr, flush=True)
    return 1


def tell(result: CommandResult) -> int:
    """What a command of the gateway said; returns the exit code."""
    if not result.ok:
        return complain(result.message)
    print(f"llmgw: {one_line(result.message)}")
    return 0


def print_json(value: object) -> None:
    """One line. It is ASCII: foreign characters that a terminal acts on, and half of a pair, stand as their codes."""
    print(json.dumps(value))
