"""What is an embeddings request, and vectors on their way between formats."""

from __future__ import annotations

import math
import struct
from base64 import b64decode, b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model import Refusal
from gateway_core.wire.embeddings import (
    EmbeddingsRequest,
    pack,
    read_answer,
    read_request,
    read_vector,
    read_vectors,
    render_answer,
    render_vector,
    unpack,
)

coordinates = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50).filter(lambda v: math.hypot(*v) > 1e-6)


def test_one_text_is_a_list_of_one_and_unknown_fields_are_kept() -> None:
    asked = read_request({"model": " m ", "input": "a", "input_type": "query", "user": "me", "dimensions": 8})
    assert asked == EmbeddingsRequest("m", ("a",), False, 8, "me", {"input_type": "query"})
    assert read_request({"model": "m", "input": ["a", " "], "encoding_format": "base64"}) == EmbeddingsRequest(
        "m", ("a", " "), True, None, None, {}
    )


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("input", None, "at least one"),
        ("input", [], "at least one"),
        ("input", {"a": 1}, "at least one"),
        ("input", "", "[0] is empty"),
        ("input", ["a", ""], "[1] is empty"),
        ("input", ["a", None], "[1] must be a text"),
        ("input", [1, 2, 3], "token lists are not taken"),
        ("input", [[1, 2], [3]], "token lists are not taken"),
        ("input", ["a"] * 2049, "2049 texts are more than the 2048"),
        ("input", ["word " * 100_000] * 4, "tokens are more than the 300000"),
        ("model", None, "name of a model"),
        ("model", " ", "name of a model"),
        ("encoding_format", "int8", "float or base64"),
        ("dimensions", 0, "from 1 to"),
        ("dimensions", True, "from 1 to"),
        ("dimensions", "8", "from 1 to"),
        ("user", 7, "a string"),
    ],
)
def test_what_is_wrong_is_said_with_the_field(field: str, value: Any, told: str) -> None:
    refusal = read_request({"model": "m", "input": "a", field: value})
    assert isinstance(refusal, Refusal)
    assert (refusal.http_status, refusal.param) == (400, field)
    assert told in refusal.message


@given(coordinates)
def test_vectors_get_the_length_1_and_are_the_same_in_both_formats(numbers: list[float]) -> None:
    vector = read_vector(numbers)
    assert vector is not None
    assert math.hypot(*unpack(vector)) == pytest.approx(1, abs=1e-3)
    assert read_vector(b64encode(vector).decode()) == vector
    assert b64decode(orjson.loads(render_vector(vector, as_base64=True))) == vector
    assert pack(orjson.loads(render_vector(vector, as_base64=False))) == vector


@pytest.mark.parametrize(
    "value",
    [None, [], [0.0, 0.0], [1.0, None], [1.0, "2"], [True], ["a"], "", "?", "AAA=", b64encode(b"12345").decode(),
     b64encode(struct.pack("<2f", math.nan, 1)).decode(), b64encode(struct.pack("<f", math.inf)).decode()],
)  # fmt: skip
def test_what_is_no_vector_is_none(value: Any) -> None:
    assert read_vector(value) is None


def test_vectors_must_be_as_many_as_texts_and_of_one_size() -> None:
    assert read_vectors([[1.0], [1.0]], 2) is not None
    assert read_vectors([[1.0]], 2) is None
    assert read_vectors([[1.0], [1.0, 0.0]], 2) is None
    assert read_vectors("ab", 2) is None


def item(place: int | None, *numbers: float) -> dict[str, Any]:
    return {"embedding": list(numbers)} | ({} if place is None else {"index": place})


def test_an_answer_is_put_into_the_order_of_its_texts() -> None:
    found = read_answer({"data": [item(1, 0, 1), item(0, 1, 0)], "usage": {"prompt_tokens": 7}}, 2)
    assert found is not None
    assert [unpack(vector) for vector in found.vectors] == [(1, 0), (0, 1)]
    assert found.prompt_tokens == 7
    plain = read_answer({"data": [item(None, 1, 0), item(None, 0, 1)]}, 2)
    assert plain is not None and plain.vectors == found.vectors and plain.prompt_tokens is None


@pytest.mark.parametrize(
    "data",
    [None, [], [1, 2], [item(0, 1)], [item(0, 1), item(0, 1)], [item(0, 1), item(2, 1)], [item(0, 1), item(1)],
     [item(0, 1), {"index": "1", "embedding": [1.0]}], [item(0, 1), item(1, 1), item(2, 1)]],
)  # fmt: skip
def test_an_answer_without_a_vector_for_each_text_is_none(data: Any) -> None:
    assert read_answer({"data": data}, 2) is None


def test_an_answer_is_json_whatever_the_model_is_called() -> None:
    body = orjson.loads(render_answer('a"b', [b"[1.0]", b'"AACAPw=="'], {"prompt_tokens": 3}))
    assert body == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [1.0]},
            {"object": "embedding", "index": 1, "embedding": "AACAPw=="},
        ],
        "model": 'a"b',
        "usage": {"prompt_tokens": 3},
    }
