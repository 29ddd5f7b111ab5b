"""A filter means the same in memory and in the store, whatever it asks and whatever was logged."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_core.model import Status
from gateway_core.request_filter import parse
from gateway_core.request_pages import SORTS
from gateway_core.store import request_pages
from gateway_core.store.said import said_words
from tests.store.searching import InMemory, Said, filters, population
from tests.store.support import NOON

LOG = population(250)
CHECKS = [HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def filled() -> InMemory:
    store = InMemory()
    for one in LOG:
        store.add(one)
    return store


def _in_memory(text: str) -> set[str]:
    wanted = parse(text, NOON)
    assert not wanted.problem, wanted.problem
    return {one.row.id for one in LOG if wanted.matches(one.row, _said(one))}


@cache
def _said(one: Said) -> str:
    """What is searched of a request: nothing while it runs."""
    answer = None if one.answer is None else {"role": "assistant", "content": one.answer}
    return "" if one.row.status is Status.RUNNING else said_words(one.messages, answer)


@pytest.mark.parametrize("few_hits", [-1, 2_000])
def test_the_store_finds_what_the_predicate_lets_through(
    filled: InMemory, few_hits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways of looking words up: along the order, and by sorting what the index found."""
    monkeypatch.setattr(request_pages, "FEW_HITS", few_hits)

    @settings(max_examples=250, deadline=None)
    @given(filters)
    def same(text: str) -> None:
        page = filled.page(text, limit=len(LOG))
        assert {row.id for row in page.requests} == _in_memory(text)
        assert page.total == len(page.requests)

    same()


def test_without_fts5_it_finds_the_same() -> None:
    store = InMemory()
    store.connection.execute("UPDATE request_index SET value = 0 WHERE name = 'full_text'")
    for one in LOG:
        store.add(one)

    @settings(max_examples=150, deadline=None)
    @given(filters)
    def same(text: str) -> None:
        assert {row.id for row in store.page(text, limit=len(LOG)).requests} == _in_memory(text)

    same()


@pytest.mark.parametrize(("few_hits", "first_rows"), [(2_000, 0), (-1, 0), (-1, 40), (-1, 100)])
@settings(max_examples=40, deadline=None, suppress_health_check=CHECKS)
@given(filters, st.sampled_from(SORTS), st.booleans(), st.integers(7, 60))
def test_pages_put_together_are_the_whole_in_order(
    filled: InMemory, few_hits: int, first_rows: int, text: str, sort: str, turned: bool, limit: int
) -> None:
    """Whether words are in few requests, in many, or in many of those that come first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(request_pages, "FEW_HITS", few_hits)
        patch.setattr(request_pages, "FIRST_ROWS", first_rows)
        patch.setattr(request_pages, "FIRST_FILTERED", 2 * first_rows)
        _pages_are_the_whole(filled, text, f"-{sort}" if turned else sort, limit)


def _pages_are_the_whole(filled: InMemory, text: str, sort: str, limit: int) -> None:
    whole = [row.id for row in filled.page(text, sort, limit=len(LOG)).requests]
    page = filled.page(text, sort, limit=limit)
    paged = [row.id for row in page.requests]
    assert page.total == len(whole)
    while page.next:
        page = filled.page(text, sort, page.next, limit)
        paged += [row.id for row in page.requests]
    assert paged == whole
    other = sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"
    assert [row.id for row in filled.page(text, other, limit=len(LOG)).requests] == whole[::-1]


@settings(max_examples=200, deadline=None, suppress_health_check=CHECKS)
@given(st.text(max_size=40) | st.lists(st.sampled_from("!\":<>=,.$ab1 tier:cost'()*^-+{}"), max_size=12).map("".join))
def test_no_text_is_an_error_of_the_store(filled: InMemory, text: str) -> None:
    """Nothing that is typed is a syntax error, of ours or of FTS5's; nor does it raise while it is typed."""
    parse(text, NOON, typing=True)
    wanted = parse(text, NOON)
    if wanted.problem:
        assert wanted.terms == () and (not wanted.at or f"(at character {wanted.at + 1})" in wanted.problem)
    else:
        filled.page(text, limit=10)


def test_sqlite_walks_along_an_index_in_every_order() -> None:
    """A page costs the same wherever it is: no sort of the whole, and the cursor is where the index is entered."""
    store = InMemory()
    for sort in SORTS:
        for way in (sort, f"-{sort}"):
            order = request_pages._Order(sort, way.startswith("-"))
            behind = order.behind((1, 1.0, "x"))
            plan = _plan(store.connection, f"{behind.sql} ORDER BY {order.by}", behind.values)
            assert "USING INDEX requests_" in plan and "SCAN" not in plan, (way, plan)
            assert "FOR ORDER BY" not in plan, (way, plan)


def _plan(connection: sqlite3.Connection, condition: str, values: Sequence[object]) -> str:
    found = connection.execute(f"EXPLAIN QUERY PLAN SELECT preview FROM requests WHERE {condition} LIMIT 9", values)
    return " / ".join(row[3] for row in found)
