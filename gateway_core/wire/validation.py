"""What a chat completion request must look like. Unknown fields pass: a provider may know them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    for check in (_model, _messages, _tools, _numbers, _rest):
        for param, text in check(body):
            return invalid_request(f"{param}: {text}", param)
    return None


def _model(body: JsonObject) -> Iterator[Problem]:
    model = body.get("model")
    if not isinstance(model, str) or not model.strip() or len(model) > 256:
        yield "model", "must be the name of a model"


def _messages(body: JsonObject) -> Iterator[Problem]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "messages", "must be a list with at least one message"
        return
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            yield where, "must be an object"
        elif message.get("role") not in _ROLES:
            yield f"{where}.role", f"must be one of {', '.join(_ROLES)}"
        else:
            yield from _message(message, where)


def _message(message: JsonObject, where: str) -> Iterator[Problem]:
    role, content = message["role"], message.get("content")
    if content is None:
        if role not in ("assistant", "function"):
            yield f"{where}.content", "must be a string or a list of parts"
    elif isinstance(content, list):
        for index, part in enumerate(content):
            yield from _part(part, f"{where}.content[{index}]")
    elif not isinstance(content, str):
        yield f"{where}.content", "must be a string or a list of parts"
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        yield f"{where}.tool_call_id", "must be the id of the tool call this answers"
    if role == "assistant":
        yield from _tool_calls(message.get("tool_calls"), where)


def _part(part: Any, where: str) -> Iterator[Problem]:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        yield where, "must be an object with a type"
    elif part["type"] == "text" and not isinstance(part.get("text"), str):
        yield f"{where}.text", "must be a string"
    elif part["type"] == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if not isinstance(url, str) or not url:
            yield f"{where}.image_url.url", "must be a URL or a data URL"
    elif part["type"] == "file" and not isinstance(part.get("file"), dict):
        yield f"{where}.file", "must be an object with the file's data"


def _tool_calls(calls: Any, where: str) -> Iterator[Problem]:
    if calls is None:
        return
    if not isinstance(calls, list):
        yield f"{where}.tool_calls", "must be a list"
        return
    for index, call in enumerate(calls):
        here = f"{where}.tool_calls[{index}]"
        if not isinstance(call, dict) or not isinstance(call.get("id"), str):
            yield here, "must be an object with an id"
        elif not isinstance(call.get("type", "function"), str):
            yield f"{here}.type", "must be a string"
        elif call.get("type", "function") == "function":
            function = call.get("function")
            if not isinstance(function, dict) or not isinstance(function.get("name"), str):
                yield f"{here}.function.name", "must be a string"
            elif not isinstance(function.get("arguments"), str):
                yield f"{here}.function.arguments", "must be a string of JSON"


def _tools(body: JsonObject) -> Iterator[Problem]:
    tools = body.get("tools")
    if tools is not None and not isinstance(tools, list):
        yield "tools", "must be a list"
        return
    for index, tool in enumerate(tools or ()):
        where = f"tools[{index}]"
        if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
            yield where, "must be an object with a type"
        elif tool["type"] == "function":
            function = tool.get("function")
            if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
                yield f"{where}.function.name", "must be a name"
            elif not isinstance(function.get("parameters", {}), dict | None):
                yield f"{where}.function.parameters", "must be a JSON schema object"
    choice = body.get("tool_choice")
    if isinstance(choice, str) and choice not in _TOOL_CHOICES:
        yield "tool_choice", f"must be one of {', '.join(_TOOL_CHOICES)}, or name a function"
    elif isinstance(choice, dict) and not isinstance(choice.get("type"), str):
        yield "tool_choice.type", "must be a string"
    elif isinstance(choice, dict) and choice["type"] == "function":
        if not isinstance(as_object(choice.get("function")).get("name"), str):
            yield "tool_choice.function.name", "must be the name of a function"
    elif choice is not None and not isinstance(choice, str | dict):
        yield "tool_choice", "must be a string or an object"


def _numbers(body: JsonObject) -> Iterator[Problem]:
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        if value is not None and (not is_integer(value) or not 1 <= value <= LARGEST_LIMIT):
            yield name, "must be a positive integer"
    for name, most in (("temperature", 2.0), ("top_p", 1.0)):
        value = body.get(name)
        if value is not None and not (is_number(value) and 0 <= value <= most):
            yield name, f"must be a number from 0 to {most:g}"
    choices = body.get("n")
    if choices is not None and (not is_integer(choices) or choices != 1):
        yield "n", "must be 1: the gateway answers with one choice; send the request again for another"


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


def _rest(body: JsonObject) -> Iterator[Problem]:
    for name, fits, shape in _SHAPES:
        value = body.get(name)
        if value is not None and not fits(value):
            yield name, f"must be {shape}"
