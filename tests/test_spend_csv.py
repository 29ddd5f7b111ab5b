"""A report as CSV."""

from __future__ import annotations

import csv
import io

import pytest

from gateway_core.spend_csv import columns, csv_text
from gateway_core.spend_values import BY, SpendRow


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_a_name_that_a_spreadsheet_would_run_is_defused(name: str) -> None:
    (row,) = read(csv_text([SpendRow(session=name)], BY["session"]))
    assert row["session"].startswith("'")
    (row,) = read(csv_text([SpendRow(provider="groq", model=name)], BY["model"]))
    assert row["model"].startswith("'")


def test_other_names_and_losses_stay_as_they_are() -> None:
    row = SpendRow(session='agent:main "x", y', saved_microusd=-1_500, cost_microusd=7)
    (read_back,) = read(csv_text([row], BY["session"]))
    assert read_back["session"] == row.session
    assert (read_back["saved_usd"], read_back["cost_usd"]) == ("-0.001500", "0.000007")


def test_nothing_that_a_terminal_acts_on_is_in_it() -> None:
    text = csv_text([SpendRow(session="\x1b]0;owned\x07\u202egnp\x9b31m\x00")], BY["session"])
    assert all(character.isprintable() or character in "\r\n" for character in text)


def test_the_columns_are_what_it_goes_by_and_the_sums() -> None:
    assert columns(BY["lane"])[0] == "lane" and "price_known" not in columns(BY["lane"])
    assert columns(BY["model"])[:2] == ("provider", "model") and columns(BY["model"])[-1] == "price_known"
    assert not any(name.endswith("_microusd") for name in columns(BY["day"]))
