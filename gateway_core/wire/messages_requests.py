"""A request of Anthropic's Messages API as a chat completion request (types of anthropic 2.12, November 2026).

OpenAI's own field is used where it has one. What it has none for travels in these extensions, which
``anthropic_messages`` reads back and ``openai_requests`` takes out:

- message ``thinking_blocks``: Anthropic's thinking and redacted_thinking blocks, unchanged;
- tool message ``is_error``, tool call ``caller``, ``cache_control`` on parts, calls, tool messages and tools;
- content parts of other types (``document``, ``search_result``, ``server_tool_use`` …) under their own type;
- tools of other types (``web_search_20250305`` …) as they stand, and Anthropic's own fields on function tools;
- body ``thinking`` (empty: effort is named, and whether to think is the model's own habit), ``top_k``, ``metadata``,
  and ``anthropic`` with every other field that OpenAI does not have.

An assistant turn whose blocks stand in an order that one chat message cannot say (thinking after text, text after a
call) becomes several assistant messages in a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from gateway_core.model import JsonObject

THINKING = ("thinking", "redacted_thinking")
UNSIGNED = "llmgw"
"""The signature of thinking that Claude did not write: clients give back only what is signed, and Anthropic must not
see it. It comes back as ``reasoning_content``."""
CALL_EXTRAS = ("cache_control", "caller")
TOOL_EXTRAS = ("cache_control", "strict", "defer_loading", "allowed_callers", "eager_input_streaming", "input_examples")
_SAME = ("model", "stream", "temperature", "top_p", "top_k", "metadata")
_TRANSLATED = frozenset(
    ("messages", "system", "max_tokens", "stop_sequences", "tools", "tool_choice", "thinking")
    + ("output_config", "output_format", *_SAME)
)
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def to_chat(body: JsonObject) -> JsonObject:
    """The chat completion request for a valid Messages request."""
    config = body.get("output_config") or {}
    choice = body.get("tool_choice") or {}
    made: JsonObject = {
        **{name: body.get(name) for name in _SAME},
        "messages": [*_system(body.get("system")), *_messages(body["messages"])],
        "max_completion_tokens": body.get("max_tokens"),
        "stop": body.get("stop_sequences") or None,
        "tools": [_tool(tool) for tool in body.get("tools") or ()] or None,
        "tool_choice": _choice(choice),
        "parallel_tool_calls": False if choice.get("disable_parallel_tool_use") is True else None,
        "reasoning_effort": config.get("effort"),
        "thinking": body.get("thinking") or ({} if config.get("effort") else None),
        "response_format": _format(config.get("format") or body.get("output_format")),
        "anthropic": _foreign(body, config),
    }
    return {name: value for name, value in made.items() if value is not None}


def _foreign(body: JsonObject, config: JsonObject) -> JsonObject | None:
    rest = {name: value for name, value in body.items() if name not in _TRANSLATED and value is not None}
    settings = {name: value for name, value in config.items() if name not in ("effort", "format")}
    if settings:
        rest["output_config"] = settings
    return rest or None


def _system(system: Any) -> list[JsonObject]:
    if not system:
        return []
    content = system if isinstance(system, str) else [dict(block) for block in system]
    return [{"role": "system", "content": content}]


def _messages(messages: Iterable[JsonObject]) -> Iterable[JsonObject]:
    for message in messages:
        content = message["content"]
        if message["role"] == "assistant":
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            yield from assistant_messages(blocks)
        elif isinstance(content, str):
            yield {"role": message["role"], "content": content}
        elif message["role"] == "system":
            yield from _system([block for block in content if block["type"] == "text"])
        else:
            yield from _user(content)


def _user(blocks: list[JsonObject]) -> Iterable[JsonObject]:
    """Tool results as messages of their own, then what the user said."""
    said = [_part(block) for block in blocks if block["type"] != "tool_result"]
    yield from (_result(block) for block in blocks if block["type"] == "tool_result")
    if said:
        yield {"role": "user", "content": said}


def _result(block: JsonObject) -> JsonObject:
    content = block.get("content")
    made: JsonObject = {"role": "tool", "tool_call_id": block["tool_use_id"]}
    made["content"] = [_part(part) for part in content] if isinstance(content, list) else content or ""
    if block.get("is_error") is True:
        made["is_error"] = True
    if block.get("cache_control"):
        made["cache_control"] = block["cache_control"]
    return made


def _part(block: JsonObject) -> JsonObject:
    """A block as OpenAI's part where that loses nothing, else under its own type."""
    source = block.get("source")
    names = set(block) - {"type", "cache_control"}
    if isinstance(source, dict):
        marked = {"cache_control": block["cache_control"]} if block.get("cache_control") else {}
        if block["type"] == "image" and names == {"source"} and source.get("type") in ("url", "base64"):
            return {"type": "image_url", "image_url": {"url": source.get("url") or data_url(source)}, **marked}
        if block["type"] == "document" and names <= {"source", "title"} and source.get("type") == "base64":
            named = {"filename": block["title"]} if block.get("title") else {}
            return {"type": "file", "file": {"file_data": data_url(source), **named}, **marked}
    return dict(block)


