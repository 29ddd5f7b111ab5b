"""One step of the tour: keys, and what the screen must show then that it did not show before."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from tests.real.tour.terminal import POLL_S, Terminal, shows, toasts

OWN = "{own}"
"""The action's own first key."""
WITHIN_S = 12.0
GONE_S = 6.0
"""A toast stays for five seconds; the one that a step waits for must not be there from the step before."""


@dataclass(frozen=True, slots=True)
class Move:
    """``shows`` is a pattern for the screen (with ``!`` before it: what has gone), ``toast`` one for the toasts,
    ``copied`` one for the clipboard."""

    keys: tuple[str, ...] = ()
    shows: str = ""
    toast: str = ""
    copied: str = ""


def move(keys: str, shows: str = "", *, toast: str = "", copied: str = "") -> Move:
    """Keys are divided by blanks; ``'text'`` in quotes is typed as it is."""
    split = re.findall(r"'([^']*)'|(\S+)", keys)
    return Move(tuple(f"text:{text}" if text else key for text, key in split), shows, toast, copied)


def palette(words: str, shows: str = "", *, toast: str = "") -> Move:
    """An action that has no key."""
    return move(f"colon '{words}' enter", shows, toast=toast)


def take(terminal: Terminal, one: Move, own: str = "") -> None:
    """Types the keys, once what they must bring is not there from before, and waits for it. Raises AssertionError."""
    keys = [own if key == OWN else key for key in one.keys]
    if one.toast and keys:
        terminal.wait(lambda text: not re.search(one.toast, toasts(text)), GONE_S)
    if one.shows and keys:
        text = terminal.text
        assert not shows(one.shows, text), f"{one.shows!r} is there before {keys}:\n{text}"
    terminal.type(*keys)
    deadline = time.monotonic() + WITHIN_S
    while True:
        text = terminal.text
        if shows(one.shows, text) and re.search(one.toast, toasts(text)):
            break
        words = f"{keys} did not bring {one.shows!r} {one.toast!r}, but {toasts(text)!r}:\n{text}"
        assert time.monotonic() < deadline, words
        time.sleep(POLL_S)
    assert not one.copied or re.search(one.copied, terminal.clipboard), terminal.clipboard


def home(terminal: Terminal) -> None:
    """Leaves questions, filters and screens."""
    for _ in range(8):
        if is_home(text := terminal.text) or "ended with" in text:
            return
        terminal.type("escape")
    terminal.wait(is_home)


def is_home(text: str) -> bool:
    """Whether it is the dashboard, with nothing over it."""
    lines = [line for line in text.splitlines() if line.strip()]
    dashboard = re.search(r"(╭─|\+-) (▸ |> )?Requests", text) is not None
    asked = re.search("Find an action|enter (choose|accept)|esc cancel|\\bn no\\b", text) is not None
    return dashboard and re.match(r" k \(?(kill|release)", lines[-1]) is not None and not asked
