"""``keymap.yaml``: other keys for the actions, one ``action: keys`` a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from llmgw_tui.places import BY_NAME, DEFAULT_KEYS
from llmgw_tui.theme import UNICODE, Glyphs

SHOWN = {
    **{"slash": "/", "question_mark": "?", "escape": "esc", "dollar_sign": "$", "comma": ",", "colon": ":"},
    **{"space": "space", "full_stop": ".", "exclamation_mark": "!"},
}


@dataclass(frozen=True)
class Keys:
    """Keys by action, and what was wrong with the file."""

    changed: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def of(self, name: str) -> str:
        """The action's keys as Textual names them, divided by commas."""
        return self.changed.get(name, DEFAULT_KEYS[name])

    def shown(self, name: str, glyphs: Glyphs = UNICODE) -> str:
        """The action's first key as a person reads it."""
        key = self.of(name).split(",")[0].strip()
        if key == "enter":
            return glyphs.enter
        return SHOWN.get(key, key.replace("ctrl+", "^"))


def read_keymap(file: Path | None) -> Keys:
    """The keymap in ``file``; without a file the default keys. Never raises: a bad line is named and left out."""
    if file is None or not file.is_file():
        return Keys()
    import yaml

    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return Keys(problems=(f"{file.name} cannot be read: {error}",))
    if content is None:
        return Keys()
    if not isinstance(content, dict):
        return Keys(problems=(f"{file.name} must hold 'action: key' lines.",))
    changed: dict[str, str] = {}
    problems: list[str] = []
    for name, keys in content.items():
        wanted = [str(key).strip() for key in (keys if isinstance(keys, list) else str(keys).split(","))]
        if name not in DEFAULT_KEYS:
            problems.append(f"{file.name}: there is no action {name}. Actions: {', '.join(DEFAULT_KEYS)}")
        elif not all(wanted):
            problems.append(f"{file.name}: {name} needs a key.")
        else:
            changed[name] = ",".join(wanted)
    return Keys(changed, (*problems, *_clashes({**DEFAULT_KEYS, **changed})))


def _clashes(keys_by_name: dict[str, str]) -> list[str]:
    """Keys with two meanings: of two actions of everywhere, or of one screen, or of a screen and everywhere."""
    problems: list[str] = []
    taken: dict[tuple[str, str], str] = {}
    for name, keys in keys_by_name.items():
        place = "" if name in BY_NAME else name.partition(".")[0]
        for key in filter(None, keys.split(",")):
            if other := taken.get(("", key)) or taken.get((place, key)):
                problems.append(f"{key} is the key of both {other} and {name}.")
            taken.setdefault((place, key), name)
    return problems
