"""Arguments against a tool's schema: what a model gets wrong is found, what a client's schema gets wrong is not."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.wire.tool_schema import Misfit, fit

READ = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "lines": {"type": "integer"},
        "mode": {"enum": ["text", "binary"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "where": {"$ref": "#/$defs/place"},
    },
    "required": ["path"],
    "additionalProperties": False,
    "$defs": {"place": {"type": "object", "required": ["line"], "properties": {"line": {"type": "integer"}}}},
}


@pytest.mark.parametrize(
    "value",
    [
        {"path": "a"},
        {"path": "a", "lines": 3, "mode": "text", "tags": ["x"], "where": {"line": 1}},
        {"path": "a", "lines": 3.0},
        {"path": "a", "tags": []},
    ],
)
def test_what_fits_is_left_as_it_is(value: Any) -> None:
    assert fit(value, READ) == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, "path is missing"),
        ({"path": 5}, "path must be string"),
        ({"path": "a", "lines": "many"}, "lines must be integer"),
        ({"path": "a", "lines": True}, "lines must be integer"),
        ({"path": "a", "mode": "hex"}, "mode is none of the values allowed"),
        ({"path": "a", "colour": "red"}, "colour is not known"),
        ({"path": "a", "tags": ["x", 1]}, r"tags\[1\] must be string"),
        ({"path": "a", "where": {}}, "where.line is missing"),
        ([], "value must be object"),
    ],
)
def test_what_does_not_fit_is_named(value: Any, why: str) -> None:
    with pytest.raises(Misfit, match=f"^{why}$"):
        fit(value, READ)


@pytest.mark.parametrize(
    ("text", "kind", "meant"),
    [("5", "integer", 5), ("-1.5", "number", -1.5), ("true", "boolean", True), ("false", "boolean", False)],
)
def test_a_scalar_written_as_text_becomes_what_it_says(text: str, kind: str, meant: Any) -> None:
    (fitted,) = fit({"x": text}, {"properties": {"x": {"type": kind}}}).values()
    assert (fitted, type(fitted)) == (meant, type(meant))


@pytest.mark.parametrize(
    ("text", "kind"), [("1e99", "integer"), ("05", "integer"), ("1.5", "integer"), ("yes", "boolean")]
)
def test_a_text_that_may_mean_something_else_is_not_guessed_at(text: str, kind: str) -> None:
    with pytest.raises(Misfit):
        fit({"x": text}, {"properties": {"x": {"type": kind}}})


def test_one_of_several_is_enough() -> None:
    schema = {
        "properties": {"x": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "y": {"type": ["string", "null"]}}
    }
    assert fit({"x": None, "y": None}, schema) == {"x": None, "y": None}
    with pytest.raises(Misfit):
        fit({"x": []}, schema)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        True,
        "object",
        {"type": "strange"},
        {"type": ["object", 5]},
        {"type": {}},
        {"properties": []},
        {"required": "path"},
        {"required": [None, 5]},
        {"enum": {}},
        {"anyOf": {}},
        {"items": "x"},
        {"$ref": "#/nowhere"},
        {"$ref": 5},
        {"$ref": "https://example.org/schema"},
        {"properties": {"x": {"pattern": "(a+)+$"}}},
    ],
)
def test_a_broken_schema_lets_everything_pass(schema: Any) -> None:
    assert fit({"x": "y"}, schema) == {"x": "y"}


def test_a_schema_that_turns_in_a_circle_ends() -> None:
    circle: Any = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    assert fit({}, circle) == {}


def test_no_schema_holds_the_loop() -> None:
    """Combinations within combinations: 10 to the power of 12 ways, of which only so many are tried."""
    schema: Any = {"type": "string"}
    for _ in range(12):
        schema = {"anyOf": [schema] * 10}
    began = time.process_time()
    assert fit({"a": 1}, schema) == {"a": 1}
    assert time.process_time() - began < 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(values, values)
def test_whatever_the_schema_is_the_answer_is_a_value_or_a_misfit(value: Any, schema: Any) -> None:
    with contextlib.suppress(Misfit):
        fit(value, schema)


@given(values)
def test_a_value_fits_the_schema_that_says_nothing(value: Any) -> None:
    assert repr(fit(value, {"properties": {}})) == repr(value)
