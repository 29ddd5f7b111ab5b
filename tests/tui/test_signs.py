"""Every place can be read on every terminal: in its characters, and in the colours of every theme."""

from __future__ import annotations

import pytest
from rich.color import ColorSystem
from textual.color import Color

from llmgw_tui.app import ControlCentre
from llmgw_tui.contrast import READABLE, ratio
from llmgw_tui.painting import CONSOLE_SIGNS, Painter, Signs
from llmgw_tui.setup import Setup
from tests.tui.everywhere import SITUATIONS, shown
from tests.tui.looks import typed
from tests.tui.tiny_terminal import TinyTerminal

SIZE = (80, 24)
PICTURES_OF_CONTROLS = frozenset(map(chr, range(0x2400, 0x2422)))
"""Stand for control characters in foreign text; no terminal that lacks them is owed more than a question mark."""


def written(app: ControlCentre) -> tuple[TinyTerminal, list[str]]:
    """What reaches the terminal, and the characters that became a question mark."""
    update = app.screen._compositor.render_full_update()
    terminals = []
    for painter in (app.painter, Painter()):
        painter.forget()
        frame = painter.frame(update, *SIZE, ColorSystem.TRUECOLOR)
        assert frame is not None
        terminal = TinyTerminal(*SIZE)
        terminal.feed(frame.render_segments(None))
        terminals.append(terminal)
    given, meant = terminals
    lost = [
        before
        for after_line, before_line in zip(given.cells, meant.cells, strict=True)
        for after, before in zip(after_line, before_line, strict=True)
        if after == "?" and before not in ("?", "")
    ]
    return given, lost


@pytest.mark.parametrize("name", SITUATIONS)
async def test_only_what_the_terminal_has_is_written(name: str) -> None:
    async with shown(name, SIZE, Setup(signs=Signs.CONSOLE)) as (app, pilot):
        terminal, lost = written(app)
        strange = {sign for sign in terminal.text if not (sign.isascii() or sign.isalpha() or sign in CONSOLE_SIGNS)}
        assert not strange - {"\n"}
        assert set(lost) <= PICTURES_OF_CONTROLS
        app.toggle_ascii()
        await typed(pilot)
        terminal, lost = written(app)
        assert terminal.text.isascii()
        assert all(sign in PICTURES_OF_CONTROLS or sign[0].isalpha() for sign in lost), lost


def hard_to_read(app: ControlCentre) -> list[str]:
    """Text whose colour is too near to its ground's; what a question covers is faint on purpose."""
    found = []
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        x = 0
        for text, style, _ in strip:
            width = len(text)
            widget = app.screen.get_widget_at(x, y)[0] if x < app.size.width else app.screen
            x += width
            if style is None or not any(map(str.isalnum, text)) or (widget is app.screen and app.screen.is_modal):
                continue
            assert style.color is not None and style.bgcolor is not None
            ink, ground = (Color.from_rich_color(colour) for colour in (style.color, style.bgcolor))
            if style.reverse:
                ink, ground = ground, ink
            if ratio(ink.rgb, ground.rgb) < READABLE:
                found.append(f"{text.strip()!r} {ink.hex} on {ground.hex} in {widget}")
    return found


@pytest.mark.parametrize("name", SITUATIONS)
async def test_text_can_be_read_in_every_theme(name: str) -> None:
    async with shown(name, SIZE, Setup(theme="light")) as (app, pilot):
        assert not hard_to_read(app)
        for theme in () if app.screen.is_modal else ("high-contrast", "dark"):
            app.theme = theme
            await typed(pilot)
            assert not hard_to_read(app), theme


@pytest.mark.parametrize("theme", ["high-contrast", "dark"])
@pytest.mark.parametrize("name", ["palette", "palette, searched", "release?", "which model?", "load which?"])
async def test_questions_and_the_palette_can_be_read(name: str, theme: str) -> None:
    async with shown(name, SIZE, Setup(theme=theme)) as (app, _):
        assert not hard_to_read(app)


async def test_the_linux_console_is_known_by_its_name() -> None:
    async with shown("busy", SIZE, Setup(signs=Signs.CONSOLE)) as (app, _):
        text = written(app)[0].text
        assert "┌─ ► Requests" in text and "enter open" in text and "◆" in text
