"""A filter of requests while it is typed: what of it is in force, and what is to be said about the rest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from gateway_core.frozen import frozen
from gateway_core.model import RequestRow
from gateway_core.request_filter import parse
from gateway_core.request_terms import Filter


@frozen
class Typed:
    """``text`` as it stands in the field; ``in_force`` what of it can be understood.

    A term with a ``problem`` hides nothing: what stands before it stays in force.
    """

    text: str = ""
    in_force: str = ""
    problem: str = ""
    hint: str = ""

    def retyped(self, text: str, now: float, *, typing: bool) -> Typed:
        """The filter after a change of its text."""
        found = parse(text, now, typing=typing)
        if found.problem:
            return Typed(text, found.decided, found.problem)
        return Typed(text, found.decided, "", found.hint)

    @property
    def says(self) -> str:
        """What is wrong, or how it could go on; may hold what was typed."""
        return self.problem or self.hint


@lru_cache(maxsize=16)
def _filter(text: str, second: int) -> Filter:
    return parse(text, float(second))


def matching(rows: Sequence[RequestRow], wanted: Typed, now: float) -> Sequence[RequestRow]:
    """The rows that the filter lets through; it looks at the requests themselves, not at what was said in them."""
    if not wanted.in_force:
        return rows
    lets_through = _filter(wanted.in_force, int(now)).matches
    return [row for row in rows if lets_through(row)]
