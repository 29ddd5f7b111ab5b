"""``llmgw completion bash|zsh|fish``: a script for the shell, made from the command line's own parser."""

from __future__ import annotations

import argparse

from llmgw_tui.completion.shells import bash, fish, zsh
from llmgw_tui.completion.tree import nodes

SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """What the shell is to source."""
    return SHELLS[shell](parser.prog, nodes(parser))
