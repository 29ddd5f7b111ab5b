"""On real pseudo-terminals of all kinds: sizes, colours, locales, and how each is left."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pytest

from tests.e2e.in_terminal import a_free_port, on_terminal, own_env
from tests.tui.tiny_terminal import TinyTerminal

RESIZES = 200
PLACES = (b"D", b"c", b"?")


@pytest.mark.timeout(240)
async def test_a_storm_of_resizes_leaves_a_whole_screen(tmp_path: Path) -> None:
    """With live data, in every place: no exception, and the last screen is right."""
    dice = random.Random(5)
    env = own_env(tmp_path, 0)
    with on_terminal("demo", "--port", "0", env=env, cwd=tmp_path) as terminal:
        await terminal.shows("DEMO")
        for place in PLACES:
            terminal.type(place)
            for _ in range(RESIZES):
                terminal.resize(dice.choice((1, 2, 9, 24, 80, 120, 300)), dice.choice((1, 2, 6, 24, 40, 100)))
                await asyncio.sleep(0.01)
            terminal.resize(120, 40)
            await terminal.shows("kill")
            await terminal.shows("DEMO")
            assert terminal.process.poll() is None and not terminal.screen.unknown
        terminal.type(b"D")
        await terminal.shows("Spend")
        await terminal.shows(" llmgw  RUNNING")
        async with asyncio.timeout(30):  # toasts over the panes' corners go by themselves
            while not is_whole(terminal.screen):  # noqa: ASYNC110 - another process draws
                await asyncio.sleep(0.05)
        terminal.process.send_signal(signal.SIGTERM)
        assert await terminal.ended() == 0 and terminal.is_clean


def is_whole(dashboard: TinyTerminal) -> bool:
    """Five frames with all their corners below a header."""
    corners = all(dashboard.text.count(corner) == 5 for corner in "╭╮╰╯")
    return corners and dashboard.lines[0].startswith(" llmgw  RUNNING")


@pytest.mark.parametrize(
    ("more", "arguments"),
    [
        ({"NO_COLOR": "1"}, ()),
        ({"TERM": "linux", "COLORTERM": ""}, ()),
        ({"TERM": "xterm", "COLORTERM": ""}, ()),
        ({"TERM": "screen-256color", "COLORTERM": ""}, ()),
        ({"COLORFGBG": "0;15"}, ()),
        ({}, ("--theme", "high-contrast", "--ascii", "--low-bandwidth", "--fps", "2")),
        ({"LC_ALL": "POSIX"}, ()),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, ()),
    ],
    ids=["no colour", "linux", "16 colours", "256 colours", "light", "flags", "posix", "c without utf-8"],
)
async def test_every_kind_of_terminal_is_served_as_it_can(
    tmp_path: Path, more: dict[str, str], arguments: tuple[str, ...]
) -> None:
    env = own_env(tmp_path, a_free_port(), **more)
    with on_terminal(*arguments, env=env, cwd=tmp_path) as terminal:
        await terminal.shows("DEGRADED")
        terminal.type(b"?")
        await terminal.shows("Kill switch")
        terminal.type(b"\x1b")
        await terminal.shows("Spend")
        terminal.type(b"k")
        await terminal.shows("KILLED")
        terminal.type(b"k")
        await terminal.shows("Release the kill switch?")
        terminal.type(b"n")
        await terminal.hides("Release the kill switch?")
        used = colours(terminal.screen)
        if "NO_COLOR" in more:
            assert used == {"39", "49"}
        elif "COLORTERM" in more and "256color" not in more["TERM"]:
            assert used and not any(code.startswith(("38", "48")) for code in used)
        elif "COLORTERM" in more:
            assert any(";5;" in code for code in used) and not any(";2;" in code for code in used)
        elif "COLORFGBG" in more:
            assert "48;2;251;251;248" in used and "48;2;15;19;25" not in used
        if arguments or "LC_ALL" in more:
            assert terminal.output.isascii()
        else:
            corner, other = ("┌", "╭") if more.get("TERM") == "linux" else ("╭", "┌")
            shown = terminal.output.decode("utf-8", "replace")
            assert corner in shown and other not in shown
        terminal.type(b"q")
        assert await terminal.ended() == 0 and terminal.is_clean and not terminal.screen.unknown


def colours(screen: TinyTerminal) -> set[str]:
    return {code for line in screen.colours for cell in line for code in cell}


@pytest.mark.parametrize("term", ["dumb", ""])
async def test_a_terminal_that_cannot_place_text_is_refused_with_a_word(tmp_path: Path, term: str) -> None:
    env = own_env(tmp_path, a_free_port(), TERM=term)
    with on_terminal(env=env, cwd=tmp_path) as terminal:
        assert await terminal.ended() == 1
        assert b"cannot place text on the screen" in terminal.output and b"\x1b[?1049h" not in terminal.output


@pytest.mark.parametrize("theme", ["nope"])
async def test_a_theme_that_is_not_there_is_said(tmp_path: Path, theme: str) -> None:
    env = own_env(tmp_path, a_free_port())
    with on_terminal("--theme", theme, env=env, cwd=tmp_path) as terminal:
        await terminal.shows("There is no theme 'nope'")
        terminal.process.send_signal(signal.SIGINT)
        assert await terminal.ended() == 0 and terminal.is_clean
