"""A request of OpenAI's Responses as a chat completion request (Responses as of openai-python 3.54, 2026-11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway_core.model import JsonObject
from gateway_core.wire.json_values import is_integer, is_number, is_strings
from gateway_core.wire.responses_input import to_chat_messages
from gateway_core.wire.responses_tools import choose, tools_of, wrong
from gateway_core.wire.validation import LARGEST_LIMIT

_MOST_METADATA = 16
_SAME = ("temperature", "top_p", "parallel_tool_calls", "stop", "seed", "service_tier", "metadata")
_SAME_NAMES = ("user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention")
"""Fields that chat completions call the same."""
_ELSEWHERE = {
    "conversation": "llmgw keeps no conversations. Send the items as input, or use previous_response_id",
    "prompt": "templates are kept by OpenAI, so what they cost is not known here. Send the text as instructions",
}


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: is_integer(value) and low <= value <= high


def _number(high: float) -> Callable[[Any], bool]:
    return lambda value: is_number(value) and 0 <= value <= high


def _is_metadata(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= _MOST_METADATA
        and all(isinstance(text, str) and len(text) <= 512 and len(key) <= 64 for key, text in value.items())
    )


_SHAPES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("model", lambda value: isinstance(value, str) and 0 < len(value.strip()) <= 256, "the name of a model"),
    ("stream", lambda value: isinstance(value, bool), "true or false"),
    ("store", lambda value: isinstance(value, bool), "true or false"),
    ("background", lambda value: isinstance(value, bool), "true or false"),
    ("parallel_tool_calls", lambda value: isinstance(value, bool), "true or false"),
    ("max_output_tokens", _integer(1, LARGEST_LIMIT), "a positive integer"),
    ("max_tool_calls", _integer(1, LARGEST_LIMIT), "a positive integer"),
    ("top_logprobs", _integer(0, 20), "an integer from 0 to 20"),
    ("temperature", _number(2.0), "a number from 0 to 2"),
    ("top_p", _number(1.0), "a number from 0 to 1"),
    ("metadata", _is_metadata, "an object of up to 16 strings, keys up to 64 and values up to 512 characters long"),
    ("include", is_strings, "a list of strings"),
    ("truncation", lambda value: value in ("auto", "disabled"), "auto or disabled"),
    ("previous_response_id", _is_string, "the id of a response"),
    ("text", lambda value: isinstance(value, dict), "an object"),
    ("reasoning", lambda value: isinstance(value, dict), "an object"),
    ("stop", lambda value: isinstance(value, str) or is_strings(value), "a string or a list of strings"),
    ("stream_options", lambda value: isinstance(value, dict), "an object"),
    *((name, _is_string, "a string") for name in (*_SAME_NAMES, "service_tier")),
)


def to_chat(body: JsonObject) -> JsonObject:
    """The chat completion request. Raises :class:`Refused` for what is malformed or impossible; ``param`` names it.

    ``previous_response_id`` must be resolved before: its items are expected in ``input``.
    """
    _check(body)
    tools = tools_of(body)
    offered, choice = choose(body, tools)
    chat: JsonObject = {"model": body["model"], "messages": to_chat_messages(body)}
    optional: JsonObject = {
        "tools": offered or None,
        "tool_choice": choice if offered else None,
        "stream": body.get("stream"),
        "max_completion_tokens": body.get("max_output_tokens"),
        "response_format": _format(body.get("text") or {}),
        "verbosity": _word(body, "text", "verbosity"),
        "reasoning_effort": _word(body, "reasoning", "effort"),
        **{name: body.get(name) for name in (*_SAME, *_SAME_NAMES)},
    }
    tops = body.get("top_logprobs")
    if tops or "message.output_text.logprobs" in (body.get("include") or ()):
        optional |= {"logprobs": True, "top_logprobs": tops}
    return {**chat, **{name: value for name, value in optional.items() if value is not None}}


def _check(body: JsonObject) -> None:
    if "model" not in body:
        raise wrong("model", "must be the name of a model")
    for name, fits, shape in _SHAPES:
        value = body.get(name)
        if (value is not None or name == "model") and not fits(value):
            raise wrong(name, f"must be {shape}")
    if body.get("background"):
        raise wrong("background", "llmgw answers while the caller waits, streamed or not: leave it out or false")
    for name, text in _ELSEWHERE.items():
        if body.get(name) is not None:
            raise wrong(name, text)


def _word(body: JsonObject, outer: str, name: str) -> str | None:
    value = (body.get(outer) or {}).get(name)
    if value is not None and not isinstance(value, str):
        raise wrong(f"{outer}.{name}", "must be a string")
    return value


def _format(text: JsonObject) -> JsonObject | None:
    """``response_format``; None for plain text."""
    form = text.get("format")
    if form is None:
        return None
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    if kind != "json_schema":
        raise wrong("text.format.type", "must be text, json_object or json_schema")
    if not isinstance(form.get("schema"), dict):
        raise wrong("text.format.schema", "must be a JSON schema object")
    if not isinstance(form.get("name"), str) or not form["name"]:
        raise wrong("text.format.name", "must be a name")
    names = ("name", "description", "schema", "strict")
    return {"type": "json_schema", "json_schema": {name: form[name] for name in names if form.get(name) is not None}}
