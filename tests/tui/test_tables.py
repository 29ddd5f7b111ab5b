"""Plain tables."""

from __future__ import annotations

import pytest

from llmgw_tui.tables import print_table

Printed = pytest.CaptureFixture[str]


def test_columns_stand_below_each_other_in_cells(capsys: Printed) -> None:
    widths = print_table([("name", "n", "what"), ("東京", "12", "a city"), ("Rome", "7", "東")], left=1, right=1)
    assert capsys.readouterr().out.splitlines() == ["name   n  what", "東京  12  a city", "Rome   7  東"]
    assert widths == [4, 2, 6]


def test_rows_that_come_later_keep_to_the_columns(capsys: Printed) -> None:
    widths = print_table([("a", "1")], left=1)
    widths = print_table([("bcd", "2")], left=1, at_least=widths)
    print_table([("e", "3")], left=1, at_least=widths)
    assert capsys.readouterr().out.splitlines() == ["a  1", "bcd  2", "e    3"]
