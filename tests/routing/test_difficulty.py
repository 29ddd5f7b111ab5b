"""The difficulty of a prompt, on prompts that nobody wrote by hand."""

from __future__ import annotations

import time

import pytest

from gateway_core.routing.difficulty import difficulty


@pytest.mark.parametrize("piece", ["\n", "\n\t", " \n", "- ", "1.", "- a\n\n", " ", "a"])
def test_no_text_holds_up_the_event_loop(piece: str) -> None:
    text = piece * 8_000
    began = time.perf_counter()
    difficulty(text)
    assert time.perf_counter() - began < 0.3


def test_a_list_of_demands_may_have_blank_lines_and_indents() -> None:
    rules = [one.name for one in difficulty("Do this:\n\n  1. first\n\n  2. second\n\n  3. third").features]
    assert "a list of demands" in rules
