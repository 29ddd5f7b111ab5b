"""What a chat completion request must look like. Unknown fields pass: a provider may know them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway_core.model import JsonObject, Refusal
from gateway_core.wire.errors import invalid_request
from gateway_core.wire.json_values import as_object, is_integer, is_number, is_strings

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_TOOL_CHOICES = ("none", "auto", "required")
LARGEST_LIMIT = 2**31 - 1

Problem = tuple[str, str]
"""Where, and what is wrong there."""


def validate(body: JsonObject) -> Refusal | None:
    """The first thing wrong with a request's body, None when it can be sent on.

    ``n`` above 1 is refused: cost, budget and cache are bound to one choice.
    """
    problem = _model(body) or _messages(body) or _tools(body) or _tool_choice(body) or _numbers(body) or _rest(body)
    return invalid_request(f"{problem[0]}: {problem[1]}", problem[0]) if problem else None


def _model(body: JsonObject) -> Problem | None:
    model = body.get("model")
    if not isinstance(model, str) or not model.strip() or len(model) > 256:
        return "model", "must be the name of a model"
    return None


def _messages(body: JsonObject) -> Problem | None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "messages", "must be a list with at least one message"
    for index, message in enumerate(messages):
        if problem := _message(message):
            place, text = problem
            return f"messages[{index}]{place}", text
    return None


def _message(message: Any) -> Problem | None:
    """What is wrong with a message; the place is one within it."""
    if not isinstance(message, dict):
        return "", "must be an object"
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        return ".role", f"must be one of {', '.join(_ROLES)}"
    if not isinstance(content, str) and (problem := _parts(content, role)):
        return problem
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        return ".tool_call_id", "must be the id of the tool call this answers"
    return _tool_calls(message["tool_calls"]) if role == "assistant" and "tool_calls" in message else None


def _parts(content: Any, role: str) -> Problem | None:
    """The same of a content that is no string."""
    if not isinstance(content, list):
        silent = content is None and role in ("assistant", "function")
        return None if silent else (".content", "must be a string or a list of parts")
    for index, part in enumerate(content):
        if problem := _part(part):
            return f".content[{index}]{problem[0]}", problem[1]
    return None


def _part(part: Any) -> Problem | None:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        return "", "must be an object with a type"
    if kind == "text":
        return None if isinstance(part.get("text"), str) else (".text", "must be a string")
    if kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if not isinstance(url, str) or not url:
            return ".image_url.url", "must be a URL or a data URL"
    elif kind == "file" and not isinstance(part.get("file"), dict):
        return ".file", "must be an object with the file's data"
    return None


def _tool_calls(calls: Any) -> Problem | None:
    if calls is None:
        return None
    if not isinstance(calls, list):
        return ".tool_calls", "must be a list"
    for index, call in enumerate(calls):
        here = f".tool_calls[{index}]"
        if not isinstance(call, dict) or not isinstance(call.get("id"), str):
            return here, "must be an object with an id"
        kind = call.get("type", "function")
        if kind == "function":
            function = call.get("function")
            if not isinstance(function, dict) or not isinstance(function.get("name"), str):
                return f"{here}.function.name", "must be a string"
            if not isinstance(function.get("arguments"), str):
                return f"{here}.function.arguments", "must be a string of JSON"
        elif not isinstance(kind, str):
            return f"{here}.type", "must be a string"
    return None


def _tools(body: JsonObject) -> Problem | None:
    tools = body.get("tools")
    if tools is None:
        return None
    if not isinstance(tools, list):
        return "tools", "must be a list"
    for index, tool in enumerate(tools):
        try:
            kind = tool["type"]
        except (KeyError, TypeError):
            kind = None
        if kind == "function":
            try:
                function, name = tool["function"], tool["function"]["name"]
            except (KeyError, TypeError):
                function = name = None
            if not isinstance(name, str) or not name:
                return f"tools[{index}].function.name", "must be a name"
            parameters = function.get("parameters")
            if parameters is not None and not isinstance(parameters, dict):
                return f"tools[{index}].function.parameters", "must be a JSON schema object"
        elif not isinstance(kind, str):
            return f"tools[{index}]", "must be an object with a type"
    return None


def _tool_choice(body: JsonObject) -> Problem | None:
    choice = body.get("tool_choice")
    if choice is None:
        return None
    if isinstance(choice, str):
        right = choice in _TOOL_CHOICES
        return None if right else ("tool_choice", f"must be one of {', '.join(_TOOL_CHOICES)}, or name a function")
    if not isinstance(choice, dict):
        return "tool_choice", "must be a string or an object"
    if not isinstance(choice.get("type"), str):
        return "tool_choice.type", "must be a string"
    if choice["type"] == "function" and not isinstance(as_object(choice.get("function")).get("name"), str):
        return "tool_choice.function.name", "must be the name of a function"
    return None


def _numbers(body: JsonObject) -> Problem | None:
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        if value is not None and not (is_integer(value) and 1 <= value <= LARGEST_LIMIT):
            return name, "must be a positive integer"
    for name, most in (("temperature", 2.0), ("top_p", 1.0)):
        if name in body and (value := body[name]) is not None and not (is_number(value) and 0 <= value <= most):
            return name, f"must be a number from 0 to {most:g}"
    choices = body.get("n")
    if choices is not None and (not is_integer(choices) or choices != 1):
        return "n", "must be 1: the gateway answers with one choice; send the request again for another"
    return None


_SHAPES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("stream", lambda value: isinstance(value, bool), "true or false"),
    ("stream_options", lambda value: isinstance(value, dict), "an object"),
    (
        "response_format",
        lambda value: isinstance(value, dict) and isinstance(value.get("type"), str),
        "an object with a type",
    ),
    ("parallel_tool_calls", lambda value: isinstance(value, bool), "true or false"),
    ("user", lambda value: isinstance(value, str), "a string"),
    ("stop", lambda value: isinstance(value, str) or is_strings(value), "a string or a list of strings"),
    ("reasoning_effort", lambda value: isinstance(value, str), "a string"),
)


def _rest(body: JsonObject) -> Problem | None:
    for name, fits, shape in _SHAPES:
        if name in body and (value := body[name]) is not None and not fits(value):
            return name, f"must be {shape}"
    return None
