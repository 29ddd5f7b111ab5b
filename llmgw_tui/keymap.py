"""``keymap.yaml``: other keys for the actions, one ``action: keys`` a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from llmgw_tui.actions import ACTIONS, BY_NAME
from llmgw_tui.theme import UNICODE, Glyphs

SHOWN = {"slash": "/", "question_mark": "?", "escape": "esc"}


@dataclass(frozen=True)
class Keys:
    """Keys by action, and what was wrong with the file."""

    changed: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def of(self, name: str) -> str:
        """The action's keys as Textual names them, divided by commas."""
        return self.changed.get(name, BY_NAME[name].keys)

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
        if name not in BY_NAME:
            problems.append(
                f"{file.name}: there is no action {name}. Actions: {', '.join(action.name for action in ACTIONS)}"
            )
        elif not all(wanted):
            problems.append(f"{file.name}: {name} needs a key.")
        else:
            changed[name] = ",".join(wanted)
    taken: dict[str, str] = {}
    for name in BY_NAME:
        for key in filter(None, changed.get(name, BY_NAME[name].keys).split(",")):
            if key in taken:
                problems.append(f"{key} is the key of both {taken[key]} and {name}.")
            taken.setdefault(key, name)
    return Keys(changed, tuple(problems))
