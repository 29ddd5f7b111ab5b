"""Syntax colours for code in foreign text: of what is in sight, a block at a time, and in slices of the event loop.

Only languages whose rules were measured are coloured: a regular expression that runs away would hold the whole gateway,
whatever thread it ran in. What takes too long all the same stays plain.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from enum import Enum
from importlib import import_module
from time import thread_time
from typing import Any, NamedTuple

from rich.segment import Segment
from rich.style import Style

from llmgw_tui.slices import Steps, at_once
from llmgw_tui.theme import ACCENT, BLUE, GOLD, GREEN, MUTED_STYLE, TEXT_STYLE, VIOLET

_NAMES = (
    *("python", "json", "bash", "javascript", "typescript", "css", "sql", "yaml", "toml", "diff", "rust", "go", "java"),
    *("c", "cpp", "ini", "html", "tsx", "jsx", "ruby", "php", "docker", "markdown", "xml", "lua", "kotlin", "swift"),
    *("csharp", "powershell", "nginx", "graphql", "dart", "elixir", "r", "perl", "scss", "make", "protobuf"),
)
LANGUAGES = {
    **{name: name for name in _NAMES},
    **{"py": "python", "sh": "bash", "shell": "bash", "zsh": "bash", "js": "javascript", "ts": "typescript"},
    **{"mjs": "javascript", "yml": "yaml", "c++": "cpp", "h": "c", "rs": "rust", "golang": "go", "patch": "diff"},
    **{"jsonc": "json", "jsonl": "json", "json5": "json", "htm": "html", "vue": "html", "svelte": "html", "svg": "xml"},
    **{"rb": "ruby", "dockerfile": "docker", "md": "markdown", "kt": "kotlin", "cs": "csharp", "c#": "csharp"},
    **{"ps1": "powershell", "pwsh": "powershell", "gql": "graphql", "ex": "elixir", "pl": "perl", "proto": "protobuf"},
    **{"makefile": "make", "env": "bash", "dotenv": "bash", "conf": "ini", "properties": "ini"},
}
"""Names as they stand behind a fence, and Pygments' for them."""
AT_ONCE = 1_500
"""Characters that are coloured while a screen is made, in all. Measured: 10 ms of Python code; JSON is not counted."""
LONGEST_S = 0.25
"""What takes longer of this thread's own time stays plain: a block of honest code takes 5 to 25 ms."""
LONGEST_LINE = 1_000
"""In code with a longer line only JSON is coloured: what a rule takes grows with the square of it (ini: 110 ms of 4,000
characters)."""
_OPTIONS: dict[str, dict[str, bool]] = {"php": {"startinline": True}, "markdown": {"handlecodeblocks": False}}
"""PHP is quoted without its opening tag; Markdown would import the language of each fence in the middle of its work."""
_REMEMBERED = 256
_WANTED = 16
_STYLES = (
    ("Token.Comment", MUTED_STYLE),
    ("Token.Keyword", Style(color=VIOLET)),
    ("Token.Name.Tag", Style(color=BLUE)),
    ("Token.Name.Function", Style(color=BLUE)),
    ("Token.Name.Class", Style(color=BLUE)),
    ("Token.Name.Builtin", Style(color=ACCENT)),
    ("Token.Literal.String", Style(color=GREEN)),
    ("Token.Literal.Number", Style(color=GOLD)),
    ("Token.Generic.Heading", Style(color=BLUE)),
    ("Token.Generic.Subheading", Style(color=BLUE)),
    ("Token.Generic.Inserted", Style(color=GREEN)),
    ("Token.Generic.Deleted", Style(color=GOLD)),
    ("Token.Operator.Word", Style(color=VIOLET)),
)
_KEY, _STRING, _NUMBER, _WORD = (_STYLES[number][1] for number in (2, 6, 7, 1))
_REST_OF_A_STRING = r'[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
_IN_JSON = re.compile(
    rf'(?P<string>"{_REST_OF_A_STRING})(?P<key>\s*:)?|(?P<number>-?\d[\d.eE+-]*)|(?P<word>\b(?:true|false|null)\b)'
    r"|(?P<comment>//[^\n]*)",
    re.DOTALL,
)
_IN_A_STRING = re.compile(_REST_OF_A_STRING, re.DOTALL)
_MARKS = re.compile(r'\\.|"|\\', re.DOTALL)
_lexers: dict[str, Any] = {}
Token = tuple[int, int, Style]
"""Where it begins and ends, and how it looks."""


class Inside(Enum):
    """Where in JSON a block begins."""

    NOTHING = 0
    STRING = 1
    ESCAPE = 2

    def after(self, text: str) -> Inside:
        """Where the next block begins, if this one is ``text``."""
        marks = _MARKS.findall(text, self is Inside.ESCAPE)
        if (self is not Inside.NOTHING) ^ (marks.count('"') % 2 == 1):
            return Inside.ESCAPE if marks and marks[-1] == "\\" else Inside.STRING
        return Inside.NOTHING


