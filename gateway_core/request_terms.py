"""What a filter of requests asks: its terms, and whether a request in memory fulfils them.

``store/request_sql.py`` asks the same of the store; tests/test_request_filter_always.py holds the two together.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TypeAlias

from gateway_core.frozen import frozen
from gateway_core.model import RequestRow
from gateway_core.request_words import row_text
from gateway_core.search_words import pattern_of

SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


@frozen
class Words:
    """Words in a row, in the request's own text or in what was said. ``whole``: the last does not go on either.

    Without words (a sign such as ``%``) ``sign`` is looked for in the preview.
    """

    words: tuple[str, ...]
    whole: bool = False
    sign: str = ""


@frozen
class Named:
    """A field is one of ``values``; or, not ``exact``, holds one of them, whatever the case of A to Z."""

    field: str
    values: tuple[str, ...]
    exact: bool


@frozen
class Compared:
    """A quantity against a number: micro-dollars, tokens, milliseconds."""

    quantity: str
    sign: str
    value: float


@frozen
class When:
    """A request came from ``first`` on and before ``end``, Unix seconds."""

    first: float
    end: float


@frozen
class Term:
    """One condition; ``inverted`` wants it not to hold."""

    test: Words | Named | Compared | When
    inverted: bool = False


@frozen
class Filter:
    """Terms that must all hold; none lets everything through.

    ``problem`` says what is wrong with the text from character ``at`` on (from 0); there are no terms then.
    ``hint`` says how what is being typed could go on; ``decided`` is the text before
    that, or before the problem.
    """

    terms: tuple[Term, ...] = ()
    problem: str = ""
    at: int = 0
    hint: str = ""
    decided: str = ""

    def matches(self, row: RequestRow, said: str = "") -> bool:
        """Whether the request fulfils it. ``said`` is what was asked and answered, as ``joined`` words."""
        return all(_holds(term.test, row, said) != term.inverted for term in self.terms)


def _holds(test: Words | Named | Compared | When, row: RequestRow, said: str) -> bool:
    match test:
        case Words():
            if not test.words:
                return test.sign in row.preview
            wanted = pattern_of(test.words, whole=test.whole)
            return wanted in row_text(row) or wanted in said
        case Named():
            value = FIELDS[test.field](row)
            return value in test.values if test.exact else any(part in lower(value) for part in test.values)
        case Compared():
            number = QUANTITIES[test.quantity](row)
            return number is not None and SIGNS[test.sign](number, test.value)
        case When():
            return test.first <= row.at < test.end


Field: TypeAlias = Callable[[RequestRow], str]
Quantity: TypeAlias = Callable[[RequestRow], float | None]

FIELDS: Mapping[str, Field] = {
    "tier": lambda row: row.served_by,
    "model": lambda row: row.model or row.asked_model,
    "provider": lambda row: row.provider or "",
    "client": lambda row: row.client,
    "lane": lambda row: row.lane.value,
    "purpose": lambda row: row.purpose,
    "session": lambda row: row.session or "",
    "status": lambda row: row.status.value,
    "cache": lambda row: row.cache.value,
    "route": lambda row: row.route,
    "error": lambda row: row.error_code or "",
    "id": lambda row: row.id,
}
QUANTITIES: Mapping[str, Quantity] = {
    "cost": lambda row: row.cost_microusd,
    "saved": lambda row: row.saved_microusd,
    "tokens": lambda row: row.input_tokens + row.output_tokens,
    "in": lambda row: row.input_tokens,
    "out": lambda row: row.output_tokens,
    "took": lambda row: row.latency_ms,
    "ttft": lambda row: row.first_token_ms,
}

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def lower(text: str) -> str:
    """A to Z made small and nothing else, as SQLite's ``lower`` does."""
    return text.translate(_LOWER)
