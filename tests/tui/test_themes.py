"""Which theme it is, and the file with one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmgw_tui.palettes import Coloured
from llmgw_tui.themes import chosen, fitting, needs_ascii, read_themes

MANY = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("asked", "environment", "saved", "name"),
    [
        (None, MANY, "", "dark"),
        (None, MANY, "light", "light"),
        (None, MANY | {"NO_COLOR": "1"}, "light", "plain"),
        (None, MANY | {"NO_COLOR": ""}, "light", "light"),
        (None, MANY | {"NO_COLOR": "1", "LLMGW_THEME": "ansi"}, "light", "ansi"),
        ("high-contrast", MANY | {"NO_COLOR": "1", "LLMGW_THEME": "ansi"}, "light", "high-contrast"),
    ],
)
def test_what_was_asked_for_wins(asked: str | None, environment: dict[str, str], saved: str, name: str) -> None:
    theme, problems = chosen(asked, environment, saved, read_themes(None))
    assert theme.name == name and not problems


def test_a_theme_that_is_not_there_is_said_and_the_next_choice_is_taken() -> None:
    theme, problems = chosen("nope", MANY, "light", read_themes(None))
    assert theme.name == "light"
    assert problems == ("There is no theme 'nope' (--theme). Themes: dark, light, high-contrast, ansi, plain.",)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"TERM": "linux"}, "ansi"),
        ({"TERM": "xterm"}, "ansi"),
        ({"TERM": "vt100"}, "ansi"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "dark"),
        ({"TERM": "tmux-256color"}, "dark"),
        ({"TERM": "xterm-kitty"}, "dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "light"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;default;15"}, "light"),
        ({"TERM": "xterm-256color", "COLORFGBG": "15;0"}, "dark"),
        ({"TERM": "linux", "COLORFGBG": "0;15"}, "ansi"),
        ({}, "ansi"),
    ],
)
def test_the_theme_fits_the_terminal(environment: dict[str, str], name: str) -> None:
    assert fitting(environment) == name


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "de_DE.utf8"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "", "LC_CTYPE": "POSIX", "LANG": "en_US.UTF-8"}, True),
        ({}, False),
    ],
)
def test_ascii_follows_the_locale(environment: dict[str, str], wanted: bool) -> None:
    assert needs_ascii(environment) is wanted


def test_a_file_adds_themes(tmp_path: Path) -> None:
    file = tmp_path / "themes.yaml"
    file.write_text("paper:\n  base: light\n  background: '#fdf6e3'\nnight:\n  red: '#ff0000'\n")
    themes = read_themes(file)
    assert not themes.problems
    paper, night = themes.by_name["paper"], themes.by_name["night"]
    assert isinstance(paper, Coloured) and paper.palette.background == "#fdf6e3" and not paper.dark
    assert paper.palette.text == themes.by_name["light"].foreground
    assert isinstance(night, Coloured) and night.palette.red == "#ff0000" and night.dark


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("paper:\n  rot: '#ffffff'\n", "paper has no colour 'rot'. Colours: background,"),
        ("paper:\n  red: crimson\n", "paper: red: 'crimson' is not a colour like #1a2b3c"),
        ("paper:\n  red: '#ggffff'\n", "paper: red: '#ggffff' is not a colour like #1a2b3c"),
        ("paper:\n  base: grey\n", "paper: base is dark or light"),
        ("dark:\n  red: '#ffffff'\n", "dark is a theme already"),
        ("Paper!: {}\n", "a theme's name is small letters"),
        ("paper: 3\n", "paper must hold"),
        ("- a\n", "themes.yaml must hold"),
        ("paper: [\n", "themes.yaml: line 2:"),
        ("paper: {}\npaper: {}\n", "line 2: paper stands there twice"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "themes.yaml"
    file.write_text(content)
    themes = read_themes(file)
    assert any(problem in said for said in themes.problems), themes.problems
    assert {"dark", "light", "high-contrast", "ansi", "plain"} <= set(themes.by_name)
