"""The themes: everything can be read in all of them, and nothing is said by colour alone."""

from __future__ import annotations

import pytest
from rich.color import Color
from rich.style import Style

from llmgw_tui import palettes, theme
from llmgw_tui.contrast import READABLE, Rgb, ratio, rgb
from llmgw_tui.palettes import Coloured, PaintedTheme, built_in, coloured

VIEW_STYLES = {
    **{name: style for name, style in vars(theme).items() if isinstance(style, Style)},
    **{f"tier {name}": style for name, style in theme.TIER_STYLES.items()},
    **{f"status {name}": style for name, style in theme.STATUS_STYLES.items()},
    **{f"level {name}": style for name, style in theme.LEVEL_STYLES.items()},
    "attached": Style(color="#0d1620", bgcolor=theme.BLUE, bold=True),
}
GROUNDS = (theme.GROUND_STYLE, theme.BAR_STYLE, theme.CURSOR_STYLE, theme.CURSOR_IDLE_STYLE)
COLOURED = [one for one in built_in() if isinstance(one, Coloured)]


def colours(style: Style) -> tuple[Rgb, Rgb]:
    def one(colour: Color | None) -> Rgb:
        assert colour is not None
        triplet = colour.get_truecolor()
        return triplet.red, triplet.green, triplet.blue

    return one(style.color), one(style.bgcolor)


def test_the_ratio_is_that_of_wcag() -> None:
    assert ratio(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)
    assert ratio(rgb("#777777"), rgb("#ffffff")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("look", COLOURED, ids=lambda look: look.name)
@pytest.mark.parametrize("name", [name for name in VIEW_STYLES if "LINE" not in name])
def test_all_text_can_be_read_on_every_ground(look: Coloured, name: str) -> None:
    for ground in GROUNDS:
        style = look.paint(theme.GROUND_STYLE + ground + VIEW_STYLES[name])
        assert ratio(*colours(style)) >= READABLE, (name, style)


@pytest.mark.parametrize("look", COLOURED, ids=lambda look: look.name)
def test_textuals_own_text_can_be_read(look: Coloured) -> None:
    palette = look.palette
    for ground in (palette.background, palette.surface, palette.raised):
        for text in (palette.text, palette.bright, palette.muted):
            assert ratio(rgb(text), rgb(ground)) >= READABLE
    assert ratio(rgb(palette.bright), rgb(palette.cursor)) >= READABLE


def test_the_dark_theme_is_what_the_views_are_written_in() -> None:
    dark = built_in()[0]
    for name, style in VIEW_STYLES.items():
        assert dark.paint(theme.GROUND_STYLE + style) == theme.GROUND_STYLE + style, name


def test_a_light_theme_turns_text_and_grounds_around() -> None:
    light = next(one for one in built_in() if one.name == "light")
    ink, ground = colours(light.paint(theme.GROUND_STYLE))
    assert sum(ground) > 600 > 300 > sum(ink)
    ink, ground = colours(light.paint(theme.BAD_BLOCK_STYLE))
    assert ink == rgb(palettes.LIGHT.ink) and ground == rgb(palettes.LIGHT.red)


def by_name(name: str) -> PaintedTheme:
    return next(one for one in built_in() if one.name == name)


def test_the_terminals_own_colours_are_named_not_mixed() -> None:
    for ground in GROUNDS:
        for style in VIEW_STYLES.values():
            made = by_name("ansi").paint(ground + style)
            for colour in (made.color, made.bgcolor):
                assert colour is not None and colour.triplet is None and (colour.number or 0) < 16


def test_without_colours_blocks_and_the_cursor_still_stand_out() -> None:
    plain = by_name("plain")
    for style in VIEW_STYLES.values():
        made = plain.paint(theme.GROUND_STYLE + style)
        assert made.color is not None and made.color.is_default and made.bgcolor is not None
        assert made.bgcolor.is_default
    for style in (theme.BAD_BLOCK_STYLE, theme.WARN_BLOCK_STYLE, theme.GOOD_BLOCK_STYLE, theme.CURSOR_STYLE):
        assert plain.paint(theme.GROUND_STYLE + style).reverse
    assert plain.paint(theme.GROUND_STYLE + theme.CURSOR_IDLE_STYLE).underline
    assert plain.paint(theme.GROUND_STYLE + theme.MUTED_STYLE).dim
    assert plain.paint(theme.GROUND_STYLE + theme.TITLE_STYLE).bold


def test_a_colour_of_no_theme_stands_for_the_nearest() -> None:
    light = by_name("light")
    assert light.paint(Style(color="#f07070")) == light.paint(Style(color=theme.RED))


def test_a_palette_that_cannot_be_read_is_mended_where_it_is_painted() -> None:
    look = coloured("mud", palettes.Palette(background="#808080", text="#7f7f7f"), dark=True)
    assert ratio(*colours(look.paint(theme.GROUND_STYLE))) >= READABLE
