"""``llmgw keys``: the keymap in force, written as a ``keymap.yaml`` to start from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from llmgw_tui.keymap import Keys, read_keymap
from llmgw_tui.places import BY_NAME, INNER_PLACES, INSIDE, PLACES

COLUMN = 34


def show(file: Path) -> int:
    """Prints the keymap; 1 when the file there has mistakes, which are named."""
    keys = read_keymap(file)
    print("\n".join(keymap_lines(keys, file)))
    for problem in keys.problems:
        print(f"llmgw: {problem}", file=sys.stderr)
    return 1 if keys.problems else 0


def keymap_lines(keys: Keys, file: Path) -> Iterator[str]:
    """YAML that :func:`read_keymap` reads back to the same keys."""
    yield "# The keys of llmgw's control centre. Change what you like, keep only what differs, and save it as"
    yield f"# {file}"
    yield "# Commas divide several keys: a, A, f5, ctrl+a, space, slash, comma. What has no key has a # before it."
    yield ""
    yield "# Everywhere"
    for name, action in BY_NAME.items():
        yield _line(name, keys, action.help)
    for place in (*PLACES, *INNER_PLACES):
        if place.actions:
            yield ""
            yield f"# On the screen {place.title_words}"
        for inner in place.actions:
            name = f"{place.place}.{inner.name}"
            yield _line(name, keys, INSIDE[name].help)


def _line(name: str, keys: Keys, explained: str) -> str:
    given = keys.of(name)
    value = yaml.safe_dump(given.replace(",", ", "), width=200).removesuffix("\n...\n").strip() if given else ""
    return f"{'' if given else '# '}{f'{name}: {value}':<{COLUMN}}  # {explained}"