def data_url(source: JsonObject) -> str:
    """What a source of the type ``base64`` holds, as a URL."""
    return f"data:{source.get('media_type')};base64,{source.get('data')}"


def assistant_messages(blocks: Iterable[JsonObject]) -> list[JsonObject]:
    """An assistant's turn as one message, or as several in a row where its order says more than one can."""
    made: list[_Turn] = [_Turn()]
    for block in blocks:
        if not made[-1].takes(block):
            made.append(_Turn())
        made[-1].add(block)
    return [turn.message() for turn in made]


class _Turn:
    """One assistant message in the making: thinking, then text, then calls."""

    def __init__(self) -> None:
        self._thinking: list[JsonObject] = []
        self._thoughts: list[str] = []
        self._content: list[JsonObject] = []
        self._calls: list[JsonObject] = []

    def takes(self, block: JsonObject) -> bool:
        """Whether the block can follow what is there."""
        if block["type"] in THINKING:
            return not self._content and not self._calls
        return block["type"] == "tool_use" or not self._calls

    def add(self, block: JsonObject) -> None:
        if block["type"] == "thinking" and block.get("signature") in (UNSIGNED, "", None):
            self._thoughts.append(str(block.get("thinking") or ""))
        elif block["type"] in THINKING:
            self._thinking.append(block)
        elif block["type"] == "tool_use":
            self._calls.append(_call(block))
        else:
            self._content.append(_part(block))

    def message(self) -> JsonObject:
        made: JsonObject = {"role": "assistant", "content": _plain(self._content)}
        if self._thinking:
            made["thinking_blocks"] = self._thinking
        if self._thoughts:
            made["reasoning_content"] = "".join(self._thoughts)
        if self._calls:
            made["tool_calls"] = self._calls
        return made


def _plain(content: list[JsonObject]) -> str | list[JsonObject] | None:
    if len(content) == 1 and set(content[0]) == {"type", "text"}:
        return str(content[0]["text"])
    return content or None


def _call(block: JsonObject) -> JsonObject:
    function = {"name": block["name"], "arguments": orjson.dumps(block.get("input") or {}).decode()}
    more = {name: block[name] for name in CALL_EXTRAS if block.get(name)}
    return {"id": block["id"], "type": "function", "function": function, **more}


def _tool(tool: JsonObject) -> JsonObject:
    if tool.get("type", "custom") != "custom":
        return dict(tool)
    function = {"name": tool["name"], "parameters": tool.get("input_schema")}
    if tool.get("description") is not None:
        function["description"] = tool["description"]
    if tool.get("strict") is not None:
        function["strict"] = tool["strict"]
    more = {name: tool[name] for name in TOOL_EXTRAS if tool.get(name) is not None}
    return {"type": "function", "function": function, **more}


def _choice(choice: JsonObject) -> str | JsonObject | None:
    if choice.get("type") == "tool":
        return {"type": "function", "function": {"name": choice["name"]}}
    return _CHOICES.get(str(choice.get("type")))


def _format(form: Any) -> JsonObject | None:
    if not isinstance(form, dict):
        return None
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": form.get("schema")}}
