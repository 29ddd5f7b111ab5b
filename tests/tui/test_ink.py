"""Code gets its colours without changing a character, and never at the cost of the screen."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmgw_tui.ink import AT_ONCE, LANGUAGES, LONGEST_LINE, Code, Ink, load
from llmgw_tui.panes.blocks import BLOCK, laid_out
from llmgw_tui.panes.messages import text_lines
from llmgw_tui.panes.parts import every_line
from llmgw_tui.slices import at_once
from llmgw_tui.text import clean
from llmgw_tui.theme import GREEN, TEXT_STYLE

CODE = 'def f(x):\n    """Doc."""\n    return x + 1  # more\n'


def worked(ink: Ink) -> bool:
    """Whether there was anything to colour; it is done now."""
    load(*ink.missing)
    before = len(ink._known)
    at_once(ink.work())
    return len(ink._known) > before


def plain(ink: Ink, text: str, language: str) -> str:
    spans = ink.spans(Code(language, text))
    assert spans is not None
    return "".join(segment.text for segment in spans.between(text, 0, len(text)))


def styles(ink: Ink, text: str, language: str) -> set[object]:
    spans = ink.spans(Code(language, text))
    return {segment.style for segment in spans.between(text, 0, len(text))} if spans else set()


@pytest.mark.parametrize(("text", "language"), [(CODE, "python"), ('{"a": [1, "b"]}\n\n', "json"), ("\n\nx", "python")])
def test_colours_change_no_character(text: str, language: str) -> None:
    load("python")
    ink = Ink()
    assert plain(ink, text, language) == text
    assert text == "\n\nx" or len(styles(ink, text, language) - {TEXT_STYLE}) >= 2


def test_long_texts_and_new_languages_wait_until_they_are_in_sight() -> None:
    load("python")
    told: list[str] = []
    ink = Ink(lambda: told.append("work"))
    long = CODE * (AT_ONCE // len(CODE) + 1)
    assert ink.spans(Code("python", long)) is None and told == ["work"]
    assert worked(ink) and not worked(ink)
    assert plain(ink, long, "python") == long


def test_many_short_texts_are_not_all_coloured_at_once() -> None:
    load("python")
    ink = Ink()
    ink.begin()
    shown = [ink.spans(Code("python", f"{CODE}# {number}")) for number in range(100)]
    assert shown[0] is not None and shown[-1] is None
    assert worked(ink) and ink.spans(Code("python", f"{CODE}# 99")) is not None
    assert ink.spans(Code("python", f"{CODE}# 80")) is None, "what has long left the sight is not worked for"


def test_what_takes_too_long_stays_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    load("python")
    monkeypatch.setattr("llmgw_tui.ink.LONGEST_S", 0)
    ink = Ink()
    assert plain(ink, CODE, "python") == CODE and styles(ink, CODE, "python") == {TEXT_STYLE}


EVIL = (
    "",
    "\n",
    "a",
    "(",
    '"',
    '\\"',
    "<a ",
    "/*",
    "a.",
    "`",
    "```\n",
    "<<A\n",
    "- ",
    "a: |\n",
    "{{",
    "=begin\n",
    "<?",
    "x?",
)


@pytest.mark.parametrize("language", sorted(set(LANGUAGES.values()) - {"json"}))
def test_no_rule_of_a_language_runs_away(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One token is quick, whatever the text: between tokens everything else gets its turn."""
    load(language)
    monkeypatch.setattr("llmgw_tui.ink.LONGEST_S", 0.1)
    for evil in EVIL:
        ink, longest = Ink(), 0.0
        line = ((evil or " ") * LONGEST_LINE)[:LONGEST_LINE]
        assert ink.spans(Code(language, "\n".join([line] * (BLOCK // LONGEST_LINE)))) is None
        steps, last = ink.work(), time.thread_time()
        for _ in steps:
            now = time.thread_time()
            longest, last = max(longest, now - last), now
        assert longest < 0.05, evil


def test_a_line_without_end_is_coloured_in_json_alone() -> None:
    load("javascript")
    line = "var a = 1;" * 200
    ink = Ink()
    assert styles(ink, line, "javascript") == {TEXT_STYLE}
    assert len(styles(ink, f"[{', '.join(['12'] * 900)}]", "json")) == 2


@pytest.mark.parametrize(
    ("language", "text"),
    [
        *[("html", "<p class='a'>Hi</p>"), ("tsx", "const a: string = <B c={1}/>;"), ("rb", "def a\n  'b'\nend")],
        *[("php", "$a = 'b'; // c"), ("Dockerfile", "FROM a:1\nRUN echo 'b'"), ("md", "# A\n\n- **b**\n")],
        *[("kt", 'fun a() = "b"'), ("c#", 'class A { string b = "c"; }'), ("vue", "<template><a/></template>")],
    ],
)
def test_what_openclaws_users_write_has_colours(language: str, text: str) -> None:
    lines = every_line(text_lines(f"```{language}\n{text}\n```", 60, True, ink := Ink()))
    assert list(lines)
    worked(ink)
    assert styles(ink, text, LANGUAGES[language.lower()]) - {TEXT_STYLE}


def test_fenced_code_in_an_answer_is_coloured_and_the_rest_is_not() -> None:
    load("python")
    lines = list(every_line(text_lines(f"Look:\n```python\n{CODE}```\nThat \x1b[31mis all.", 60, False, Ink())))
    text = "\n".join("".join(segment.text for segment in line) for line in lines)
    assert "return x + 1" in text and "\x1b" not in text and "is all." in text
    styled = {segment.style for line in lines for segment in line if "def" in segment.text}
    assert styled and TEXT_STYLE not in styled


def test_a_fence_that_never_ends_loses_nothing() -> None:
    lines = list(every_line(text_lines("Look:\n```\nfirst\nlast", 60, False, Ink())))
    assert "last" in "".join(segment.text for segment in lines[-1])


# --- in blocks -------------------------------------------------------------------------------------------------------


@given(st.text(alphabet=st.sampled_from('ab {}[]",:\\\n\t\r\x1bé字\u0301'), max_size=60), st.integers(1, 300))
@example("x" * 97, 200)
@example("字" * 97, 150)
@example("e\u0301", 5_000)
@example("ab\r\n", 2_500)
def test_a_text_of_any_length_is_laid_out_without_losing_a_character(part: str, times: int) -> None:
    text = part * times
    rows = [block.words(row) for block in laid_out(text, 40, TEXT_STYLE, (), language="") for row in range(len(block))]
    assert "".join(rows) == clean(text).expandtabs(4).replace("\n", "") or "\t" in text or "\u0301" in text
    assert all(len(row) <= 82 for row in rows)


def test_rows_of_a_long_line_are_full_wherever_its_blocks_end() -> None:
    text = "".join(chr(ord("a") + number % 26) for number in range(3 * BLOCK + 17))
    blocks = list(laid_out(text, 60, TEXT_STYLE, (), language=""))
    rows = [block.words(row) for block in blocks for row in range(len(block))]
    assert len(blocks) > 3 and {len(row) for row in rows[:-1]} == {60}


def test_a_string_of_json_that_is_longer_than_any_block_is_one_string_to_its_end() -> None:
    said = 'A "quoted" word, a \\ and 12 numbers true. ' * 1_000
    text = json.dumps({"system": said, "max_tokens": 8192})
    ink, number = Ink(), 0
    for block in laid_out(text, 100, TEXT_STYLE, (), ink, language="json"):
        for row in range(len(block)):
            number += 1
            for segment in block.line(row):
                if re.search("quoted|word|numbers|true", segment.text):
                    assert segment.style is not None and segment.style.color is not None
                    assert segment.style.color.name == GREEN.lower(), (number, segment)
    assert number > 400 and any("8192" in segment.text for segment in block.line(len(block) - 1))


def test_code_is_cut_where_something_begins() -> None:
    text = (CODE + "\n") * 1_000
    blocks = list(laid_out(text, 80, TEXT_STYLE, (), language="python"))
    assert len(blocks) > 10 and all(block.text.startswith("def f") for block in blocks[:-1])
