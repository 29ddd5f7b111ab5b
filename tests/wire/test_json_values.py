"""Foreign JSON is read as what it should be, or as nothing."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_core.wire.json_values import as_list, as_object, as_objects, is_integer, is_number, is_strings, positive


@pytest.mark.parametrize("value", [None, True, 3, "text", [{"a": 1}]])
def test_what_is_no_object_reads_as_an_empty_one(value: Any) -> None:
    assert as_object(value) == {}


@pytest.mark.parametrize("value", [None, False, 3, "text", {"a": 1}])
def test_what_is_no_list_reads_as_an_empty_one(value: Any) -> None:
    assert as_list(value) == []
    assert as_objects(value) == []
    assert not is_strings(value)


def test_only_the_objects_of_a_list_are_read() -> None:
    assert as_objects([{"a": 1}, "text", None, [{}], {}]) == [{"a": 1}, {}]


@pytest.mark.parametrize("value", [True, False, None, "1", float("nan"), float("inf"), [1]])
def test_what_cannot_be_reckoned_with_is_no_number(value: Any) -> None:
    assert not is_number(value)
    assert not is_integer(value)
    assert positive(value) is None


def test_numbers_of_any_size_are_numbers() -> None:
    assert is_number(10**400)
    assert is_number(0.5)
    assert positive(10**400) == 10**400
    assert positive(0) is None
    assert positive(1.0) is None


def test_one_other_value_makes_a_list_no_list_of_strings() -> None:
    assert is_strings(["a", ""])
    assert not is_strings(["a", 1])
