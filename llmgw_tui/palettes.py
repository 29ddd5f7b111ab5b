"""The themes: what becomes of the dark theme's colours, which the views are written in.

A view says ``BAD_STYLE``; where its lines are painted (``widgets/line_pane.py``) that colour stands for a role, and the
theme in force says how the role looks. Textual's own parts (inputs, toasts, the palette) follow by the same theme.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from rich.color import Color, ColorType
from rich.style import Style
from textual.theme import Theme

from gateway_core.frozen import frozen
from llmgw_tui import contrast, theme
from llmgw_tui.contrast import Rgb, nearest, ratio, readable, rgb


@frozen
class Palette:
    """A colour for every role, ``#rrggbb``. ``ink`` is the text on a block of colour."""

    background: str = theme.BACKGROUND
    surface: str = theme.SURFACE
    raised: str = theme.RAISED
    cursor: str = "#28405a"
    line: str = theme.LINE
    text: str = theme.TEXT
    muted: str = theme.MUTED
    bright: str = theme.BRIGHT
    green: str = theme.GREEN
    blue: str = theme.BLUE
    violet: str = theme.VIOLET
    gold: str = theme.GOLD
    orange: str = theme.ORANGE
    red: str = theme.RED
    accent: str = theme.ACCENT
    ink: str = "#101418"


DARK = Palette()
LIGHT = Palette(
    background="#fbfbf8",
    surface="#eeeeea",
    raised="#e2e2dc",
    cursor="#cfe0f5",
    line="#b4b8b4",
    text="#262b33",
    muted="#59626e",
    bright="#000000",
    green="#176b2c",
    blue="#1d4fbf",
    violet="#7a22b8",
    gold="#755400",
    orange="#8f4300",
    red="#b01f2e",
    accent="#00636b",
    ink="#ffffff",
)
HIGH_CONTRAST = Palette(
    background="#000000",
    surface="#000000",
    raised="#262626",
    cursor="#003c78",
    line="#8a8a8a",
    text="#ffffff",
    muted="#d0d0d0",
    bright="#ffffff",
    green="#5cff6c",
    blue="#8fc0ff",
    violet="#eab0ff",
    gold="#ffe14d",
    orange="#ffb35c",
    red="#ff8f8f",
    accent="#4dfff3",
    ink="#000000",
)
ROLES = tuple(one.name for one in fields(Palette))
GROUNDS = ("background", "surface", "raised", "cursor")
_ROLE_OF = {rgb(getattr(DARK, role)): role for role in ROLES}
_GROUND_OF = {colour: role for colour, role in _ROLE_OF.items() if role not in ("ink", "text", "bright", "muted")}
_INK_OF = {colour: role for colour, role in _ROLE_OF.items() if role not in GROUNDS}
"""``ink`` stands for every near-black text; a ground is never meant where text is."""


@dataclass
class PaintedTheme(Theme):
    """A theme of Textual's that also says how the views' styles are painted."""

    painted: dict[Style, Style] = field(default_factory=dict)

    def paint(self, style: Style) -> Style:
        """``style``, given in the dark theme's colours, as this theme shows it."""
        found = self.painted.get(style)
        if found is None:
            found = self.painted[style] = self._made(style)
        return found

    def _made(self, style: Style) -> Style:
        return style


@dataclass
class Coloured(PaintedTheme):
    """In colours of its own. Text that could not be read on its ground is moved towards the brightest."""

    palette: Palette = DARK

    def _made(self, style: Style) -> Style:
        ground = self._colour(style.bgcolor, _GROUND_OF) or rgb(self.palette.background)
        ink = self._colour(style.color, _INK_OF)
        if ink is not None and _role(style.color, _INK_OF) != "line" and ratio(ink, ground) < contrast.READABLE:
            ends = rgb(self.palette.bright), rgb(self.palette.ink)
            ink = readable(ink, ground, max(ends, key=lambda end: ratio(end, ground)))
        return style + Style(
            color=Color.from_rgb(*ink) if ink else None,
            bgcolor=Color.from_rgb(*ground) if style.bgcolor is not None else None,
        )

    def _colour(self, colour: Color | None, roles: dict[Rgb, str]) -> Rgb | None:
        role = _role(colour, roles)
        if role is None or colour is None:
            return None
        return _rgb(colour) if self.palette is DARK else rgb(getattr(self.palette, role))


