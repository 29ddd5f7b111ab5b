"""Which theme it is: asked for, saved, or fitting the terminal; and the themes of one's own in ``themes.yaml``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway_core.frozen import frozen
from llmgw_tui.contrast import rgb
from llmgw_tui.painting import Signs
from llmgw_tui.palettes import DARK, LIGHT, ROLES, PaintedTheme, built_in, coloured
from llmgw_tui.yaml_files import read_mapping

BASES = {"dark": DARK, "light": LIGHT}
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@frozen
class Themes:
    """All themes by name, and what was wrong with the file."""

    by_name: Mapping[str, PaintedTheme]
    problems: tuple[str, ...] = ()


def read_themes(file: Path | None) -> Themes:
    """The built-in themes and those of ``file``. Never raises: a theme with a mistake is named and left out.

    ``themes.yaml`` holds ``name: {colour: "#rrggbb"}``; ``base: dark`` or ``light`` gives the colours not named.
    """
    found = {theme.name: theme for theme in built_in()}
    if file is None or not file.is_file():
        return Themes(found)
    content, problems = read_mapping(file, "theme: {colour: '#rrggbb'}")
    for name, colours in content.items():
        wrong = _mistake(name, colours, found)
        if wrong:
            problems.append(f"{file.name}: {wrong}")
            continue
        given = dict(colours)
        base = str(given.pop("base", "dark"))
        found[name] = coloured(name, replace(BASES[base], **given), dark=base == "dark")
    return Themes(found, tuple(problems))


def _mistake(name: str, colours: object, found: Mapping[str, PaintedTheme]) -> str:
    if not NAME.fullmatch(name):
        return f"a theme's name is small letters, digits, - and _, not {name!r}."
    if name in found:
        return f"{name} is a theme already: choose another name."
    if not isinstance(colours, dict):
        return f"{name} must hold 'colour: \"#rrggbb\"' lines."
    for role, colour in colours.items():
        if role == "base":
            if colour not in BASES:
                return f"{name}: base is dark or light, not {colour!r}."
            continue
        if role not in ROLES:
            return f"{name} has no colour {role!r}. Colours: {', '.join(ROLES)}; and base."
        try:
            rgb(str(colour))
        except ValueError as error:
            return f"{name}: {role}: {error}."
    return ""


def chosen(
    asked: str | None, environment: Mapping[str, str], saved: str, themes: Themes
) -> tuple[PaintedTheme, tuple[str, ...]]:
    """The theme to begin with, and what could not be done.

    ``asked`` (``--theme``) wins over ``LLMGW_THEME``, that over NO_COLOR (https://no-color.org, 2026), that over the
    ``saved`` choice, and that over what fits the terminal.
    """
    problems: list[str] = []
    for name, source in (
        (asked, "--theme"),
        (environment.get("LLMGW_THEME"), "LLMGW_THEME"),
        ("plain" if environment.get("NO_COLOR") else None, "NO_COLOR"),
        (saved, "the saved choice"),
    ):
        if not name:
            continue
        if name in themes.by_name:
            return themes.by_name[name], tuple(problems)
        problems.append(f"There is no theme {name!r} ({source}). Themes: {', '.join(themes.by_name)}.")
    return themes.by_name[fitting(environment)], tuple(problems)


def fitting(environment: Mapping[str, str]) -> str:
    """``dark`` or ``light`` where the terminal has 256 colours or more, else ``ansi``.

    A terminal is not asked for its background: over a slow link its answer could come late, and be taken for keys.
    """
    many = environment.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit")
    many = many or environment.get("TERM", "").rpartition("-")[2] in ("256color", "kitty", "direct")
    if not many:
        return "ansi"
    return "light" if environment.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15") else "dark"


def known_signs(environment: Mapping[str, str]) -> Signs:
    """What the terminal can show: the Linux console calls itself ``linux`` (terminfo(5), console_codes(4))."""
    return Signs.CONSOLE if environment.get("TERM", "").partition("-")[0] == "linux" else Signs.ALL


def needs_ascii(environment: Mapping[str, str]) -> bool:
    """Whether the locale says that the terminal knows no UTF-8 (the first of LC_ALL, LC_CTYPE and LANG counts)."""
    locale = next((value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := environment.get(name))), "")
    return bool(locale) and not re.search(r"utf-?8", locale, re.IGNORECASE)
