"""A table is kept within its bounds, and not counted at each write."""

from __future__ import annotations

import sqlite3

import pytest

from gateway_core.store.bounds import Bound


@pytest.fixture
def table() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE kept (at INTEGER, size INTEGER)")
    return connection


def _add(table: sqlite3.Connection, bound: Bound, at: int, size: int = 1) -> None:
    table.execute("INSERT INTO kept VALUES (?, ?)", (at, size))
    bound.added(table, size)


def _kept(table: sqlite3.Connection) -> list[int]:
    return [at for (at,) in table.execute("SELECT at FROM kept ORDER BY at")]


def test_the_oldest_go_where_there_are_too_many_or_they_are_too_large(table: sqlite3.Connection) -> None:
    bound = Bound("kept", "size", "at", 3, 100)
    for at in (5, 1, 4, 2, 3):
        _add(table, bound, at)
    assert _kept(table) == [3, 4, 5]
    _add(table, bound, 6, size=99)
    assert _kept(table) == [5, 6]


def test_what_was_there_before_counts_and_room_is_made_for_some_more(table: sqlite3.Connection) -> None:
    for at in range(500):
        table.execute("INSERT INTO kept VALUES (?, 1)", (at,))
    _add(table, Bound("kept", "size", "at", 200, 1_000), 500)
    assert _kept(table) == list(range(303, 501))


def test_it_is_counted_only_where_it_may_be_too_much(table: sqlite3.Connection) -> None:
    counted: list[str] = []
    table.set_trace_callback(lambda text: counted.append(text) if text.startswith("SELECT count") else None)
    bound = Bound("kept", "size", "at", 1_000, 10_000)
    for at in range(1_000):
        _add(table, bound, at)
    assert len(counted) == 1
    for at in range(1_000, 2_000):
        _add(table, bound, at)
    assert len(counted) < 250 and len(_kept(table)) <= 1_000
