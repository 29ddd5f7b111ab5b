"""What is written to the terminal: only the cells that differ from what it shows.

Textual 8.2.8 writes every changed line whole, each segment with all its codes. Over a slow link that is most of the
traffic, so the cells are compared first; colours and attributes are written where they change. It is also the last gate
before the terminal: here, and nowhere else, all that is drawn becomes ASCII or loses its colours when that is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import lru_cache

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

SHORTEST_GAP = 5
"""As many cells that are as they were are written again rather than skipped: a move takes as many bytes."""
RESET = "\x1b[0m"
_SHOWN_WHEN_BLANK = ("underline", "underline2", "reverse", "strike", "overline", "frame", "encircle")
_ASCII = {
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝┏┓┗┛", "+"),
    **dict.fromkeys("─━═╌╍▔▁▂▃", "-"),
    **dict.fromkeys("│┃║▌▐▎▍▊▋▏▕", "|"),
    **dict.fromkeys("█▄▅▆▇▀▓▒░■", "#"),
    **dict.fromkeys("•●◆", "*"),
    **dict.fromkeys("·", "."),
    **dict.fromkeys("…", "~"),
    **dict.fromkeys("–—", "-"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("▸▶►→", ">"),
    **dict.fromkeys("◀←", "<"),
    **dict.fromkeys("↑▲◊", "^"),
    **dict.fromkeys("↓", "v"),
    **dict.fromkeys("✓√", "+"),
    **dict.fromkeys("⊘", "!"),
    **dict.fromkeys("≈", "~"),
    **dict.fromkeys("⏎", "<"),
    **dict.fromkeys("✗×", "x"),
}
CONSOLE_SIGNS = frozenset(
    "☺☻♥♦◆♣♠•◘○◙♂♀♪♫☼▶►◀◄↕‼¶§▬↨↑↓→←∟↔▲▼⌂" + bytes(range(0x80, 0xFF)).decode("cp437") + "¤\u00a8´¸¦©®×"
)
"""What the Linux console shows beyond ASCII with the font in the kernel (drivers/tty/vt/cp437.uni, read 2026-11-28)."""
_CONSOLE = {
    **dict(zip("╭╮╰╯━╍▸✓✗▔▁▂▃▅▆▇", "┌┐└┘═≈►√x─▄▄▄███", strict=True)),
    **dict.fromkeys("▎▍▊▋▏▕┃", "│"),
    **dict.fromkeys("●", "•"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("…", "~"),
    **dict.fromkeys("–—", "-"),
}


def _ascii_sign(character: str) -> str:
    return _ASCII.get(character, "?")


def _console_sign(character: str) -> str:
    return character if character in CONSOLE_SIGNS else _CONSOLE.get(character, "?")


class Signs(Enum):
    """The characters that a terminal can show beyond ASCII."""

    ALL = "all"
    CONSOLE = "console"
    ASCII = "ascii"


_CONTROLS = re.compile("[\x00-\x1f\x7f]")
Codes = tuple[str, str, str]
"""Attributes, foreground and background, as they stand in a control sequence."""
_PLAIN: Codes = ("", "39", "49")


class Line:
    """A line of cells: their characters, an empty one right of a wide one, and their styles."""

    __slots__ = ("characters", "styles")

    def __init__(self, width: int) -> None:
        self.characters: list[str | None] = [None] * width
        self.styles: list[Style | None] = [None] * width


class Frame(CompositorUpdate):
    """An update made ready."""

    def __init__(self, sequence: str) -> None:
        self._sequence = sequence

    def render_segments(self, _: object) -> str:
        return self._sequence


class Painter:
    """Remembers what the terminal shows. ``forget`` when that is not known."""

    def __init__(self, signs: Signs = Signs.ALL) -> None:
        self.signs = signs
        self.colourless = False
        self._lines: list[Line] = []
        self._width = 0

    def forget(self) -> None:
        """The next update is written whole."""
        self._lines = []

    def frame(self, update: LayoutUpdate | ChopsUpdate, width: int, height: int, colours: ColorSystem) -> Frame | None:
        """``update`` as what has to be written for it; None when the terminal shows it already."""
        if (self._width, len(self._lines)) != (width, height):
            self._width = width
            self._lines = [Line(width) for _ in range(height)]
        writer = _Writer(colours, self.signs, self.colourless)
        pieces = _whole(update) if isinstance(update, LayoutUpdate) else _parts(update)
        for y, x, strip in pieces:
            if 0 <= y < height and 0 <= x < width:  # a size may change between layout and painting
                self._paint(y, x, strip, writer)
        return Frame(writer.sequence()) if writer.written else None

    def _paint(self, y: int, x: int, strip: Iterable[Segment], writer: _Writer) -> None:
        characters, styles = _cells(strip)
        end = min(self._width, x + len(characters))
        line = self._lines[y]
        old_characters, old_styles = line.characters, line.styles
        new_characters, new_styles = characters[: end - x], styles[: end - x]
        if old_characters[x:end] == new_characters and old_styles[x:end] == new_styles:
            return
        runs = list(_runs(old_characters[x:end], new_characters, old_styles[x:end], new_styles))
        old_characters[x:end], old_styles[x:end] = new_characters, new_styles
        for start, stop in runs:
            writer.write(y, x + start, new_characters[start:stop], new_styles[start:stop], self._width)


class _Writer:
    """Puts the sequence of one frame together."""

    def __init__(self, colours: ColorSystem, signs: Signs, colourless: bool) -> None:
        self._colours = colours
        self._signs = signs
        self._colourless = colourless
        self._out: list[str] = [RESET]
        self._codes = _PLAIN
        self._at: tuple[int, int] | None = None
        self.written = False

    def write(self, y: int, x: int, characters: list[str], styles: list[Style | None], width: int) -> None:
        self.written = True
        start, last = 0, len(characters)
        while start < last:
            style, first = styles[start], characters[start]
            stop = start + 1
            if first and first.isascii():
                while stop < last and styles[stop] is style and characters[stop] and characters[stop].isascii():
                    stop += 1
                text, certain = "".join(characters[start:stop]), True
            else:
                while stop < last and not characters[stop]:
                    stop += 1
                text, certain = self._shown(first, stop - start)
            self._move(y, x + start)
            self._use(style)
            self._out.append(text)
            self._at = (y, x + stop) if certain and x + stop < width else None
            start = stop

    def _shown(self, character: str, cells: int) -> tuple[str, bool]:
        """What is written for a character beyond ASCII, and whether every terminal agrees on its width.

        On a console letters stay as they are: it may have been given a font that has them.
        """
        if self._signs is Signs.ASCII:
            return _ascii_sign(character[:1]) * cells, True
        if self._signs is Signs.CONSOLE and not character[:1].isalpha():
            return _console_sign(character[:1]) * cells, True
        return character, cells == 1 and len(character) == 1

    def sequence(self) -> str:
        if self._codes != _PLAIN:
            self._out.append(RESET)
        return "".join(self._out)

    def _move(self, y: int, x: int) -> None:
        """A terminal may think otherwise of a wide character's width: after one the place is always said."""
        if self._at == (y, x):
            return
        if self._at is not None and self._at[0] == y and x > self._at[1]:
            steps = x - self._at[1]
            self._out.append("\x1b[C" if steps == 1 else f"\x1b[{steps}C")
        else:
            self._out.append(f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H")
        self._at = (y, x)

    def _use(self, style: Style | None) -> None:
        codes = _codes(style, self._colours) if style is not None else _PLAIN
        if self._colourless:
            codes = (codes[0], *_PLAIN[1:])
        attributes, ink, ground = self._codes
        if codes == self._codes:
            return
        if codes == _PLAIN:
            self._out.append(RESET)
        elif codes[0] != attributes and attributes:
            changed = [part for part, plain in zip(codes, _PLAIN, strict=True) if part != plain]
            self._out.append(f"\x1b[0;{';'.join(changed)}m")
        else:
            changed = [new for new, old in zip(codes, (attributes, ink, ground), strict=True) if new != old]
            self._out.append(f"\x1b[{';'.join(changed)}m")
        self._codes = codes


def _whole(update: LayoutUpdate) -> Iterator[tuple[int, int, Iterable[Segment]]]:
    for y, strips in enumerate(update.strips, update.region.y):
        yield y, update.region.x, [segment for strip in strips for segment in strip]


def _parts(update: ChopsUpdate) -> Iterator[tuple[int, int, Iterable[Segment]]]:
    """The strips of an update, as ``ChopsUpdate.render_segments`` goes through them."""
    for y, first, last in update.spans:
        strip: Strip | None
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x > last or end <= first:
                continue
            yield y, x, strip if end <= last else strip.crop(0, last - x)


def _cells(segments: Iterable[Segment]) -> tuple[list[str], list[Style | None]]:
    """A character and a style for each cell. What a blank would be written in does not matter, only its ground."""
    characters: list[str] = []
    styles: list[Style | None] = []
    for text, style, control in segments:
        if control or not text:
            continue
        if text.isascii():
            characters.extend(text if text.isprintable() else _CONTROLS.sub("?", text))
            if style is None or " " not in text:
                styles.extend([style] * len(text))
            else:
                blank = _blank(style)
                styles.extend([blank if character == " " else style for character in text])
            continue
        for character in text:
            width = get_character_cell_size(character)
            if width == 0:
                if characters and character.isprintable():
                    characters[-1 if characters[-1] else -2] += character
                continue
            characters.append(character if character.isprintable() else "?" * width)
            styles.append(_blank(style) if character == " " and style is not None else style)
            if width == 2:
                characters.append("")
                styles.append(style)
    return characters, styles


def _runs(
    old_characters: list[str | None], characters: list[str], old_styles: list[Style | None], styles: list[Style | None]
) -> Iterator[tuple[int, int]]:
    """First and last-but-one cell of what has to be written; a wide character is written whole."""
    start = stop = -1
    for x, differs in enumerate(
        [
            one != other or (style is not before and style != before)
            for one, other, style, before in zip(characters, old_characters, styles, old_styles, strict=True)
        ]
    ):
        if not differs:
            continue
        if start >= 0 and x - stop <= SHORTEST_GAP:
            stop = x + 1
            continue
        if start >= 0:
            yield _widened(start, stop, characters)
        start, stop = x, x + 1
    if start >= 0:
        yield _widened(start, stop, characters)


def _widened(start: int, stop: int, characters: list[str]) -> tuple[int, int]:
    while start > 0 and not characters[start]:
        start -= 1
    while stop < len(characters) and not characters[stop]:
        stop += 1
    return start, stop


@lru_cache(maxsize=2048)
def _blank(style: Style) -> Style:
    if any(getattr(style, name) for name in _SHOWN_WHEN_BLANK):
        return style
    return style.background_style


@lru_cache(maxsize=2048)
def _codes(style: Style, colours: ColorSystem) -> Codes:
    ink = style.color.downgrade(colours).get_ansi_codes() if style.color else ("39",)
    ground = style.bgcolor.downgrade(colours).get_ansi_codes(foreground=False) if style.bgcolor else ("49",)
    return style.without_color._make_ansi_codes(colours), ";".join(ink), ";".join(ground)
