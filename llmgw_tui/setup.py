"""How the screen is to be on this terminal: from flags, environment, what was saved, and the terminal itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from gateway_core.frozen import frozen
from llmgw_tui.keymap import Keys, read_keymap
from llmgw_tui.painting import Signs
from llmgw_tui.palettes import built_in
from llmgw_tui.remembered import Remembered
from llmgw_tui.screen_options import ScreenOptions, is_set, updates_per_second
from llmgw_tui.themes import Themes, chosen, known_signs, needs_ascii, read_themes

UPDATES_PER_SECOND = 4.0
LOW_BANDWIDTH_UPDATES = 1.0
THEMES_FILE = "themes.yaml"


@frozen
class Setup:
    """What a control centre starts with. ``problems`` are told once it is there."""

    theme: str = "dark"
    themes: Themes = field(default_factory=lambda: Themes({theme.name: theme for theme in built_in()}))
    ascii_only: bool = False
    signs: Signs = Signs.ALL
    """What the terminal can show where it is not ASCII only."""
    updates_per_second: float = UPDATES_PER_SECOND
    low_bandwidth: bool = False
    keys: Keys = field(default_factory=Keys)
    remembered: Remembered = field(default_factory=Remembered)
    problems: tuple[str, ...] = ()


def set_up(
    options: ScreenOptions, environment: Mapping[str, str], keymap_file: Path | None, data_dir: Path | None
) -> Setup:
    """The setup in force. Never raises: what cannot be had is a problem, and the next choice is taken."""
    remembered = Remembered(data_dir)
    themes = read_themes(keymap_file.with_name(THEMES_FILE) if keymap_file else None)
    theme, not_found = chosen(options.theme, environment, remembered.get("theme", ""), themes)
    keys = read_keymap(keymap_file)
    low = options.low_bandwidth or is_set(environment, "LLMGW_LOW_BANDWIDTH")
    often, wrong = _updates_per_second(options.updates_per_second, environment.get("LLMGW_FPS", ""), low)
    return Setup(
        theme=theme.name,
        themes=themes,
        ascii_only=options.ascii_only
        or is_set(environment, "LLMGW_ASCII")
        or remembered.get("ascii", False)
        or needs_ascii(environment),
        signs=known_signs(environment),
        updates_per_second=often,
        low_bandwidth=low,
        keys=keys,
        remembered=remembered,
        problems=(*keys.problems, *themes.problems, *not_found, *wrong, *remembered.problems),
    )


def _updates_per_second(asked: float | None, given: str, low_bandwidth: bool) -> tuple[float, tuple[str, ...]]:
    usual = LOW_BANDWIDTH_UPDATES if low_bandwidth else UPDATES_PER_SECOND
    if asked is not None:
        return asked, ()
    if not given.strip():
        return usual, ()
    try:
        return updates_per_second(given), ()
    except ValueError as error:
        return usual, (f"LLMGW_FPS: {error}.",)
