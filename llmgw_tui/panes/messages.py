"""Messages and answers for people: roles as headings, code coloured, tool calls readable, pictures named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style

from gateway_core.model import JsonObject
from llmgw_tui.ink import LANGUAGES, Ink
from llmgw_tui.panes.blocks import body, laid_out
from llmgw_tui.panes.details import CUT_CHARACTERS, Line, cut_note
from llmgw_tui.panes.draw import text_segment
from llmgw_tui.panes.parts import Part
from llmgw_tui.text import message_text, preview
from llmgw_tui.theme import ACCENT, BLUE, BRIGHT_STYLE, GOLD, LINE_STYLE, MUTED_STYLE, TEXT_STYLE, VIOLET

ROLE_STYLES = {
    "user": Style(color=ACCENT, bold=True),
    "assistant": Style(color=VIOLET, bold=True),
    "system": Style(color=GOLD, bold=True),
    "developer": Style(color=GOLD, bold=True),
    "tool": Style(color=BLUE, bold=True),
}
_FENCES = ("```", "~~~")
_NAMED = re.compile(r"(?:```|~~~)\s*([\w+#.-]{0,20})")
_MARGIN = (Segment("   ", TEXT_STYLE), Segment("  ", LINE_STYLE))


def message_lines(message: JsonObject, width: int, whole: bool, ink: Ink) -> Iterator[Part | Line]:
    role = str(message.get("role", "?"))
    name = f" {preview(str(message['name']))}" if message.get("name") else ""
    call = f" answers {preview(str(message['tool_call_id']))}" if message.get("tool_call_id") else ""
    yield [
        text_segment(f" {preview(role)}", ROLE_STYLES.get(role, BRIGHT_STYLE)),
        text_segment(f"{name}{call}", MUTED_STYLE),
    ]
    yield from text_lines(message_text(message), width, whole, ink)
    for called, arguments in _tool_calls(message):
        yield [text_segment("   calls ", MUTED_STYLE), text_segment(called, ROLE_STYLES["tool"])]
        yield from code_lines(_readable(arguments), "json", width, whole, ink)
    yield []


def text_lines(text: str, width: int, whole: bool, ink: Ink) -> Iterator[Part | Line]:
    """Foreign text as paragraphs, its fenced code and JSON coloured; cut unless ``whole``."""
    if _looks_like_json(text):
        yield from code_lines(text, "json", width, whole, ink)
        return
    shown = text if whole else text[:CUT_CHARACTERS]
    at, language = 0, None
    for begins, ends, named in _fences(shown):
        if language is None:
            yield from body(shown[at:ends], width, True, TEXT_STYLE)
            at, language = ends + 1, named
        else:
            yield from _code(shown[at : begins - 1], language, width, ink)
            at, language = begins, None
    if language is None:
        yield from body(shown[at:], width, True, TEXT_STYLE)
    else:
        yield from _code(shown[at:], language, width, ink)
    if not whole:
        yield from cut_note(len(text))


def _fences(text: str) -> Iterator[tuple[int, int, str]]:
    """The lines that begin or end code: where they begin and end, and the language that they name."""
    at = 0
    while (found := min((one for mark in _FENCES if (one := text.find(mark, at)) >= 0), default=-1)) >= 0:
        begins = text.rfind("\n", 0, found) + 1
        ends = text.find("\n", found)
        ends = len(text) if ends < 0 else ends
        if not text[begins : min(found, begins + 4)].strip() and found - begins < 4:
            named = _NAMED.match(text, found, min(ends, found + 100))
            yield begins, ends, named[1] if named else ""
        at = ends


def code_lines(text: str, language: str, width: int, whole: bool, ink: Ink) -> Iterator[Part | Line]:
    """Foreign text as code in one language; cut unless ``whole``."""
    yield from _code(text if whole else text[:CUT_CHARACTERS], language, width, ink)
    if not whole:
        yield from cut_note(len(text))


def _code(text: str, language: str, width: int, ink: Ink) -> Iterator[Part]:
    known = LANGUAGES.get(language.lower(), "")
    yield from laid_out(text, max(8, width - 5), TEXT_STYLE, _MARGIN, ink, language=known)


def _looks_like_json(text: str) -> bool:
    head, tail = text[:1], text.rstrip()[-1:]
    return (head, tail) in (("{", "}"), ("[", "]")) and '"' in text[:200]


def _readable(arguments: str) -> str:
    """Arguments of a tool call on lines of their own, where they are JSON and not large."""
    if len(arguments) > CUT_CHARACTERS:
        return arguments
    try:
        return json.dumps(json.loads(arguments), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return arguments


def _tool_calls(message: JsonObject) -> list[tuple[str, str]]:
    calls = message.get("tool_calls")
    out = []
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            out.append((str(function.get("name", "?")), str(function.get("arguments", ""))))
    return out
