"""What a filter line means, and what is said of one that means nothing."""

from __future__ import annotations

import pytest

from gateway_core.request_filter import parse
from gateway_core.request_terms import Compared, Named, Term, When, Words

NOW = 1_795_435_200.0
"""2026-11-23, 12:00 UTC."""
MIDNIGHT = NOW - 43_200


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("Größe", (Term(Words(("grosse",))),)),
        ('"in a row"', (Term(Words(("in", "a", "row"), whole=True)),)),
        ("agent:main", (Term(Words(("agent", "main"))),)),
        ("status: ok", (Term(Words(("status",))), Term(Words(("ok",))))),
        ("%", (Term(Words((), sign="%")),)),
        ("tier:premium,loc", (Term(Named("tier", ("premium", "local"), exact=True)),)),
        ("!cache:hit", (Term(Named("cache", ("exact", "semantic"), exact=True), inverted=True),)),
        ('session:"a b",C', (Term(Named("session", ("a b", "c"), exact=False)),)),
        ("cost>0.01", (Term(Compared("cost", ">", 10_000.0)),)),
        ("saved>=$1", (Term(Compared("saved", ">=", 1_000_000.0)),)),
        ("tokens<10k", (Term(Compared("tokens", "<", 10_000.0)),)),
        ("took>2s", (Term(Compared("took", ">", 2_000.0)),)),
        ("ttft:<=500ms", (Term(Compared("ttft", "<=", 500.0)),)),
        ("took=1m", (Term(Compared("took", "=", 60_000.0)),)),
        ("at:today", (Term(When(MIDNIGHT, MIDNIGHT + 86_400)),)),
        ("at:2026-11-22", (Term(When(MIDNIGHT - 86_400, MIDNIGHT)),)),
        ("since:2h", (Term(When(NOW - 7_200, 1e15)),)),
        ("before:14:30", (Term(When(-1e15, MIDNIGHT + 52_200)),)),
    ],
)
def test_a_line_means_its_terms(text: str, terms: tuple[Term, ...]) -> None:
    found = parse(text, NOW)
    assert (found.terms, found.problem) == (terms, "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "hello cst>0.01",
            "no number is called cst; choose cost, saved, tokens, in, out, took, ttft, or quote it (at character 7)",
        ),
        ("teir:premium", "no field is called teir; did you mean tier? Quote it to find the words"),
        ("tier:gold", "no tier is called gold; choose local, cheap, premium, cache"),
        ("cost>much", "cost> needs a number, such as 0.01 (dollars)"),
        ("model>3", "model takes a word: model:WORD"),
        ("since:soon", "since: needs 2h, 3d, today, 14:30 or 2026-11-23 (UTC)"),
    ],
)  # fmt: skip
def test_what_is_no_term_is_said_with_what_is_known(text: str, says: str) -> None:
    found = parse(text, NOW)
    assert found.problem == says and found.terms == ()


@pytest.mark.parametrize("line", ["tier:premium", "cost>0.01", "took>500ms", "since:today", "at:2026-11-23", '"a b"'])
def test_while_a_line_is_typed_nothing_but_what_is_meant_is_ever_in_force(line: str) -> None:
    """Each beginning is left out, or is a wider form of the whole; none is wrong."""
    for end in range(1, len(line)):
        found = parse(line[:end], NOW, typing=True)
        assert not found.problem, line[:end]
        kinds = {type(term.test) for term in found.terms}
        assert kinds <= {type(parse(line, NOW).terms[0].test)}, line[:end]


def test_a_blank_or_the_end_of_typing_decides() -> None:
    assert parse("cost", NOW, typing=True).terms == () and parse("cost", NOW, typing=True).hint == "cost>"
    assert parse("cost ", NOW, typing=True).terms == parse("cost", NOW).terms == (Term(Words(("cost",))),)
