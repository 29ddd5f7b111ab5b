"""Messages and answers for people: roles as headings, code coloured, tool calls readable, pictures named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style

from gateway_core.model import JsonObject
from llmgw_tui.ink import Ink
from llmgw_tui.panes.details import CUT_CHARACTERS, Line, body, cut_note
from llmgw_tui.panes.draw import text_segment
from llmgw_tui.text import clean, message_text, preview
from llmgw_tui.theme import ACCENT, BLUE, BRIGHT_STYLE, GOLD, LINE_STYLE, MUTED_STYLE, TEXT_STYLE, VIOLET

ROLE_STYLES = {
    "user": Style(color=ACCENT, bold=True),
    "assistant": Style(color=VIOLET, bold=True),
    "system": Style(color=GOLD, bold=True),
    "developer": Style(color=GOLD, bold=True),
    "tool": Style(color=BLUE, bold=True),
}
_FENCE = re.compile(r"^\s{0,3}(?:```|~~~)\s*([\w+#.-]{0,20})")
_MARGIN = Segment("   ", TEXT_STYLE)


def message_lines(message: JsonObject, width: int, whole: bool, ink: Ink) -> Iterator[Line]:
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


def text_lines(text: str, width: int, whole: bool, ink: Ink) -> Iterator[Line]:
    """Foreign text as paragraphs, its fenced code and JSON coloured; cut unless ``whole``."""
    if _looks_like_json(text):
        yield from code_lines(text, "json", width, whole, ink)
        return
    if "```" not in text and "~~~" not in text:
        yield from body(text, width, whole, TEXT_STYLE)
        return
    shown = clean(text if whole else text[:CUT_CHARACTERS]).expandtabs(4)
    plain: list[str] = []
    code: list[str] | None = None
    language = ""
    for paragraph in shown.split("\n"):
        fence = _FENCE.match(paragraph)
        if fence is None:
            (plain if code is None else code).append(paragraph)
            continue
        if code is None:
            plain.append(paragraph)
            yield from body("\n".join(plain), width, True, TEXT_STYLE)
            plain, code, language = [], [], fence[1]
        else:
            yield from _inked("\n".join(code), language, width, ink)
            plain, code = [paragraph], None
    if code:
        yield from _inked("\n".join(code), language, width, ink)
    if plain:
        yield from body("\n".join(plain), width, True, TEXT_STYLE)
    if not whole:
        yield from cut_note(len(text))


def code_lines(text: str, language: str, width: int, whole: bool, ink: Ink) -> Iterator[Line]:
    """Foreign text as code in one language; cut unless ``whole``."""
    yield from _inked(clean(text if whole else text[:CUT_CHARACTERS]).expandtabs(4), language, width, ink)
    if not whole:
        yield from cut_note(len(text))


def _inked(shown: str, language: str, width: int, ink: Ink) -> Iterator[Line]:
    """Clean text behind a rule, in colours where they are known; long lines go on below, cut between cells."""
    inked = ink.lines(shown, language) or tuple((Segment(line, TEXT_STYLE),) for line in shown.split("\n"))
    for segments in inked if shown else ():
        for piece in chopped_segments(segments, max(8, width - 5)):
            yield [_MARGIN, Segment("  ", LINE_STYLE), *piece]


def chopped_segments(segments: Sequence[Segment], width: int) -> Iterator[list[Segment]]:
    """One line of segments as lines of at most ``width`` cells."""
    room, out = width, list[Segment]()
    for segment in segments:
        text = segment.text
        while cell_len(text) > room:
            head = chop_cells(text, room)[0] if room > 1 else ""
            if head:
                out.append(Segment(head, segment.style))
            yield out
            out, room, text = [], width, text[len(head) :]
        if text:
            out.append(Segment(text, segment.style))
            room -= cell_len(text)
    yield out


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