class Code(NamedTuple):
    """A block of clean code. ``inside`` says that it begins within a string of JSON, or behind a backslash in it."""

    language: str
    text: str
    inside: Inside = Inside.NOTHING


class Spans:
    """The colours of a block: where each ends."""

    __slots__ = ("_ends", "_styles")

    def __init__(self, tokens: Iterator[Token] | tuple[Token, ...] = ()) -> None:
        self._ends: list[int] = []
        self._styles: list[Style] = []
        for token in tokens:
            self.add(token)

    def add(self, token: Token) -> None:
        """The next token; what lies between it and the one before is plain."""
        start, end, style = token
        last = self._ends[-1] if self._ends else 0
        if start > last:
            self._put(start, TEXT_STYLE)
        if end > max(start, last):
            self._put(end, style)

    def _put(self, end: int, style: Style) -> None:
        if self._styles and self._styles[-1] is style:
            self._ends[-1] = end
        else:
            self._ends.append(end)
            self._styles.append(style)

    def between(self, text: str, start: int, end: int) -> Iterator[Segment]:
        """That part of the block's text in its colours."""
        number = bisect_right(self._ends, start)
        while start < end:
            known = number < len(self._ends)
            stop = min(end, self._ends[number]) if known else end
            yield Segment(text[start:stop], self._styles[number] if known else TEXT_STYLE)
            start, number = stop, number + 1


def load(*languages: str) -> None:
    """Makes languages ready, their rules compiled; one takes 5 to 70 ms, and Pygments itself as long once."""
    lexers = import_module("pygments.lexers")
    for language in languages:
        if language not in _lexers and language != "json":
            lexer = lexers.get_lexer_by_name(language, **_OPTIONS.get(language, {}))
            deque(lexer.get_tokens_unprocessed("a"), 0)
            _lexers[language] = lexer


class Ink:
    """The colours of one screen. ``wants`` is called when there is work: what is in sight has no colours yet."""

    def __init__(self, wants: Callable[[], None] = lambda: None) -> None:
        self._known: OrderedDict[Code, Spans] = OrderedDict()
        self._wanted: OrderedDict[Code, None] = OrderedDict()
        self._wants = wants
        self._left = AT_ONCE

    def begin(self) -> None:
        """A screen is made anew."""
        self._wanted.clear()
        self._left = AT_ONCE

    def spans(self, code: Code) -> Spans | None:
        """The colours of a block; None where they are not known yet."""
        if (known := self._known.get(code)) is not None:
            return known
        if code.language == "json":
            return self._remember(code, Spans(_json_tokens(code)))
        if max(map(len, code.text.split("\n"))) > LONGEST_LINE:
            return self._remember(code, Spans())
        if len(code.text) <= self._left and code.language in _lexers:
            self._left -= len(code.text)
            return self._remember(code, at_once(_coloured(code)))
        self._wanted[code] = None
        if len(self._wanted) > _WANTED:
            self._wanted.popitem(last=False)
        self._wants()
        return None

    @property
    def missing(self) -> tuple[str, ...]:
        """Languages that have to be loaded first."""
        return tuple({code.language for code in self._wanted} - set(_lexers))

    def work(self) -> Steps[None]:
        """Colours what is wanted, what came into sight last first. All languages must be loaded."""
        while self._wanted:
            code, _ = self._wanted.popitem()
            self._remember(code, (yield from _coloured(code)))

    def _remember(self, code: Code, spans: Spans) -> Spans:
        self._known[code] = spans
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return spans


def _coloured(code: Code) -> Steps[Spans]:
    spans, spent, began = Spans(), 0.0, thread_time()
    styles: dict[Any, Style] = {}
    for start, kind, part in _lexers[code.language].get_tokens_unprocessed(code.text):
        style = styles.get(kind) or styles.setdefault(kind, _style_of(str(kind)))
        spans.add((start, min(start + len(part), len(code.text)), style))
        spent += thread_time() - began
        if spent > LONGEST_S:
            return Spans()
        yield
        began = thread_time()
    return spans


def _style_of(kind: str) -> Style:
    return next((style for name, style in _STYLES if kind.startswith(name)), TEXT_STYLE)


def _json_tokens(code: Code) -> Iterator[Token]:
    """Pygments' colours for JSON, ten times as quick."""
    at = 0
    if code.inside is not Inside.NOTHING and (rest := _IN_A_STRING.match(code.text, code.inside is Inside.ESCAPE)):
        at = rest.end()
        yield 0, at, _STRING
    for found in _IN_JSON.finditer(code.text, at):
        kind = found.lastgroup
        if kind in ("string", "key"):
            yield found.start(), found.end("string"), _KEY if kind == "key" else _STRING
        else:
            yield found.start(), found.end(), {"number": _NUMBER, "word": _WORD}.get(kind or "", MUTED_STYLE)
