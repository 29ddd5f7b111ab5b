"""What reaches the terminal is what was drawn, in as few bytes as that takes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as some
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from llmgw_tui.painting import Painter, Signs
from tests.tui.tiny_terminal import TinyTerminal

WIDTH, HEIGHT = 12, 3
STYLES = [
    Style(),
    Style(color="#ff0000"),
    Style(color="#00ff00", bgcolor="#000080", bold=True),
    Style(bgcolor="#333333"),
    Style(color="red", underline=True),
    Style(reverse=True),
]
words = some.text(some.sampled_from("ab  ─█漢字é🙂e\u0301"), max_size=WIDTH)
lines = some.lists(some.tuples(words, some.sampled_from(STYLES)), max_size=4).map(
    lambda parts: Strip([Segment(text, style) for text, style in parts]).adjust_cell_length(WIDTH, Style())
)
screens = some.lists(lines, min_size=HEIGHT, max_size=HEIGHT)


def whole(screen: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[strip] for strip in screen], Region(0, 0, WIDTH, HEIGHT))


def sequence(painter: Painter, screen: list[Strip], colours: ColorSystem = ColorSystem.TRUECOLOR) -> str:
    frame = painter.frame(whole(screen), WIDTH, HEIGHT, colours)
    return frame.render_segments(None) if frame else ""


def shown(screen: list[Strip]) -> TinyTerminal:
    """A fresh terminal that was sent everything."""
    terminal = TinyTerminal(WIDTH, HEIGHT)
    terminal.feed(sequence(Painter(), screen))
    return terminal


def text_of(screen: list[Strip]) -> list[str]:
    return ["".join(segment.text for segment in strip) for strip in screen]


@given(some.lists(screens, min_size=1, max_size=5))
def test_the_terminal_shows_what_was_drawn_whatever_was_there_before(drawn: list[list[Strip]]) -> None:
    painter, terminal = Painter(), TinyTerminal(WIDTH, HEIGHT)
    for screen in drawn:
        terminal.feed(sequence(painter, screen))
        expected = shown(screen)
        assert terminal.lines == expected.lines and not terminal.unknown
        for y in range(HEIGHT):
            for x in range(WIDTH):
                if terminal.cells[y][x] != " " or "7" in expected.attributes[y][x]:
                    assert terminal.colours[y][x] == expected.colours[y][x]
                    assert terminal.attributes[y][x] == expected.attributes[y][x]
                else:
                    assert terminal.colours[y][x][1] == expected.colours[y][x][1]


@given(screens)
def test_the_first_paint_is_the_text_itself(screen: list[Strip]) -> None:
    without_a_base = [text.lstrip("\u0301") for text in text_of(screen)]
    assert [line.rstrip() for line in shown(screen).lines] == [text.rstrip() for text in without_a_base]


def test_what_is_there_already_is_not_written() -> None:
    painter = Painter()
    screen = [Strip([Segment("x" * WIDTH, STYLES[1])])] * HEIGHT
    assert sequence(painter, screen) and sequence(painter, screen) == ""
    painter.forget()
    assert "x" * WIDTH in sequence(painter, screen)


def test_a_changed_digit_costs_a_move_and_a_digit() -> None:
    painter = Painter()
    for text in ("10:00:00", "10:00:01"):
        written = sequence(painter, [Strip([Segment(text.ljust(WIDTH), STYLES[0])])] * HEIGHT)
    assert re.sub(r"\x1b\[[\d;]*[HCm]", "", written) == "1" * HEIGHT
    assert len(written) < 10 * HEIGHT + 8


def test_a_part_of_the_screen_is_painted_where_it_is() -> None:
    painter, terminal = Painter(), TinyTerminal(WIDTH, HEIGHT)
    terminal.feed(sequence(painter, [Strip([Segment("." * WIDTH, STYLES[0])])] * HEIGHT))
    chops: list[dict[int, Strip | None]] = [{0: None}, {0: None, 4: Strip([Segment("漢字!!", STYLES[1])])}, {0: None}]
    frame = painter.frame(ChopsUpdate(chops, [(1, 4, 10)], [[12], [4, 10], [12]]), WIDTH, HEIGHT, ColorSystem.TRUECOLOR)
    assert frame is not None
    terminal.feed(frame.render_segments(None))
    assert terminal.lines == ["." * 12, "....漢字!!..", "." * 12]


def test_what_is_beyond_the_edge_is_left_out() -> None:
    painter, terminal = Painter(), TinyTerminal(WIDTH, HEIGHT)
    beyond: list[dict[int, Strip | None]] = [
        {0: Strip([Segment("." * 40, STYLES[0])]), 20: Strip([Segment("x" * 20, STYLES[1])])} for _ in range(9)
    ]
    spans = [(y, 0, 40) for y in range(9)]
    frame = painter.frame(ChopsUpdate(beyond, spans, [[20, 40]] * 9), WIDTH, HEIGHT, ColorSystem.TRUECOLOR)
    assert frame is not None
    terminal.feed(frame.render_segments(None))
    assert terminal.lines == ["." * WIDTH] * HEIGHT


@given(screens)
def test_in_ascii_nothing_else_is_written_and_the_width_stays(screen: list[Strip]) -> None:
    painter, terminal = Painter(Signs.ASCII), TinyTerminal(WIDTH, HEIGHT)
    written = sequence(painter, screen)
    terminal.feed(written)
    assert written.isascii() and all(len(line) == WIDTH for line in terminal.lines)


@given(screens)
def test_without_colours_attributes_stay(screen: list[Strip]) -> None:
    painter, terminal = Painter(), TinyTerminal(WIDTH, HEIGHT)
    painter.colourless = True
    terminal.feed(sequence(painter, screen))
    expected = shown(screen)
    assert all(colours == ("39", "49") for line in terminal.colours for colours in line)
    assert terminal.lines == expected.lines
    assert all(
        mine == theirs
        for y in range(HEIGHT)
        for x, (mine, theirs) in enumerate(zip(terminal.attributes[y], expected.attributes[y], strict=True))
        if terminal.cells[y][x] != " "
    )


def test_no_control_character_gets_through() -> None:
    screen = [
        Strip([Segment("\x1b]0;x\x07\x9b1\u200b\x00".ljust(WIDTH, "."), STYLES[0])]).adjust_cell_length(WIDTH)
    ] * HEIGHT
    written = re.sub(r"\x1b\[[\d;]*[HCm]", "", sequence(Painter(), screen))
    assert written.isprintable()


def test_colours_are_those_the_terminal_has() -> None:
    screen = [Strip([Segment("x" * WIDTH, Style(color="#ff0000"))])] * HEIGHT
    assert "38;2;255;0;0" in sequence(Painter(), screen)
    assert "38;5;" in sequence(Painter(), screen, ColorSystem.EIGHT_BIT)
    assert re.search(r"\x1b\[(31|91)m", sequence(Painter(), screen, ColorSystem.STANDARD))
