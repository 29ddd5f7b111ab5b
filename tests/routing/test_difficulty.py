"""The difficulty of a prompt, on prompts that nobody wrote by hand."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_core.routing.difficulty import difficulty
from gateway_core.routing.measures import MEASURES, measured
from gateway_core.routing.rules import RULES, Rule, found_in


@pytest.mark.parametrize("piece", ["\n", "\n\t", " \n", "- ", "1.", "- a\n\n", " ", "a"])
def test_no_text_holds_up_the_event_loop(piece: str) -> None:
    text = piece * 8_000
    began = time.perf_counter()
    difficulty(text)
    assert time.perf_counter() - began < 0.3


def test_a_list_of_demands_may_have_blank_lines_and_indents() -> None:
    rules = [one.name for one in difficulty("Do this:\n\n  1. first\n\n  2. second\n\n  3. third").features]
    assert "a list of demands" in rules


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
@settings(max_examples=40)
@given(st.data())
def test_a_rule_is_found_wherever_its_pattern_is(rule: Rule, data: st.DataObject) -> None:
    pattern = re.compile(rule.pattern, re.IGNORECASE)
    text = data.draw(st.from_regex(pattern, alphabet=st.characters(max_codepoint=0x250)))[:600]
    assert found_in(text) == [one for one in RULES if one.applies(text)]


@given(st.text(st.sampled_from("aZ1²٣_ .,?\n")))
def test_long_words_and_digits_are_counted_alike_whatever_the_alphabet(text: str) -> None:
    """What is counted faster in plain ASCII comes to the same as with a letter before it that is none."""
    foreign = measured("é" + text)[MEASURES.index("numbers")], sum(map(str.isdigit, text))
    assert measured(text)[MEASURES.index("numbers")] == foreign[0]
    share, _ = measured(text)[MEASURES.index("share of digits")]
    assert share == foreign[1] / max(1, len(text))


@pytest.mark.parametrize(
    "words", ["A nicely chosen vocabulary", "der_die DER und_2 extraordinarily", "9wonderful9things_"]
)
def test_words_are_as_long_in_ascii_as_elsewhere(words: str) -> None:
    plain, _ = measured(words)[MEASURES.index("long words")]
    foreign, _ = measured(f"{words} ¡")[MEASURES.index("long words")]
    assert plain == foreign
