"""Whole requests of each protocol, and what they become with a wrong value at one place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]

WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    1e300,
    "",
    "text",
    [],
    [None],
    ["text"],
    [[]],
    {},
    {"type": 5},
    {"type": "unheard_of"},
    [{"type": None}],
)
GONE = object()
"""In the place of a value: there is none."""

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

WHOLE: dict[str, dict[str, Any]] = {
    "chat": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PIXEL}", "detail": "low"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "description": "Asks.", "parameters": _SCHEMA}}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": _SCHEMA}},
        "reasoning_effort": "low",
        "temperature": 1,
        "top_p": 1,
        "max_completion_tokens": 64,
        "n": 1,
        "stop": ["END"],
        "seed": 7,
        "user": "ada",
        "logit_bias": {},
        "metadata": {"a": "b"},
        "stream_options": {"include_usage": True},
        "stream": False,
        "context": "fuzz",
        "force_tier": "premium",
    },
    "messages": {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _PIXEL}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I ask."},
                    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "sunny"}]},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        "tools": [{"name": "weather", "description": "Asks.", "input_schema": _SCHEMA}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "max_tokens": 2048,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "output_config": {"effort": "low"},
        "metadata": {"user_id": "ada"},
        "stop_sequences": ["END"],
        "stream": False,
    },
    "responses": {
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is this?"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{_PIXEL}", "detail": "low"},
                ],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Rome"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sunny."}]},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [
            {"type": "function", "name": "weather", "description": "Asks.", "parameters": _SCHEMA, "strict": False},
            {"type": "custom", "name": "shell", "description": "Runs.", "format": {"type": "text"}},
            {
                "type": "namespace",
                "name": "crm",
                "tools": [{"type": "function", "name": "find", "parameters": _SCHEMA}],
            },
        ],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}]},
        "parallel_tool_calls": True,
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": _SCHEMA}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 64,
        "temperature": 1,
        "top_p": 1,
        "truncation": "disabled",
        "metadata": {"a": "b"},
        "store": False,
        "user": "ada",
        "stream": False,
    },
}


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every place in a request, outermost first; in a JSON schema of the caller's own only its root."""
    if at:
        yield at
    if at and at[-1] in ("schema", "parameters", "input_schema"):
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from places(one, (*at, name))


def put(body: dict[str, Any], at: Place, value: Any) -> dict[str, Any]:
    """The request with ``value`` at that place, or without it."""
    made = copy.deepcopy(body)
    inside: Any = made
    for name in at[:-1]:
        inside = inside[name]
    if value is GONE:
        del inside[at[-1]]
    else:
        inside[at[-1]] = value
    return made
