"""Syntax colours for code in foreign text: found once for each text, and off the event loop unless it is short.

Only languages whose rules are known to be quick are coloured, and only up to a length: a regular expression that runs
away would hold the whole gateway.
"""

from __future__ import annotations

from collections import OrderedDict
from importlib import import_module
from typing import Any

from rich.segment import Segment
from rich.style import Style

from llmgw_tui.theme import ACCENT, BLUE, GOLD, GREEN, MUTED_STYLE, TEXT_STYLE, VIOLET

LANGUAGES = {
    **{name: name for name in ("python", "json", "bash", "javascript", "typescript", "css", "sql", "yaml", "toml")},
    **{name: name for name in ("diff", "rust", "go", "java", "c", "cpp", "ini")},
    **{"py": "python", "sh": "bash", "shell": "bash", "zsh": "bash", "js": "javascript", "ts": "typescript"},
    **{"yml": "yaml", "c++": "cpp", "rs": "rust", "golang": "go", "patch": "diff", "jsonc": "json"},
}
LONGEST = 20_000
AT_ONCE = 1_500
"""Characters that are coloured while a screen is made, in all. Measured: 10 ms of Python code, 1 ms of JSON."""
_REMEMBERED = 256
_STYLES = (
    ("Token.Comment", MUTED_STYLE),
    ("Token.Keyword", Style(color=VIOLET)),
    ("Token.Name.Tag", Style(color=BLUE)),
    ("Token.Name.Function", Style(color=BLUE)),
    ("Token.Name.Class", Style(color=BLUE)),
    ("Token.Name.Builtin", Style(color=ACCENT)),
    ("Token.Literal.String", Style(color=GREEN)),
    ("Token.Literal.Number", Style(color=GOLD)),
    ("Token.Generic.Inserted", Style(color=GREEN)),
    ("Token.Generic.Deleted", Style(color=GOLD)),
    ("Token.Operator.Word", Style(color=VIOLET)),
)

Inked = tuple[tuple[Segment, ...], ...]
"""The segments of each line."""
_lexers: dict[str, Any] = {}


def load(*languages: str) -> None:
    """Makes languages ready; importing one takes 40 to 200 ms."""
    lexers = import_module("pygments.lexers")
    for language in languages:
        if language not in _lexers:
            _lexers[language] = lexers.get_lexer_by_name(language, stripnl=False, ensurenl=False)


class Ink:
    """The coloured texts of one screen. ``wanted`` are those that :meth:`work` has still to do, in a thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Inked] = OrderedDict()
        self.wanted: list[tuple[str, str]] = []
        self._left = AT_ONCE

    def begin(self) -> None:
        """A screen is made anew."""
        self.wanted, self._left = [], AT_ONCE

    def lines(self, text: str, language: str) -> Inked | None:
        """The lines of a clean ``text``; None where they have no colours, or none yet."""
        name = LANGUAGES.get(language.lower())
        if name is None or not text or len(text) > LONGEST:
            return None
        key = (name, text)
        if key not in self._known:
            if len(text) > self._left or name not in _lexers:
                self.wanted.append(key)
                return None
            self._left -= len(text)
            self._remember(key)
        return self._known[key]

    def work(self) -> bool:
        """Colours what is wanted; whether there was anything. May take 100 ms."""
        wanted, self.wanted = self.wanted, []
        for key in wanted:
            if key not in self._known:
                load(key[0])
                self._remember(key)
        return bool(wanted)

    def _remember(self, key: tuple[str, str]) -> None:
        self._known[key] = _inked(key[1], key[0])
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _inked(text: str, language: str) -> Inked:
    lines: list[list[Segment]] = [[]]
    for kind, part in _lexers[language].get_tokens(text):
        style = _style_of(str(kind))
        for number, piece in enumerate(part.split("\n")):
            if number:
                lines.append([])
            if piece:
                lines[-1].append(Segment(piece, style))
    if "\n".join("".join(segment.text for segment in line) for line in lines) != text:
        return tuple((Segment(line, TEXT_STYLE),) for line in text.split("\n"))
    return tuple(tuple(line) for line in lines)


def _style_of(kind: str) -> Style:
    return next((style for name, style in _STYLES if kind.startswith(name)), TEXT_STYLE)
