"""Labels as lines of JSON."""

from __future__ import annotations

import pytest

from gateway_core.learning.lines import NoLabel, line_of, read_line, read_lines
from gateway_core.learning_values import Source
from gateway_core.store.labels import Label


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ({"prompt": "x", "tier": "local"}, 0.0),
        ({"prompt": "x", "tier": "cheap"}, 0.5),
        ({"prompt": "x", "tier": "premium", "weak": None}, 1.0),
        ({"prompt": "x", "weak": 0.2, "strong": 0.9}, 0.7),
        ({"prompt": "x", "weak": 1, "strong": 0}, 0.0),
        ({"prompt": "x", "tier": "cheap", "wanted": 0.25}, 0.25),
    ],
)
def test_a_line_says_what_was_wanted(line: object, wanted: float) -> None:
    label = read_line(line, 7.0)
    assert label.wanted == pytest.approx(wanted)
    assert (label.weight, label.source, label.at) == (1.0, Source.IMPORT, 7.0)


def test_the_same_prompt_is_the_same_label() -> None:
    one, other, same = (read_line({"prompt": text, "tier": "local"}, 7.0).request_id for text in ("a", "b", " a\n"))
    assert one == same != other


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("words", "no object"),
        (None, "no object"),
        ({}, "prompt is missing"),
        ({"prompt": "   ", "tier": "local"}, "prompt is missing"),
        ({"prompt": 4, "tier": "local"}, "prompt is missing"),
        ({"prompt": "x"}, "neither tier nor weak"),
        ({"prompt": "x", "weak": 0.5}, "neither tier nor weak"),
        ({"prompt": "x", "tier": "dear"}, "local, cheap or premium"),
        ({"prompt": "x", "tier": ["local"]}, "local, cheap or premium"),
        ({"prompt": "x", "weak": 0.5, "strong": 2}, "strong is a number"),
        ({"prompt": "x", "weak": True, "strong": 1}, "weak is a number"),
        ({"prompt": "x", "weak": float("nan"), "strong": 1}, "weak is a number"),
        ({"prompt": "x", "tier": "local", "weight": -1}, "weight is a number"),
    ],
)
def test_a_line_that_is_none_says_what_it_lacks(line: object, why: str) -> None:
    with pytest.raises(NoLabel, match=f"line 2: .*{why}"):
        read_lines([{"prompt": "x", "tier": "local"}, line], 7.0)


def test_what_is_written_is_read_again() -> None:
    label = Label("req_1", 3.0, Source.THUMB, "Wörter \ud83d", 0.25, 0.5, True, "cheap", 0.4, "up")
    again = read_line(line_of(label), 7.0)
    assert (again.text, again.wanted, again.weight) == (label.text, label.wanted, label.weight)
