"""Code gets its colours without changing a character, and never at the cost of the screen."""

from __future__ import annotations

import pytest

from llmgw_tui.ink import AT_ONCE, LONGEST, Ink, load
from llmgw_tui.panes.messages import text_lines
from llmgw_tui.theme import TEXT_STYLE

CODE = 'def f(x):\n    """Doc."""\n    return x + 1  # more\n'


def plain(ink: Ink, text: str, language: str) -> str:
    inked = ink.lines(text, language)
    assert inked is not None
    return "\n".join("".join(segment.text for segment in line) for line in inked)


@pytest.mark.parametrize(("text", "language"), [(CODE, "python"), ('{"a": [1, "b"]}\n\n', "json"), ("\n\nx", "py")])
def test_colours_change_no_character(text: str, language: str) -> None:
    load("python", "json")
    ink = Ink()
    assert plain(ink, text, language) == text
    styles = {segment.style for line in ink.lines(text, language) or () for segment in line}
    assert text == "\n\nx" or len(styles - {TEXT_STYLE}) >= 2


def test_long_texts_and_new_languages_wait_for_a_thread() -> None:
    load("python")
    ink = Ink()
    long = CODE * (AT_ONCE // len(CODE) + 1)
    assert ink.lines(long, "python") is None and len(ink.wanted) == 1
    assert ink.work() and not ink.work()
    assert plain(ink, long, "python") == long


def test_many_short_texts_are_not_all_coloured_at_once() -> None:
    load("python")
    ink = Ink()
    ink.begin()
    shown = [ink.lines(f"{CODE}# {number}", "python") for number in range(100)]
    assert shown[0] is not None and shown[-1] is None and ink.wanted


def test_what_is_unknown_or_endless_stays_plain() -> None:
    ink = Ink()
    assert ink.lines("x", "brainfuck") is None and ink.lines("x" * (LONGEST + 1), "json") is None
    assert not ink.wanted


def test_fenced_code_in_an_answer_is_coloured_and_the_rest_is_not() -> None:
    load("python")
    lines = list(text_lines(f"Look:\n```python\n{CODE}```\nThat \x1b[31mis all.", 60, False, Ink()))
    text = "\n".join("".join(segment.text for segment in line) for line in lines)
    assert "return x + 1" in text and "\x1b" not in text and "is all." in text
    styled = {segment.style for line in lines for segment in line if "def" in segment.text}
    assert styled and TEXT_STYLE not in styled


def test_a_fence_that_never_ends_loses_nothing() -> None:
    lines = list(text_lines("Look:\n```\nfirst\nlast", 60, False, Ink()))
    assert "last" in "".join(segment.text for segment in lines[-1])
