"""What a Messages request must look like, said as Anthropic says it. Unknown fields and types of blocks pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway_core.model import JsonObject, Refusal
from gateway_core.wire.errors import invalid_request
from gateway_core.wire.json_values import as_object, is_integer, is_number, is_strings
from gateway_core.wire.messages_requests import THINKING
from gateway_core.wire.validation import LARGEST_LIMIT, Problem

_ROLES = ("user", "assistant", "system")
_CHOICES = ("auto", "any", "tool", "none")
_STRINGS = {
    "text": ("text",),
    "tool_use": ("id", "name"),
    "tool_result": ("tool_use_id",),
    "thinking": ("thinking",),
    "redacted_thinking": ("data",),
}
"""Fields of a block that must be strings, by its type."""
_SOURCES = {
    "base64": ("media_type", "data"),
    "url": ("url",),
    "text": ("data",),
    "file": ("file_id",),
}


def validate_messages(body: JsonObject, *, counts_only: bool = False) -> Refusal | None:
    """The first thing wrong with a Messages request, None when it can be translated.

    ``counts_only`` is for ``count_tokens``, which has no ``max_tokens``.
    """
    for check in (_model, _limit, _system, _messages, _tools, _numbers, _rest):
        if check is _limit and counts_only:
            continue
        for where, text in check(body):
            return invalid_request(f"{where}: {text}", where)
    return None


def _model(body: JsonObject) -> Iterator[Problem]:
    model = body.get("model")
    if model is None:
        yield "model", "Field required"
    elif not isinstance(model, str) or not model.strip() or len(model) > 256:
        yield "model", "Input should be the name of a model"


def _limit(body: JsonObject) -> Iterator[Problem]:
    limit = body.get("max_tokens")
    if limit is None:
        yield "max_tokens", "Field required"
    elif not is_integer(limit) or not 1 <= limit <= LARGEST_LIMIT:
        yield "max_tokens", "Input should be a positive integer"


def _system(body: JsonObject) -> Iterator[Problem]:
    system = body.get("system")
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        yield "system", "Input should be a string or a list of text blocks"
        return
    for index, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            yield f"system.{index}", "Input should be a text block"
        else:
            yield from _mark(block, f"system.{index}")


def _messages(body: JsonObject) -> Iterator[Problem]:
    messages = body.get("messages")
    if messages is None:
        yield "messages", "Field required"
    elif not isinstance(messages, list):
        yield "messages", "Input should be a valid list"
    elif not messages:
        yield "messages", "at least one message is required"
    else:
        for index, message in enumerate(messages):
            yield from _message(message, f"messages.{index}")


def _message(message: Any, where: str) -> Iterator[Problem]:
    if not isinstance(message, dict):
        yield where, "Input should be an object"
        return
    content = message.get("content")
    if message.get("role") not in _ROLES:
        yield f"{where}.role", "Input should be 'user' or 'assistant'"
    elif content is None:
        yield f"{where}.content", "Field required"
    elif isinstance(content, list):
        for index, block in enumerate(content):
            yield from _block(block, f"{where}.content.{index}", message["role"])
    elif not isinstance(content, str):
        yield f"{where}.content", "Input should be a string or a list of content blocks"


def _block(block: Any, where: str, role: str = "") -> Iterator[Problem]:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        yield where, "Input should be an object with a type"
        return
    kind = block["type"]
    yield from _mark(block, where)
    for name in _STRINGS.get(kind, ()):
        if not isinstance(block.get(name), str):
            yield f"{where}.{name}", "Field required" if block.get(name) is None else "Input should be a valid string"
    if kind == "tool_use" and not isinstance(block.get("input", {}), dict):
        yield f"{where}.input", "Input should be a valid dictionary"
    elif kind in ("image", "document"):
        yield from _source(block.get("source"), f"{where}.source")
    elif kind == "tool_result":
        yield from _result(block, where)
    elif kind == "search_result":
        yield from _blocks(block.get("content"), f"{where}.content")
    wrong_role = {"assistant": ("tool_result",), "user": ("tool_use", *THINKING)}
    if kind in wrong_role.get(role, ()):
        yield where, f"{kind} blocks are not allowed in {role} messages"


def _mark(marked: JsonObject, where: str) -> Iterator[Problem]:
    mark = marked.get("cache_control")
    if mark is not None and not (isinstance(mark, dict) and isinstance(mark.get("type"), str)):
        yield f"{where}.cache_control", "Input should be an object with a type"


def _source(source: Any, where: str) -> Iterator[Problem]:
    if not isinstance(source, dict):
        yield where, "Field required"
        return
    for name in _SOURCES.get(str(source.get("type")), ()):
        if not isinstance(source.get(name), str):
            yield f"{where}.{name}", "Input should be a valid string"
    if source.get("type") == "content":
        yield from _blocks(source.get("content"), f"{where}.content")


def _blocks(content: Any, where: str) -> Iterator[Problem]:
    """Content that is a string or blocks, where it is given at all."""
    if isinstance(content, list):
        for index, block in enumerate(content):
            yield from _block(block, f"{where}.{index}")
    elif content is not None and not isinstance(content, str):
        yield where, "Input should be a string or a list of content blocks"


def _result(block: JsonObject, where: str) -> Iterator[Problem]:
    content = block.get("content")
    yield from _blocks(content, f"{where}.content")
    for index, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, dict) and part.get("type") in ("tool_use", "tool_result", *THINKING):
            yield f"{where}.content.{index}", "not allowed in a tool_result"


def _tools(body: JsonObject) -> Iterator[Problem]:
    tools = body.get("tools")
    if tools is not None and not isinstance(tools, list):
        yield "tools", "Input should be a valid list"
        return
    for index, tool in enumerate(tools or ()):
        where = f"tools.{index}"
        if not isinstance(tool, dict):
            yield where, "Input should be an object"
            continue
        yield from _mark(tool, where)
        if tool.get("type") is not None and not isinstance(tool["type"], str):
            yield f"{where}.type", "Input should be a valid string"
        elif tool.get("type") in (None, "custom"):
            if not isinstance(tool.get("name"), str) or not tool["name"]:
                yield f"{where}.name", "Field required"
            elif not isinstance(tool.get("input_schema"), dict):
                yield f"{where}.input_schema", "Field required"
            elif not isinstance(tool.get("description", ""), str | None):
                yield f"{where}.description", "Input should be a valid string"
    yield from _choice(body.get("tool_choice"))


def _choice(choice: Any) -> Iterator[Problem]:
    if choice is None:
        return
    if not isinstance(choice, dict) or choice.get("type") not in _CHOICES:
        yield "tool_choice.type", f"Input should be one of {', '.join(_CHOICES)}"
    elif choice["type"] == "tool" and not isinstance(choice.get("name"), str):
        yield "tool_choice.name", "Field required"


def _numbers(body: JsonObject) -> Iterator[Problem]:
    for name in ("temperature", "top_p"):
        value = body.get(name)
        if value is not None and not (is_number(value) and 0 <= value <= 1):
            yield name, "Input should be a number from 0 to 1"
    top_k = body.get("top_k")
    if top_k is not None and not (is_integer(top_k) and top_k >= 0):
        yield "top_k", "Input should be a non-negative integer"


def _rest(body: JsonObject) -> Iterator[Problem]:
    if body.get("stream") is not None and not isinstance(body["stream"], bool):
        yield "stream", "Input should be a valid boolean"
    stops = body.get("stop_sequences")
    if stops is not None and not is_strings(stops):
        yield "stop_sequences", "Input should be a list of strings"
    for name in ("metadata", "thinking", "output_config", "output_format"):
        if body.get(name) is not None and not isinstance(body[name], dict):
            yield name, "Input should be an object"
    config, thinking = as_object(body.get("output_config")), as_object(body.get("thinking"))
    effort = config.get("effort")
    if effort is not None and not isinstance(effort, str):
        yield "output_config.effort", "Input should be a valid string"
    for form in (config.get("format"), body.get("output_format")):
        if form is not None and not (isinstance(form, dict) and isinstance(form.get("schema"), dict)):
            yield "output_config.format", "Input should be an object with a schema"
    if thinking.get("type") == "enabled" and not is_integer(thinking.get("budget_tokens")):
        yield "thinking.budget_tokens", "Input should be a valid integer"
