"""Copies text to the clipboard of the terminal that a person sits at, wherever llmgw runs, and into a file as well.

The terminal is told by OSC 52, which has no answer: nobody can know whether it took the text. tmux drops it unless
``set-clipboard`` is ``on`` (its default is ``external``, tmux 3.3), and terminals take a limited size.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway_core.frozen import frozen
from llmgw_tui.private_files import write_private
from llmgw_tui.text import size

FILE_NAME = "clipboard.txt"
MOST_BYTES = 74_994
"""What fits into the 100,000 bytes that hterm, and scripts after it, allow a sequence; base64 takes a third more."""
IN_TMUX = "In tmux this needs: set -g set-clipboard on."


def in_tmux(environ: Mapping[str, str]) -> bool:
    """Whether tmux is in between: on this machine, or on the one that ``ssh`` was called on, which sends only TERM.

    tmux calls itself ``screen`` or ``tmux``, with ``-256color`` or without (its ``default-terminal``).
    """
    return bool(environ.get("TMUX")) or environ.get("TERM", "").startswith(("tmux", "screen"))


@frozen
class Clipboard:
    """``folder`` gets the file; None writes none. ``to_terminal`` sends OSC 52."""

    folder: Path | None
    environ: Mapping[str, str]
    to_terminal: Callable[[str], None]

    async def copy(self, text: str, name: str) -> tuple[bool, str]:
        """Whether it is anywhere now, and what to tell of it."""
        many_bytes = len(text.encode("utf-8", "surrogatepass"))
        sent = many_bytes <= MOST_BYTES
        if sent:
            self.to_terminal(text)
        written = await self._written(text)
        words = f"Copied {name}." if sent else f"{size(many_bytes)} is too much for a terminal's clipboard: "
        if sent and in_tmux(self.environ):
            words += f" {IN_TMUX}"
        if written:
            words += f" Also in {written}" if sent else f"{name} is in {written}"
        elif not sent:
            words += f"{name} was not copied."
        return sent or bool(written), words

    async def _written(self, text: str) -> str:
        if self.folder is None:
            return ""
        path = self.folder / FILE_NAME
        try:
            await asyncio.to_thread(write_private, path, text)
        except OSError:
            return ""
        return str(path)
