"""What typed words find among the actions' names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_tui.fuzzy import best, found
from llmgw_tui.places import EVERYWHERE, INSIDE

NAMES = [(action.name.replace("_", " "), action.keys, action.help) for action in EVERYWHERE]
NAMES += [(name.replace(".", ": ").replace("_", " "), "", action.help) for name, action in INSIDE.items()]


def names_for(typed: str) -> list[str]:
    hits = [(hit, name) for name, key, explained in NAMES if (hit := found(typed, name, key, explained))]
    return [name for _, name in best(hits)]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("theme", ["theme"]),
        ("stop", ["stop gateway", "models: stop pull"]),
        ("load", ["load"]),
        ("pull", ["pull", "cancel pull"]),
        ("k", ["kill switch"]),
        ("KILL sw", ["kill switch"]),
        ("sbud", ["set budget"]),
        ("thme", ["theme"]),
        ("fp", ["force premium"]),
        ("budget set", ["set budget"]),
        ("models del", ["models: delete"]),
    ],
)
def test_the_best_comes_first(typed: str, first: list[str]) -> None:
    assert names_for(typed)[: len(first)] == first


@pytest.mark.parametrize("typed", ["theme", "sbud", "thme", "fp", "ascii"])
def test_nothing_else_is_listed_where_one_is_meant(typed: str) -> None:
    assert len(names_for(typed)) == 1


@pytest.mark.parametrize("typed", ["zzz", "emeht", "pll pull xx", "", " "])
def test_what_is_not_there_is_not_found(typed: str) -> None:
    assert names_for(typed) == []


def test_what_an_action_does_is_found_after_what_is_called_so() -> None:
    assert names_for("colours") == ["theme"]
    listed = names_for("load")
    assert listed.index("reload") < listed.index("models: pin")


@given(st.text(max_size=12), st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_typed_the_places_found_are_in_the_name(typed: str, name: str, explained: str) -> None:
    hit = found(typed, name, "", explained)
    assert hit is None or (hit.score > 0 and all(0 <= at < len(name.casefold()) for at in hit.at))
