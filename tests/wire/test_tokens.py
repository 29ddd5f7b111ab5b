"""Estimates that are near, ceilings that hold, both fast."""

from __future__ import annotations

import base64
import random
import time
from string import ascii_lowercase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.wire import tokens
from gateway_core.wire.tokens import ceiling_tokens, estimate_tokens, measure, text_ceiling, text_tokens
from tests.wire.strategies import requests

PROSE = "The gateway answers from the cheapest place that will do, and shows all of it live. "
TOOL = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Reads a file of the workspace and returns its lines, numbered from one. " * 4,
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}}},
    },
}


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def first_turn() -> dict[str, Any]:
    """A body of the size and make of OpenClaw's first turn."""
    system = {"role": "system", "content": PROSE * 560}
    return ask(PROSE, messages=[system, {"role": "user", "content": PROSE}], tools=[TOOL] * 34)


def test_an_openclaw_first_turn_is_about_fourteen_thousand_tokens() -> None:
    size = measure(first_turn())
    assert 62_000 < size.body_bytes < 68_000
    assert 12_500 < size.input_tokens < 16_000
    assert size.input_tokens_ceiling < 3.5 * size.input_tokens


def test_an_estimate_of_a_first_turn_takes_well_under_a_millisecond() -> None:
    body = first_turn()
    times = []
    for _ in range(20):
        began = time.perf_counter()
        estimate_tokens(body)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.0005


@given(requests())
def test_the_estimate_stays_below_the_ceiling(body: dict[str, Any]) -> None:
    assert 0 < estimate_tokens(body) <= ceiling_tokens(body)


@given(st.text(max_size=200), st.text(max_size=200))
def test_more_text_is_never_fewer_tokens(one: str, other: str) -> None:
    assert text_tokens(one + other) >= text_tokens(one) - 1
    assert text_tokens(one) <= max(1, text_ceiling(one))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (base64.b64encode(random.Random(1).randbytes(3000)).decode(), 3000),
        ("7,1,0,4,9,2,8,3," * 100, 1600),
        (", ".join(map(str, range(3000))), 16_888),
        (" ".join("".join(random.Random(seed).choices(ascii_lowercase, k=7)) for seed in range(400)), 1814),
        ("\t\t\tif x:\n" * 200, 1001),
        ("550e8400-e29b-41d4-a716-446655440000 " * 100, 3699),
        ("{}[]();=>" * 100, 700),
        ("漢字" * 500, 1000),
        ("🦀" * 100, 300),
        ("Größenänderung " * 100, 600),
        (PROSE * 10, 210),
    ],
)
def test_the_ceiling_holds_for_what_tokenizers_cut_finely(text: str, tokens: int) -> None:
    """``tokens`` is what SmolLM2's tokenizer makes of it, one of the finest, or a little more."""
    assert text_ceiling(text) >= tokens


def test_the_data_of_images_is_not_text() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400_000}}
    size = measure(ask("", messages=[{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}]))
    assert size.images == 1
    assert size.input_tokens < 2_000
    assert 5_000 <= size.input_tokens_ceiling < 6_000


def test_tool_calls_and_tools_are_counted() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": PROSE * 50}}
    with_call = ask("", messages=[{"role": "assistant", "content": None, "tool_calls": [call]}])
    assert estimate_tokens(with_call) > 900
    assert estimate_tokens(ask("hi", tools=[TOOL])) > estimate_tokens(ask("hi")) + 60


def test_what_a_request_needs_is_measured() -> None:
    size = measure(ask("hi", max_tokens=50, max_completion_tokens=30, response_format={"type": "json_object"}), 77)
    assert (size.max_output_tokens, size.wants_json, size.tools, size.body_bytes) == (30, True, 0, 77)
    assert measure(ask("hi")).max_output_tokens is None


def test_a_deeply_nested_body_is_measured() -> None:
    value: Any = "x"
    for _ in range(3000):
        value = [value]
    assert estimate_tokens({"messages": [{"role": "user", "content": "x", "odd": value}]}) > 0


def test_old_functions_and_predictions_count() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    functions = [{"name": "f", "description": "word " * 500, "parameters": {}}]
    prediction = {"type": "content", "content": "word " * 500}
    for extra in ({"functions": functions}, {"prediction": prediction}):
        assert ceiling_tokens({**body, **extra}) - ceiling_tokens(body) >= 500


@pytest.mark.parametrize(
    "part",
    [
        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "container_upload", "file_id": "file_1"},
    ],
)
def test_a_document_that_only_the_provider_reads_may_fill_its_context(part: dict[str, Any]) -> None:
    size = measure({"model": "m", "messages": [{"role": "user", "content": [part]}]})
    assert size.input_tokens_ceiling >= 1_000_000
    assert 10_000 < size.input_tokens < 50_000


@pytest.mark.parametrize("times", [20, 200])
def test_a_long_text_is_looked_through_once_for_all_who_send_it(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def counted(text: str) -> int:
        looked.append(len(text))
        return text_ceiling(text)

    monkeypatch.setattr(tokens, "text_ceiling", counted)
    prompt = PROSE * times + "of this test alone"
    sizes = {
        measure({"model": "m", "user": who, "messages": [{"role": "system", "content": "" + prompt}]}) for who in "ab"
    }
    assert len({size.input_tokens_ceiling for size in sizes}) == 1
    assert looked == [len(prompt)]


def test_what_is_remembered_of_long_texts_is_bounded_and_depends_on_the_text_alone() -> None:
    texts = [f"{number} {PROSE * times}{'{}' * number}" for number in range(50) for times in (20, 150)]
    asked = [ask(text) for text in (*texts, *reversed(texts), "word " * 40_000)]
    for body in asked:
        said = body["messages"][0]["content"]
        assert ceiling_tokens(body) - ceiling_tokens(ask("")) == text_ceiling(said)
    for ceiling, most, longest, megabytes in (
        (tokens._long_ceiling, 16, tokens._LONGEST, 8),
        (tokens._turn_ceiling, 512, tokens._LONG, 16),
    ):
        known = ceiling.cache_info()
        assert known.maxsize is not None and known.currsize <= known.maxsize == most
        assert known.maxsize * longest * 4 <= megabytes * 1024 * 1024
