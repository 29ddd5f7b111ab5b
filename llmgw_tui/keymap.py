"""``keymap.yaml``: other keys for the actions, one ``action: keys`` a line."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from string import punctuation as PUNCTUATION

from textual.keys import Keys as TextualKeys
from textual.keys import _character_to_key

from gateway_core.frozen import frozen
from llmgw_tui.places import BY_NAME, DEFAULT_KEYS
from llmgw_tui.theme import UNICODE, Glyphs
from llmgw_tui.yaml_files import line_of, read_mapping

SHOWN = {
    **{"slash": "/", "question_mark": "?", "escape": "esc", "dollar_sign": "$", "comma": ",", "colon": ":"},
    **{"left_square_bracket": "[", "right_square_bracket": "]"},
    **{"plus": "+", "minus": "-", "less_than_sign": "<", "greater_than_sign": ">", "equals_sign": "="},
    **{"delete": "del", "space": "space", "full_stop": ".", "exclamation_mark": "!"},
}
MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
NAMED_KEYS = frozenset(key.value.rpartition("+")[2] for key in TextualKeys) | {"space"}


@frozen
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
    """The keymap in ``file``; without a file the default keys.

    Never raises: a line with a mistake is named, and its action keeps the key it has without it.
    """
    if file is None or not file.is_file():
        return Keys()
    content, problems = read_mapping(file, "action: key")
    changed: dict[str, str] = {}
    for name, keys in content.items():
        said = [str(key).strip() for key in (keys if isinstance(keys, list) else str(keys).split(","))]
        wanted, wrong = [], ""
        for word in said:
            key = key_name(word)
            wanted.append(key)
            wrong = wrong or ("" if key else f"there is no key {word!r}")
        if name not in DEFAULT_KEYS:
            wrong = f"there is no action {name}. `llmgw keys` shows them all"
        elif keys is None or not all(said):
            wrong = f"{name} needs a key"
        if wrong:
            problems.append(f"{file.name} line {line_of(file, name)}: {wrong}.")
        else:
            changed[name] = ",".join(wanted)
    while clashes := _clashes({**DEFAULT_KEYS, **changed}):
        for key, names in clashes:
            lines = [f"line {line_of(file, name)}" for name in names if name in changed]
            problems.append(
                f"{file.name} {', '.join(lines)}: {key} is the key of both {' and '.join(names)}; that is not taken."
            )
            for name in names:
                changed.pop(name, None)
    return Keys(changed, tuple(problems))


def key_name(word: str) -> str:
    """A key as Textual names it, from that name or from the character; empty when there is no such key."""
    *modifiers, base = word.split("+") if word != "+" and not word.endswith("++") else [*word[:-2].split("+"), "+"]
    modifiers = [modifier.strip().lower() for modifier in modifiers if modifier]
    if not base or any(modifier not in MODIFIERS for modifier in modifiers):
        return ""
    if len(base) == 1:
        named = _character_to_key(base)
    else:
        named = base.strip().lower()
        known = named in NAMED_KEYS or any(_character_to_key(character) == named for character in PUNCTUATION)
        if not known:
            return ""
    return "+".join([*modifiers, named])


def _clashes(keys_by_name: dict[str, str]) -> list[tuple[str, tuple[str, str]]]:
    """Keys with two meanings: of two actions of everywhere, or of one screen, or of a screen and everywhere."""
    found: list[tuple[str, tuple[str, str]]] = []
    taken: dict[tuple[str, str], str] = {}
    for name, keys in sorted(keys_by_name.items(), key=lambda item: item[0] not in BY_NAME):
        place = "" if name in BY_NAME else name.partition(".")[0]
        for key in filter(None, keys.split(",")):
            if other := taken.get(("", key)) or taken.get((place, key)):
                found.append((key, (other, name)))
            taken.setdefault((place, key), name)
    return found