ANSI_NAMES = {
    "green": "green",
    "blue": "bright_blue",
    "violet": "magenta",
    "gold": "yellow",
    "orange": "yellow",
    "red": "red",
    "accent": "cyan",
}
"""The terminal's own colours. Text and grounds are its defaults, so that they can be read whatever those are."""


@dataclass
class Plain(PaintedTheme):
    """In the terminal's 16 colours, or in none: roles that are grounds elsewhere are reversed or underlined here."""

    colours: bool = True

    def _made(self, style: Style) -> Style:
        ink, ground = _role(style.color, _INK_OF), _role(style.bgcolor, _GROUND_OF)
        block = ground is not None and ground not in GROUNDS
        reverse = block or ground == "cursor"
        named = ANSI_NAMES.get((ground if block else ink) or "") if self.colours and ground != "cursor" else None
        return Style(
            color=named or "default",
            bgcolor="default",
            bold=bool(style.bold) or ink == "bright" or block,
            italic=style.italic,
            dim=ink in ("muted", "line") and not reverse,
            underline=bool(style.underline) or ground == "raised",
            strike=style.strike,
            reverse=reverse,
            meta=style.meta or None,
        )


def _role(colour: Color | None, roles: dict[Rgb, str]) -> str | None:
    """What a colour of the dark theme stands for; one that is none of its own stands for the nearest."""
    if colour is None or colour.type is ColorType.DEFAULT:
        return None
    return roles.get(_rgb(colour)) or nearest(_rgb(colour), roles)


def _rgb(colour: Color) -> Rgb:
    triplet = colour.get_truecolor()
    return triplet.red, triplet.green, triplet.blue


def coloured(name: str, palette: Palette, *, dark: bool) -> Coloured:
    """The theme of a palette."""
    return Coloured(
        name=name,
        primary=palette.accent,
        secondary=palette.blue,
        accent=palette.accent,
        warning=palette.orange,
        error=palette.red,
        success=palette.green,
        foreground=palette.text,
        background=palette.background,
        surface=palette.surface,
        panel=palette.raised,
        dark=dark,
        variables={
            "border": palette.accent,
            "border-blurred": palette.line,
            "block-cursor-background": palette.cursor,
            "block-cursor-foreground": palette.bright,
            "block-cursor-text-style": "bold",
            "input-cursor-background": palette.accent,
            "input-selection-background": palette.cursor,
            "scrollbar": palette.line,
            "scrollbar-background": palette.background,
            "scrollbar-hover": palette.muted,
            "scrollbar-active": palette.accent,
        },
        palette=palette,
    )


def plain(name: str, *, colours: bool) -> Plain:
    """The theme of the terminal's own colours, or of none."""
    named = {role: f"ansi_{colour}" if colours else "ansi_default" for role, colour in ANSI_NAMES.items()}
    return Plain(
        name=name,
        ansi=True,
        primary=named["accent"],
        secondary=named["blue"],
        accent=named["accent"],
        warning=named["gold"],
        error=named["red"],
        success=named["green"],
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables={
            "ansi-background": "ansi_default",
            "ansi-foreground": "ansi_default",
            "border": named["accent"],
            "border-blurred": "ansi_default",
            "block-cursor-foreground": "ansi_default",
            "block-cursor-background": "ansi_default",
            "block-cursor-text-style": "reverse",
            "block-cursor-blurred-text-style": "underline",
            "input-cursor-background": "ansi_default",
            "input-cursor-foreground": "ansi_default",
            "input-cursor-text-style": "reverse",
            "input-selection-background": "ansi_default",
            "input-selection-foreground": "ansi_default",
            "scrollbar": "ansi_default",
            "scrollbar-background": "ansi_default",
            "scrollbar-hover": "ansi_default",
            "scrollbar-active": "ansi_default",
        },
        colours=colours,
    )


def built_in() -> tuple[PaintedTheme, ...]:
    """The themes that are always there; the first is the default."""
    return (
        coloured("dark", DARK, dark=True),
        coloured("light", LIGHT, dark=False),
        coloured("high-contrast", HIGH_CONTRAST, dark=True),
        plain("ansi", colours=True),
        plain("plain", colours=False),
    )
