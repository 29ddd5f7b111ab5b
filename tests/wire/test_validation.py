"""What is refused of a request, and with what words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from gateway_core.wire.validation import validate
from tests.wire.strategies import requests

Json = dict[str, Any]
USER = {"role": "user", "content": "hi"}
GOOD: Json = {"model": "m", "messages": [USER]}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@given(requests())
def test_every_legal_request_passes(body: Json) -> None:
    assert validate(body) is None


@pytest.mark.parametrize(
    "more",
    [
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}, USER]},
        {
            "messages": [
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "a", "content": ""},
            ]
        },
        {"max_tokens": 1, "n": 1, "temperature": 0, "stop": None, "stream": None, "tools": None},
        {"prompt_cache_key": "k", "reasoning_effort": "high", "store": False, "anything": {"at": ["all"]}},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}, "stream_options": {"include_usage": True}},
    ],
)
def test_what_real_clients_send_passes(more: Json) -> None:
    assert validate({**GOOD, **more}) is None


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"model": None}, "model"),
        ({"model": " "}, "model"),
        ({"model": "x" * 300}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {"role": "user"}}, "messages"),
        ({"messages": [USER, "hi"]}, "messages[1]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url.url"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": "x"}]}]}, "messages[0].content[0].file"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": "x"}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0]"),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]}
                ]
            },
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"tools": {}}, "tools"),
        ({"tools": [{}]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]},
            "tools[0].function.parameters",
        ),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": 3}, "tool_choice"),
        ({"tool_choice": {}}, "tool_choice.type"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_completion_tokens": -5}, "max_completion_tokens"),
        ({"max_completion_tokens": 10**12}, "max_completion_tokens"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"n": 2}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"response_format": "json"}, "response_format"),
        ({"stop": [1]}, "stop"),
        ({"user": 7}, "user"),
    ],
)
def test_what_is_wrong_is_named(more: Json, param: str) -> None:
    refusal = validate({**GOOD, **more})
    assert refusal is not None
    assert (refusal.code, refusal.http_status, refusal.param) == ("invalid_request", 400, param)
    assert refusal.message.startswith(f"{param}: must be ")


def test_the_word_timeout_is_in_no_refusal() -> None:
    """OpenClaw asks seven times when a 400 has it (facts of OpenClaw 2026.9.6)."""
    refusal = validate({**GOOD, "n": 3})
    assert refusal is not None
    assert "timeout" not in refusal.message
